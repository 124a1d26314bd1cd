/* hpac train: from a configuration to a run directory. */
#include "options.h"
#include "progress.h"

#include <hpac/log.h>
#include <hpac/trainer.h>

#include "base/file.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "experiment/folds.h"
#include "rundir/rundir.h"

#include <string.h>

static hpac_status set_fold(const char *text, hpac_config *config)
{
    const hpac_split_options *split = &config->data.split;
    long long last = split->folds * split->repeats - 1, fold;
    if (!cli_read_integer(text, 0, last, &fold))
        return hpac_fail(HPAC_ERR_CONFIG,
                         "--fold: expected all or an integer in [0, %lld] (folds x repeats - 1), "
                         "not \"%s\"",
                         last, text);
    config->data.fold = (int)fold;
    return HPAC_OK;
}

/* The file with --set, and with --fold, if that is not NULL. */
static hpac_status load_config(const cli_arguments *arguments, const char *fold,
                               hpac_config *config)
{
    size_t count;
    const char *const *sets = cli_list(arguments, "set", &count);
    HPAC_AUTO_FREE const char **all = NULL;
    HPAC_AUTO_FREE char *path = NULL;
    HPAC_TRY(cli_find_configuration(cli_operand(arguments, 0), &path));
    HPAC_TRY_NEW(all, count + 1);
    for (size_t i = 0; i < count; i++)
        all[i] = sets[i];
    if (fold) /* any split has it, whatever the fold of the file, which is replaced */
        all[count++] = "data.split.fold=0";
    HPAC_TRY(hpac_config_load(path, all, (int)count, config));
    return fold ? set_fold(fold, config) : HPAC_OK;
}

static hpac_status train(const cli_arguments *arguments, const hpac_config *config, bool all_folds,
                         const char *directory)
{
    const hpac_device_options device_options =
        hpac_config_device_options(config, cli_text(arguments, "device"));
    HPAC_AUTO(close_device) hpac_device *device = NULL;
    HPAC_TRY(hpac_device_open(&device_options, &device));
    const hpac_train_options options = {
        .config = config,
        .device = device,
        .directory = directory,
        .resume = cli_flag(arguments, "resume"),
        .force = cli_flag(arguments, "force"),
        .dry_run = cli_flag(arguments, "dry-run"),
        .plan = cli_flag(arguments, "quiet") ? NULL : stdout,
        .profile = cli_flag(arguments, "profile"),
        .report = !cli_flag(arguments, "no-report"),
        .stop = hpac_watch_stop_signals(),
        .progress = progress_show,
    };
    return all_folds ? hpac_train_folds(&options) : hpac_train(&options);
}

/* Replaces the default directory by the next one where it has another run. */
static hpac_status choose_directory(const cli_arguments *arguments, const hpac_config *config,
                                    bool all_folds, char **directory)
{
    HPAC_AUTO_FREE char *base = *directory;
    *directory = NULL;
    return rundir_choose(base, config, all_folds, cli_flag(arguments, "resume"), directory);
}

static hpac_status run(const cli_arguments *arguments)
{
    const char *fold = cli_text(arguments, "fold");
    bool all_folds = fold && strcmp(fold, "all") == 0;
    bool dry_run = cli_flag(arguments, "dry-run"), json = cli_flag(arguments, "json");
    HPAC_AUTO(hpac_config_fini) hpac_config config = {0};
    HPAC_AUTO(hpac_table_fini) hpac_table results = {0};
    HPAC_AUTO_FREE char *directory = NULL;
    if (json && dry_run)
        return hpac_fail(HPAC_ERR_CONFIG, "train: --json and --dry-run exclude each other");
    if (cli_flag(arguments, "resume") && cli_flag(arguments, "force"))
        return hpac_fail(HPAC_ERR_CONFIG, "train: --resume and --force exclude each other");
    HPAC_TRY(load_config(arguments, all_folds ? NULL : fold, &config));
    HPAC_TRY_MEMORY(directory = cli_out_directory(arguments, config.name), strlen(config.name));
    if (!cli_text(arguments, "out"))
        HPAC_TRY(choose_directory(arguments, &config, all_folds, &directory));
    if (cli_flag(arguments, "resume") && !hpac_path_exists(directory))
        hpac_log_info("%s: nothing to resume; starting from the beginning", directory);
    HPAC_TRY(train(arguments, &config, all_folds, directory));
    progress_end();
    if (!json) {
        if (!dry_run)
            printf("%s\n", directory);
        return HPAC_OK;
    }
    int folds = config.data.split.folds * config.data.split.repeats;
    HPAC_TRY(hpac_train_results(directory, all_folds ? folds : 0, &results));
    return hpac_tables_write_json(&results, 1, stdout);
}

#define RUN_FILE_NOTE(NAME, name, time, description) {(name), (description)},

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
        "predict averages their models. CONFIG is a file, or the name of one that is installed, "
        "such as improved; hpac help config lists the keys.",
    .options = {CLI_SET,
                OPTION_TEXT(
                    "fold", "K|all", NULL,
                    "train fold K of the split (data.split.fold), or all: one run per fold, "
                    "and their mean"),
                CLI_DEVICE,
                OPTION_PATH("out", "DIR", NULL,
                            "run directory (default: runs/<name of the configuration>, or with -2, "
                            "-3, ... behind it while it has a run of another configuration)"),
                OPTION_FLAG("resume",
                            "continue an unfinished run, or a finished one with more epochs, with "
                            "bit-identical results"),
                OPTION_FLAG("force",
                            "delete an earlier run (of this configuration, or with --out of any) "
                            "and start again"),
                OPTION_FLAG("dry-run",
                            "check and print data, network, memory; train nothing, ignore --out"),
                OPTION_FLAG("profile", "time every operation: a table at the end, and profile.csv"),
                CLI_NO_REPORT, CLI_VERBOSE, CLI_QUIET,
                OPTION_FLAG("json",
                            "print the final metrics as JSON, one row per fold, instead of the run "
                            "directory's path")},
    .files = {HPAC_RUN_FILES(RUN_FILE_NOTE) /* run_files.h */
              {"report.html, plots/", "the training report; not with --no-report"},
              {"fold0/, fold1/, ..., folds.csv",
               "with --fold all: one run directory per fold, and a table with one row per fold"}},
    .examples = {{"hpac train improved_batch128 --dry-run",
                  "Check all labels and files, and the memory needed; train nothing."},
                 {"hpac train demo --set train.batch_size=64 --out runs/batch64",
                  "Train with another batch size."},
                 {"hpac train improved --fold all", "Cross-validate: one model per fold."}},
    .result_is_files = true,
    .run = run,
};
