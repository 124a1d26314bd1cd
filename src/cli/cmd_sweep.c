/* hpac sweep: many trainings from one file. */
#include "options.h"
#include "progress.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "experiment/sweep.h"

#include <string.h>

static hpac_status print(const cli_arguments *arguments, const hpac_table *results)
{
    HPAC_AUTO(hpac_table_fini) hpac_table shown = {0};
    if (cli_flag(arguments, "json"))
        return hpac_tables_write_json(results, 1, stdout);
    if (cli_flag(arguments, "dry-run") && cli_flag(arguments, "quiet"))
        return HPAC_OK;
    (cli_flag(arguments, "dry-run") ? hpac_sweep_list : hpac_sweep_rank)(results, &shown);
    return hpac_table_print(&shown, 0, stdout);
}

static hpac_status run(const cli_arguments *arguments)
{
    size_t set_count;
    const char *const *sets = cli_list(arguments, "set", &set_count);
    HPAC_AUTO(hpac_sweep_fini) hpac_sweep sweep = {0};
    HPAC_AUTO(hpac_table_fini) hpac_table results = {0};
    HPAC_AUTO_FREE char *directory = NULL;
    HPAC_AUTO_FREE char *path = NULL;
    HPAC_TRY(cli_find_configuration(cli_operand(arguments, 0), &path));
    HPAC_TRY(hpac_sweep_load(path, sets, (int)set_count, &sweep));
    HPAC_TRY_MEMORY(directory = cli_out_directory(arguments, sweep.name), strlen(sweep.name));
    const hpac_sweep_options options = {
        .sweep = &sweep,
        .directory = directory,
        .device = cli_text(arguments, "device"),
        .force = cli_flag(arguments, "force"),
        .dry_run = cli_flag(arguments, "dry-run"),
        .report = !cli_flag(arguments, "no-report"),
        .stop = hpac_watch_stop_signals(),
        .progress = progress_show,
    };
    hpac_status status = hpac_sweep_run_all(&options, &results);
    progress_end();
    /* Results are also shown when the loss of some runs is not finite. */
    if (status == HPAC_OK || status == HPAC_ERR_NUMERIC)
        HPAC_TRY(print(arguments, &results));
    return status;
}

const cli_command cmd_sweep = {
    .name = "sweep",
    .operands = "SWEEP",
    .summary = "train many configurations and compare them",
    .description =
        "Trains every run of a sweep into a directory of its own below --out, and updates "
        "sweep.csv. SWEEP is a file, or the name of one that is installed (sweep). All runs are "
        "checked before the first starts; "
        "images are decoded once for all. Finished runs are skipped; others are resumed, or "
        "trained to more epochs. A sweep that was stopped or killed continues with the same "
        "command, without --force if that was given: --force deletes all runs before the first "
        "starts. At the end the runs are printed, best first: highest mean F1 on the validation "
        "images after the last epoch, then lower loss. A run whose loss or weights become "
        "non-finite is reported, the others continue, and the exit code is 5.",
    .options = {OPTION_LIST("set", "KEY=VALUE", "override a key in every run; may be repeated"),
                CLI_DEVICE,
                OPTION_PATH("out", "DIR", NULL,
                            "directory of the sweep (default: runs/<name of the sweep>)"),
                OPTION_FLAG("force", "delete all runs, finished ones too, and train them again"),
                OPTION_FLAG("dry-run", "check and list all runs, but train nothing"), CLI_NO_REPORT,
                CLI_VERBOSE, CLI_QUIET, CLI_JSON},
    .files = {{"sweep.csv",
               "one row per run: schedule, steps, time, final and best losses, accuracy and F1"},
              {"sweep.yaml", "a copy of the sweep"},
              {"RUN/", "one run directory per run; hpac help train lists its files"},
              {"report.html, plots/", "comparison of the runs; not with --no-report"}},
    .examples = {{"hpac sweep sweep --dry-run",
                  "Check and list the four runs of the reference notebooks."},
                 {"hpac sweep sweep", "Train them, or continue where they were stopped."},
                 {"hpac sweep sweep --set train.seed=1 --out runs/seed1",
                  "Train them with another seed."}},
    .result_is_files = true,
    .run = run,
};
