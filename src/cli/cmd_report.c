/* hpac report: what a training came to, or how several compare. */
#include "commands.h"

#include "base/interrupt.h"
#include "report/report.h"

#include <stdio.h>

static const cli_option options[] = {
    {.name = "out",
     .kind = CLI_TEXT,
     .argument = "DIR",
     .help = "folder for report.html and plots/; otherwise RUN itself, of several RUNs report"},
    CLI_JSON,
    CLI_QUIET,
    {0},
};

static hpac_status print(const cli_arguments *arguments, const hpac_report *report)
{
    if (!cli_flag(arguments, "json")) {
        printf("%s\n", hpac_report_page(report));
        return HPAC_OK;
    }
    const hpac_table *tables[HPAC_REPORT_TABLES];
    size_t count = hpac_report_tables(report, tables);
    return hpac_tables_write_json(tables, count, stdout);
}

static hpac_status run(const cli_arguments *arguments)
{
    int count;
    const char *const *folders = cli_operands(arguments, &count);
    const char *out = cli_text(arguments, "out");
    char folder[CLI_FOLDER_NBYTES];
    hpac_status status = out ? cli_out_folder(arguments, "", folder) : HPAC_OK;
    if (status != HPAC_OK)
        return status;
    if (!out && count > 1)
        out = "report";
    const hpac_report_options wanted = {
        .folders = folders,
        .folder_count = (size_t)count,
        .out = out,
        .stop = hpac_watch_stop_signals(),
    };
    hpac_report *report;
    status = hpac_report_open(&wanted, &report);
    if (status == HPAC_OK)
        status = hpac_report_save(report);
    if (status == HPAC_OK)
        status = print(arguments, report);
    hpac_report_close(report);
    return status;
}

static const cli_note files[] = {
    {"report.html", "every plot and table on one page, pictures inside"},
    {"plots/", "the plots as PNG and SVG, and the tables they are drawn from"},
    {0},
};

static const cli_note examples[] = {
    {"hpac report runs/improved", "Write the report of a run into its folder."},
    {"hpac report runs/improved_batch128 runs/improved_nodropout --out dropout",
     "Lay the curves of two runs over one another."},
    {0},
};

const cli_command cmd_report = {
    .name = "report",
    .operands = "RUN [RUN...]",
    .summary = "plot what a training came to, or how several compare",
    .description =
        "RUN is the folder of a training, of a cross-validation (train --fold all), of a sweep, "
        "or any folder with runs in it. Writes report.html, one page with every plot and table in "
        "it, and plots/ with the pictures as PNG and SVG and the tables they are drawn from. Of "
        "several runs the page lays their curves over one another and tells what differs in their "
        "configurations. A run that is not finished is reported as far as it came. An earlier "
        "report is replaced; nothing else in RUN is touched. The path of the page is printed at "
        "the end.",
    .options = options,
    .files = files,
    .examples = examples,
    .result_is_files = true,
    .run = run,
};
