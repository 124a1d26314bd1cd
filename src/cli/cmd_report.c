/* hpac report: tables and plots of a training, or of several compared. */
#include "commands.h"
#include "option_rows.h"

#include "base/interrupt.h"
#include "report/report.h"

#include <stdio.h>

static const cli_option options[] = {
    OPTION_PATH("out", "DIR", NULL,
                "directory for report.html and plots/; otherwise RUN, or report for several runs"),
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
    size_t count;
    const hpac_table *tables = hpac_report_tables(report, &count);
    return hpac_tables_write_json(tables, count, stdout);
}

static hpac_status run(const cli_arguments *arguments)
{
    int count;
    const char *const *runs = cli_operands(arguments, &count);
    const char *out = cli_text(arguments, "out");
    char checked[CLI_PATH_NBYTES];
    if (out)
        HPAC_TRY(cli_out_directory(arguments, "", checked));
    const hpac_report_options wanted = {
        .runs = runs,
        .run_count = (size_t)count,
        .out = out || count == 1 ? out : "report",
        .stop = hpac_watch_stop_signals(),
    };
    hpac_report *report;
    hpac_status status = hpac_report_open(&wanted, &report);
    if (status == HPAC_OK)
        status = hpac_report_save(report);
    if (status == HPAC_OK)
        status = print(arguments, report);
    hpac_report_close(report);
    return status;
}

static const cli_note files[] = {
    {"report.html", "one page with every plot and table"},
    {"plots/", "the plots as PNG and SVG, and their tables"},
    {0},
};

static const cli_note examples[] = {
    {"hpac report runs/improved", "Write the report of a run into its directory."},
    {"hpac report runs/improved_batch128 runs/improved_nodropout --out dropout",
     "Compare the curves of two runs."},
    {0},
};

const cli_command cmd_report = {
    .name = "report",
    .operands = "RUN [RUN...]",
    .summary = "plot the metrics of a run, or compare several runs",
    .description =
        "RUN is the directory of a training, of a cross-validation (train --fold all), of a sweep, "
        "or any directory with runs in it. Writes report.html, one page with every plot and table, "
        "and plots/ with the pictures as PNG and SVG and the tables they are drawn from. For "
        "several runs the page overlays their curves and lists the configuration keys that differ. "
        "An unfinished run is reported up to its last epoch. An earlier report is replaced; "
        "nothing "
        "else in RUN is changed. The path of the page is printed at the end.",
    .options = options,
    .files = files,
    .examples = examples,
    .result_is_files = true,
    .run = run,
};
