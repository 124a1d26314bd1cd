/* hpac report: tables and plots of a training, or of several compared. */
#include "open_page.h"
#include "options.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "report/report.h"

static void close_report(hpac_report **report)
{
    hpac_report_close(*report);
}

static hpac_status run(const cli_arguments *arguments)
{
    size_t count;
    const char *const *runs = cli_operands(arguments, &count);
    const char *out = cli_text(arguments, "out");
    const hpac_report_options options = {
        .runs = runs,
        .run_count = count,
        .out = out || count == 1 ? out : "report",
        .stop = hpac_watch_stop_signals(),
    };
    HPAC_AUTO(close_report) hpac_report *report = NULL;
    HPAC_TRY(hpac_report_open(&options, &report));
    HPAC_TRY(hpac_report_save(report));
    if (cli_flag(arguments, "open"))
        open_page(hpac_report_page(report));
    if (!cli_flag(arguments, "json")) {
        printf("%s\n", hpac_report_page(report));
        return HPAC_OK;
    }
    const hpac_table *tables = hpac_report_tables(report, &count);
    return hpac_tables_write_json(tables, count, stdout);
}

const cli_command cmd_report = {
    .name = "report",
    .operands = "RUN [RUN...]",
    .summary = "plot the metrics of a run, or compare several runs",
    .description =
        "RUN is the directory of a training, of a cross-validation (train --fold all), of a sweep, "
        "or any directory with these in it. Writes report.html, one page with every plot and "
        "table, and plots/ with the pictures as PNG and SVG and the tables they are drawn from. "
        "For several runs the page overlays their curves and lists the configuration keys that "
        "differ. An unfinished run is reported up to its last epoch. An earlier report is "
        "replaced; nothing else in RUN is changed. The path of the page is printed at the end.",
    .options =
        {OPTION_PATH(
             "out", "DIR", NULL,
             "directory for report.html and plots/ (default: RUN, or report for several runs)"),
         OPTION_FLAG("open", "show the page in the browser (xdg-open)"), CLI_JSON, CLI_QUIET},
    .files = {{"report.html", "one page with every plot and table"},
              {"plots/", "the plots as PNG and SVG, and their tables"}},
    .examples = {{"hpac report runs/improved", "Write the report of a run into its directory."},
                 {"hpac report runs/improved --open", "The same, and show it in the browser."},
                 {"hpac report runs/improved_batch128 runs/improved_nodropout --out dropout",
                  "Compare the curves of two runs."}},
    .result_is_files = true,
    .run = run,
};
