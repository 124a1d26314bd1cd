/* hpac train: from a configuration to a run folder. */
#include "commands.h"
#include "progress.h"

#include <hpac/trainer.h>

#include "base/interrupt.h"
#include "render/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const cli_option options[] = {
    {"set", CLI_LIST, "KEY=VALUE", NULL, "override a key of the configuration; may be repeated",
     false, 0, 0},
    {"fold", CLI_TEXT, "K|all", NULL,
     "train this fold of the split (data.split.fold), or all: a run each, and their mean", false, 0,
     0},
    CLI_DEVICE,
    {"out", CLI_TEXT, "DIR", NULL, "run folder; otherwise runs/ and the configuration's name",
     false, 0, 0},
    {"resume", CLI_FLAG, NULL, NULL,
     "go on with an unfinished run, or a finished one that gets more epochs, bit for bit", false, 0,
     0},
    {"force", CLI_FLAG, NULL, NULL, "throw away what an earlier run left, and begin anew", false, 0,
     0},
    {"dry-run", CLI_FLAG, NULL, NULL,
     "make every check, print data, network and memory, train nothing", false, 0, 0},
    {"profile", CLI_FLAG, NULL, NULL,
     "time every operation: a table at the end, and profile.csv in the run folder", false, 0, 0},
    {"no-report", CLI_FLAG, NULL, NULL, "write no report.html and no plots at the end", false, 0,
     0},
    CLI_QUIET,
    {"json", CLI_FLAG, NULL, NULL,
     "print the final figures as JSON, of all folds a row each, in place of the folder's name",
     false, 0, 0},
    {0},
};

static bool all_folds(const cli_arguments *arguments)
{
    const char *fold = cli_text(arguments, "fold");
    return fold && strcmp(fold, "all") == 0;
}

/* The configuration, --fold K being one more override. */
static hpac_status load_config(const cli_arguments *arguments, hpac_config *config)
{
    int count;
    const char *const *sets = cli_list(arguments, "set", &count);
    const char **all = calloc((size_t)count + 1, sizeof *all);
    char *own = NULL;
    if (!all)
        return hpac_fail_memory(((size_t)count + 1) * sizeof *all);
    for (int i = 0; i < count; i++)
        all[i] = sets[i];
    hpac_status status = HPAC_OK;
    if (cli_text(arguments, "fold") && !all_folds(arguments)) {
        if (asprintf(&own, "data.split.fold=%s", cli_text(arguments, "fold")) < 0) {
            own = NULL;
            status = hpac_fail_memory(0);
        }
        all[count++] = own;
    }
    if (status == HPAC_OK)
        status = hpac_config_load(cli_operand(arguments, 0), all, count, config);
    free(own);
    free(all);
    return status;
}

static hpac_status train_with(const cli_arguments *arguments, const hpac_config *config,
                              const char *folder)
{
    hpac_device_options device_options =
        hpac_config_device_options(config, cli_text(arguments, "device"));
    hpac_device *device;
    hpac_status status = hpac_device_open(&device_options, &device);
    if (status != HPAC_OK)
        return status;
    hpac_train_options train_options = {
        .config = config,
        .device = device,
        .folder = folder,
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
    status = all_folds(arguments) ? hpac_train_folds(&train_options) : hpac_train(&train_options);
    progress_end();
    device->ops->close(device);
    return status;
}

static hpac_status print_result(const cli_arguments *arguments, const hpac_config *config,
                                const char *folder)
{
    if (!cli_flag(arguments, "json")) {
        printf("%s\n", folder);
        return HPAC_OK;
    }
    const hpac_split_options *split = &config->data.split;
    hpac_table results;
    const hpac_table *tables[] = {&results};
    hpac_status status = hpac_train_results(
        folder, all_folds(arguments) ? split->folds * split->repeats : 0, &results);
    if (status == HPAC_OK)
        status = hpac_tables_write_json(tables, 1, stdout);
    hpac_table_fini(&results);
    return status;
}

static hpac_status run(const cli_arguments *arguments)
{
    if (cli_flag(arguments, "json") && cli_flag(arguments, "dry-run"))
        return hpac_fail(HPAC_ERR_CONFIG, "train: a dry run has no figures for --json");
    if (cli_flag(arguments, "resume") && cli_flag(arguments, "force"))
        return hpac_fail(HPAC_ERR_CONFIG, "train: --resume and --force exclude each other");
    hpac_config config;
    hpac_status status = load_config(arguments, &config);
    if (status != HPAC_OK)
        return status;
    char folder[CLI_FOLDER_NBYTES];
    status = cli_out_folder(arguments, config.name, folder);
    if (status == HPAC_OK)
        status = train_with(arguments, &config, folder);
    if (status == HPAC_OK && !cli_flag(arguments, "dry-run"))
        status = print_result(arguments, &config, folder);
    hpac_config_fini(&config);
    return status;
}

static const cli_note files[] = {
    {"config.yaml", "the configuration with all defaults; train reads it back"},
    {"run.json", "state, versions, device, seed, times"},
    {"train.log", "what was said"},
    {"losses.csv, batch_losses.csv", "training and validation loss an epoch; loss a batch"},
    {"batch_counts.csv", "true positives, false positives and false negatives a batch"},
    {"metrics.csv, class_metrics.csv",
     "loss, accuracy and F1 an epoch; precision, recall and F1 a class"},
    {"predictions.csv", "probabilities of the validation images"},
    {"submission_proba.csv, submission.csv",
     "with data.test: probabilities and answers for the test images"},
    {"profile.csv", "with --profile: the time of every operation"},
    {"model.h5, best.h5, resume.h5", "the model after the last epoch; that of the lowest "
                                     "validation loss; what --resume goes on from"},
    {"report.html, plots/", "how it went; left out with --no-report"},
    {"fold0/, fold1/, ..., folds.csv", "with --fold all: a folder a fold, and a row each"},
    {0},
};

static const cli_note examples[] = {
    {"hpac train configs/improved_batch128.yaml --dry-run",
     "Look at all labels and files, and at the memory needed; train nothing."},
    {"hpac train configs/demo.yaml --set train.batch_size=64 --out runs/batch64",
     "Train with another batch size."},
    {"hpac train configs/improved.yaml --fold all", "Cross-validate: a model a fold."},
    {0},
};

const cli_command cmd_train = {
    .name = "train",
    .operands = "CONFIG",
    .summary = "train a network as a configuration says",
    .description =
        "Reads labels and images, trains, validates after every epoch, and leaves in the run "
        "folder the model (model.h5, best.h5), metrics.csv and the other tables, report.html with "
        "plots/, and with data.test the submission. The folder's name is printed at the end. "
        "Ctrl-C finishes the batch and saves, exit code 130; --resume goes on from there (where "
        "--force was given, in its place). With --fold all the "
        "run folder holds fold0, fold1, ..., each a run, folds.csv and a report of all; predict "
        "averages their models. Configurations: configs/*.yaml, docs/configuration.md.",
    .options = options,
    .files = files,
    .examples = examples,
    .result_is_files = true,
    .run = run,
};
