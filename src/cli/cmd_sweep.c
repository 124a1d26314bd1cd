/* hpac sweep: many trainings from one file. */
#include "commands.h"
#include "progress.h"

#include "base/interrupt.h"
#include "experiment/sweep.h"

#include <stdio.h>

static const cli_option options[] = {
    {"set", CLI_LIST, "KEY=VALUE", NULL, "override a key in every run; may be repeated", false, 0,
     0},
    CLI_DEVICE,
    {"out", CLI_TEXT, "DIR", NULL, "folder of the sweep; otherwise runs/ and the sweep's name",
     false, 0, 0},
    {"force", CLI_FLAG, NULL, NULL,
     "throw all runs away, those that are finished too, and train them again", false, 0, 0},
    {"dry-run", CLI_FLAG, NULL, NULL, "check every run and list them, train nothing", false, 0, 0},
    {"no-report", CLI_FLAG, NULL, NULL, "write no report.html and no plots at the end", false, 0,
     0},
    CLI_QUIET,
    CLI_JSON,
    {0},
};

static hpac_status print(const cli_arguments *arguments, const hpac_table *results)
{
    if (cli_flag(arguments, "json"))
        return hpac_tables_write_json(&results, 1, stdout);
    hpac_table shown;
    if (cli_flag(arguments, "dry-run"))
        hpac_sweep_list(results, &shown);
    else
        hpac_sweep_rank(results, &shown);
    hpac_status status = hpac_table_print(&shown, 0, stdout);
    hpac_table_fini(&shown);
    return status;
}

/* Runs that failed by their numbers do not keep the others from being shown. */
static hpac_status run_sweep(const cli_arguments *arguments, const hpac_sweep *sweep,
                             const char *folder)
{
    const hpac_sweep_options sweep_options = {
        .sweep = sweep,
        .folder = folder,
        .device = cli_text(arguments, "device"),
        .force = cli_flag(arguments, "force"),
        .dry_run = cli_flag(arguments, "dry-run"),
        .report = !cli_flag(arguments, "no-report"),
        .stop = hpac_watch_stop_signals(),
        .progress = progress_show,
    };
    hpac_table results;
    progress_begin(cli_flag(arguments, "quiet"));
    hpac_status status = hpac_sweep_run_all(&sweep_options, &results);
    progress_end();
    if (status == HPAC_OK || status == HPAC_ERR_NUMERIC) {
        hpac_status printed = print(arguments, &results);
        status = printed == HPAC_OK ? status : printed;
    }
    hpac_table_fini(&results);
    return status;
}

static hpac_status run(const cli_arguments *arguments)
{
    int set_count;
    const char *const *sets = cli_list(arguments, "set", &set_count);
    hpac_sweep sweep;
    hpac_status status = hpac_sweep_load(cli_operand(arguments, 0), sets, set_count, &sweep);
    if (status != HPAC_OK)
        return status;
    char folder[CLI_FOLDER_NBYTES];
    status = cli_out_folder(arguments, sweep.name, folder);
    if (status == HPAC_OK)
        status = run_sweep(arguments, &sweep, folder);
    hpac_sweep_fini(&sweep);
    return status;
}

static const cli_note files[] = {
    {"sweep.csv", "a row a run: schedule, steps, time, final and best losses, accuracies and F1"},
    {"sweep.yaml", "a copy of the sweep"},
    {"RUN/", "a folder a run, as train makes it"},
    {"report.html, plots/", "the runs beside one another; left out with --no-report"},
    {0},
};

static const cli_note examples[] = {
    {"hpac sweep configs/sweep.yaml --dry-run", "Check the write-ups' four runs and list them."},
    {"hpac sweep configs/sweep.yaml", "Train them, or go on where they were stopped."},
    {"hpac sweep configs/sweep.yaml --set train.seed=1 --out runs/seed1",
     "The same with another seed in every run."},
    {0},
};

const cli_command cmd_sweep = {
    .name = "sweep",
    .operands = "SWEEP",
    .summary = "train many configurations and compare them",
    .description =
        "Trains every run of a sweep (configs/sweep.yaml, docs/sweeps.md) into a folder of its "
        "own below --out, and keeps sweep.csv. All runs are checked before the first begins; "
        "images are decoded once for all. Runs that are finished are left alone and others go on "
        "where they stopped, or to more epochs, so that a sweep that was stopped or killed goes on "
        "with the same command, without --force if that was given: it throws all runs away before "
        "the first begins. At the end the runs are printed, best first: the highest mean F1 on the "
        "validation images after the last epoch, then the lower loss. A run whose loss or weights "
        "are not finite is told of, the others go on, and the exit code is 5.",
    .options = options,
    .files = files,
    .examples = examples,
    .result_is_files = true,
    .run = run,
};
