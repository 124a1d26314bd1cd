/* hpac evaluate: how good a model is on labelled images. */
#include "commands.h"
#include "model_options.h"
#include "progress.h"
#include "split_options.h"

#include <hpac/log.h>

#include "infer/evaluate.h"

#include <stdio.h>

static hpac_status read_rows(const cli_arguments *arguments, hpac_evaluate_options *options)
{
    bool fold = cli_text(arguments, "fold") != NULL, all = cli_flag(arguments, "all");
    if (fold && all)
        return hpac_fail(HPAC_ERR_CONFIG, "evaluate: --fold and --all exclude each other");
    options->rows = fold ? HPAC_ROWS_FOLD : all ? HPAC_ROWS_ALL : HPAC_ROWS_OWN;
    options->fold = (int)cli_number(arguments, "fold");
    options->split_given = split_options_read(arguments, &options->split);
    if (all && options->split_given)
        return hpac_fail(HPAC_ERR_CONFIG, "evaluate: --all takes no split");
    return HPAC_OK;
}

static hpac_status print_result(const cli_arguments *arguments, const hpac_evaluate_result *result)
{
    const hpac_evaluation_title title = {cli_operand(arguments, 0), result->set};
    if (result->skipped > 0)
        hpac_log_warning("%zu images could not be read and are left out", result->skipped);
    if (cli_flag(arguments, "json"))
        return hpac_evaluation_print_json(&result->evaluation, &title, stdout);
    return hpac_evaluation_print(&result->evaluation, &title, stdout);
}

static hpac_status run(const cli_arguments *arguments)
{
    hpac_evaluate_options options = {
        .images = cli_text(arguments, "images"),
        .labels = cli_text(arguments, "labels"),
        .tune = !cli_flag(arguments, "tune-thresholds") ? HPAC_TUNE_NOTHING
                : cli_flag(arguments, "one-threshold")  ? HPAC_TUNE_ONE
                                                        : HPAC_TUNE_EACH,
        .name = cli_operand(arguments, 0),
        .folder = cli_text(arguments, "out"),
        .force = cli_flag(arguments, "force"),
    };
    model_options model;
    if (cli_flag(arguments, "one-threshold") && options.tune == HPAC_TUNE_NOTHING)
        return hpac_fail(HPAC_ERR_CONFIG, "evaluate: --one-threshold goes with --tune-thresholds; "
                                          "to give a threshold, say --threshold");
    if (options.force && !options.folder)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "evaluate: --force goes with --out, whose files it replaces");
    hpac_status status = read_rows(arguments, &options);
    if (status == HPAC_OK)
        status = model_options_open(arguments, &model);
    if (status != HPAC_OK)
        return status;
    options.inference = model.inference;
    options.classifiers = model.classifiers;
    options.classifier_count = model.paths.count;
    options.thresholds = model.thresholds;
    options.threshold_count = model.threshold_count;
    hpac_evaluate_result result;
    status = hpac_evaluate_model(&options, &result);
    progress_end();
    if (status == HPAC_OK)
        status = print_result(arguments, &result);
    model_options_close(&model);
    return status;
}

static const cli_option options[] = {
    CLI_LABELS,
    CLI_IMAGES,
    {.name = "fold",
     .kind = CLI_NUMBER,
     .argument = "K",
     .minimum = 0,
     .maximum = INT_MAX,
     .help = "judge the validation rows of fold K; otherwise of the fold the model left out"},
    {.name = "all", .kind = CLI_FLAG, .help = "judge all rows"},
    SPLIT_OPTIONS(NULL, "with --fold: a split of N folds (3) in place of the model's own", NULL,
                  "of that split (1)", NULL, "of that split (0)", NULL, "of that split (kfold)"),
    {.name = "tune-thresholds",
     .kind = CLI_FLAG,
     .help = "find a threshold a class on one half, judge on the other, save them with the model"},
    {.name = "one-threshold",
     .kind = CLI_FLAG,
     .help = "with --tune-thresholds: one for all classes instead, by their mean F1"},
    {.name = "out",
     .kind = CLI_TEXT,
     .argument = "DIR",
     .help = "write evaluation.csv, class_evaluation.csv and evaluation_predictions.csv there"},
    {.name = "force",
     .kind = CLI_FLAG,
     .help = "with --out: replace these three where they are there"},
    CLI_JSON,
    MODEL_OPTIONS,
    {0},
};

static const cli_note files[] = {
    {"evaluation.csv", "with --out: a row a measure"},
    {"class_evaluation.csv", "with --out: a row a class"},
    {"evaluation_predictions.csv", "with --out: probabilities of the judged images"},
    {0},
};

static const cli_note examples[] = {
    {"hpac evaluate runs/improved --labels data/train.csv --images data/train",
     "Judge a run on the fold that it left out."},
    {"hpac evaluate runs/improved --labels data/train.csv --images data/train --tune-thresholds",
     "Find a threshold a class, and keep them with the model."},
    {0},
};

const cli_command cmd_evaluate = {
    .name = "evaluate",
    .operands = "MODEL",
    .summary = "measure a model on labelled images",
    .description =
        "MODEL is a model file, a run folder (its model.h5) or the folder of a cross-validation "
        "(train --fold all), where each fold is judged by the model that has not seen it. Prints "
        "loss and accuracy beside those of guessing, F1, and a row a class. Tuned thresholds are "
        "never judged on the images they were tuned on: one half of all Ids is for the one, the "
        "other for the other.",
    .options = options,
    .files = files,
    .examples = examples,
    .run = run,
};
