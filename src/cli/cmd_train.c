/* hpac train: from a configuration to a run directory. */
#include "commands.h"
#include "option_rows.h"
#include "progress.h"

#include <hpac/trainer.h>

#include "base/interrupt.h"
#include "rundir/run_files.h"
#include "render/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const cli_option options[] = {
    CLI_SET,
    OPTION_TEXT(
        "fold", "K|all", NULL,
        "train fold K of the split (data.split.fold), or all: one run each, and their mean"),
    CLI_DEVICE,
    OPTION_PATH("out", "DIR", NULL, "run directory; otherwise runs/ and the configuration's name"),
    OPTION_FLAG("resume", "continue an unfinished run, or a finished one with more epochs, with "
                          "bit-identical results"),
    OPTION_FLAG("force", "delete an earlier run and start again"),
    OPTION_FLAG("dry-run", "run all checks, print data, network and memory, train nothing"),
    OPTION_FLAG("profile", "time every operation: a table at the end, and profile.csv"),
    CLI_NO_REPORT,
    CLI_QUIET,
    OPTION_FLAG("json", "print the final metrics as JSON, one row per fold, instead of the run "
                        "directory's path"),
    {0},
};

static bool all_folds(const cli_arguments *arguments)
{
    const char *fold = cli_text(arguments, "fold");
    return fold && strcmp(fold, "all") == 0;
}

/* Loads the configuration; --fold K is one more override. */
static hpac_status load_config(const cli_arguments *arguments, hpac_config *config)
{
    int count;
    const char *const *sets = cli_list(arguments, "set", &count);
    const char *fold = all_folds(arguments) ? NULL : cli_text(arguments, "fold");
    const char **all = calloc((size_t)count + 1, sizeof *all);
    char *own = NULL;
    hpac_status status;
    if (!all || (fold && asprintf(&own, "data.split.fold=%s", fold) < 0)) {
        status = hpac_fail_memory(((size_t)count + 1) * sizeof *all);
        own = NULL;
        goto out;
    }
    for (int i = 0; i < count; i++)
        all[i] = sets[i];
    all[count] = own;
    status = hpac_config_load(cli_operand(arguments, 0), all, count + (own != NULL), config);
out:
    free(own);
    free(all);
    return status;
}

static hpac_status train_with(const cli_arguments *arguments, const hpac_config *config,
                              const char *directory)
{
    hpac_device_options device_options =
        hpac_config_device_options(config, cli_text(arguments, "device"));
    hpac_device *device;
    HPAC_TRY(hpac_device_open(&device_options, &device));
    hpac_train_options train_options = {
        .config = config,
        .device = device,
        .directory = directory,
        .resume = cli_flag(arguments, "resume"),
        .force = cli_flag(arguments, "force"),
        .dry_run = cli_flag(arguments, "dry-run"),
        .plan = stdout,
        .profile = cli_flag(arguments, "profile"),
        .report = !cli_flag(arguments, "no-report"),
        .stop = hpac_watch_stop_signals(),
        .progress = progress_show,
    };
    progress_begin(cli_flag(arguments, "quiet"));
    hpac_status status =
        all_folds(arguments) ? hpac_train_folds(&train_options) : hpac_train(&train_options);
    progress_end();
    device->ops->close(device);
    return status;
}

static hpac_status print_result(const cli_arguments *arguments, const hpac_config *config,
                                const char *directory)
{
    if (!cli_flag(arguments, "json")) {
        printf("%s\n", directory);
        return HPAC_OK;
    }
    const hpac_split_options *split = &config->data.split;
    hpac_table results;
    hpac_status status = hpac_train_results(
        directory, all_folds(arguments) ? split->folds * split->repeats : 0, &results);
    if (status == HPAC_OK)
        status = hpac_tables_write_json(&results, 1, stdout);
    hpac_table_fini(&results);
    return status;
}

static hpac_status run(const cli_arguments *arguments)
{
    bool dry_run = cli_flag(arguments, "dry-run");
    if (cli_flag(arguments, "json") && dry_run)
        return hpac_fail(HPAC_ERR_CONFIG, "train: --json and --dry-run exclude each other");
    if (cli_flag(arguments, "resume") && cli_flag(arguments, "force"))
        return hpac_fail(HPAC_ERR_CONFIG, "train: --resume and --force exclude each other");
    hpac_config config;
    HPAC_TRY(load_config(arguments, &config));
    char directory[CLI_PATH_NBYTES];
    hpac_status status = cli_out_directory(arguments, config.name, directory);
    if (status == HPAC_OK)
        status = train_with(arguments, &config, directory);
    if (status == HPAC_OK && !dry_run)
        status = print_result(arguments, &config, directory);
    hpac_config_fini(&config);
    return status;
}

#define RUN_FILE_NOTE(NAME, name, time, description) {(name), (description)},

static const cli_note files[] = {
    HPAC_RUN_FILES(RUN_FILE_NOTE) /* run_files.h */
    {"report.html, plots/", "the training report; not with --no-report"},
    {"fold0/, fold1/, ..., folds.csv",
     "with --fold all: one run directory per fold, and a table with one row per fold"},
    {0},
};

static const cli_note examples[] = {
    {"hpac train configs/improved_batch128.yaml --dry-run",
     "Check all labels and files, and the memory needed; train nothing."},
    {"hpac train configs/demo.yaml --set train.batch_size=64 --out runs/batch64",
     "Train with another batch size."},
    {"hpac train configs/improved.yaml --fold all", "Cross-validate: one model per fold."},
    {0},
};

const cli_command cmd_train = {
    .name = "train",
    .operands = "CONFIG",
    .summary = "train a network",
    .description =
        "Reads labels and images, trains, validates after every epoch, and writes to the run "
        "directory the model (model.h5, best.h5), metrics.csv and other tables, report.html with "
        "plots/, and with data.test the submission. The path of the directory is printed at the "
        "end. Ctrl-C, SIGTERM, SIGHUP and SIGUSR1 finish the batch and save; the exit code is 130, "
        "and --resume (in place of --force, if that was given) continues from there. With --fold "
        "all the run directory has fold0, fold1, ..., each a run, folds.csv and a report on all; "
        "predict averages their models. Configurations: configs/*.yaml, docs/configuration.md.",
    .options = options,
    .files = files,
    .examples = examples,
    .result_is_files = true,
    .run = run,
};
