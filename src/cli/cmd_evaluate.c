/* hpac evaluate: how good a model is on labelled images. */
#include "options.h"
#include "progress.h"

#include <hpac/log.h>

#include "base/memory.h"
#include "infer/evaluate.h"

static hpac_status read_options(const cli_arguments *arguments, hpac_evaluate_options *options)
{
    bool fold = cli_flag(arguments, "fold"), all = cli_flag(arguments, "all");
    bool tune = cli_flag(arguments, "tune-thresholds"), one = cli_flag(arguments, "one-threshold");
    bool split = cli_flag(arguments, "folds") || cli_flag(arguments, "repeats") ||
                 cli_flag(arguments, "seed") || cli_flag(arguments, "method");
    *options = (hpac_evaluate_options){
        .images = cli_text(arguments, "images"),
        .labels = cli_text(arguments, "labels"),
        .rows = fold  ? HPAC_ROWS_FOLD
                : all ? HPAC_ROWS_ALL
                      : HPAC_ROWS_OWN,
        .fold = (int)cli_number(arguments, "fold"),
        .split_given = split,
        .split = split_options_read(arguments),
        .tune = !tune ? HPAC_TUNE_NOTHING
                : one ? HPAC_TUNE_ONE
                      : HPAC_TUNE_EACH,
        .name = cli_operand(arguments, 0),
        .directory = cli_text(arguments, "out"),
        .force = cli_flag(arguments, "force"),
    };
    if (one && !tune)
        return hpac_fail(HPAC_ERR_CONFIG, "evaluate: --one-threshold needs --tune-thresholds; to "
                                          "set a threshold use --threshold");
    if (options->force && !options->directory)
        return hpac_fail(HPAC_ERR_CONFIG, "evaluate: --force needs --out, whose files it replaces");
    if (fold && all)
        return hpac_fail(HPAC_ERR_CONFIG, "evaluate: --fold and --all exclude each other");
    if (all && split)
        return hpac_fail(HPAC_ERR_CONFIG, "evaluate: --all and the options of a split exclude each "
                                          "other");
    return HPAC_OK;
}

static hpac_status run(const cli_arguments *arguments)
{
    hpac_evaluate_options options;
    hpac_evaluate_result result;
    HPAC_AUTO(model_options_fini) model_options model = {0};
    HPAC_TRY(read_options(arguments, &options));
    HPAC_TRY(model_options_init(arguments, &model));
    options.inference = model.inference;
    options.thresholds = model.thresholds;
    options.threshold_count = model.threshold_count;
    HPAC_TRY(hpac_evaluate_model(&options, &result));
    progress_end();
    const hpac_evaluation_title title = {options.name, result.set};
    if (result.skipped > 0)
        hpac_log_warning("%zu unreadable images are not counted", result.skipped);
    return cli_flag(arguments, "json")
               ? hpac_evaluation_print_json(&result.evaluation, &title, stdout)
               : hpac_evaluation_print(&result.evaluation, &title, stdout);
}

const cli_command cmd_evaluate = {
    .name = "evaluate",
    .operands = "MODEL",
    .summary = "evaluate a model on labelled images",
    .description =
        "MODEL is a model file, a run directory (its model.h5) or the directory of a "
        "cross-validation (train --fold all), where each fold is evaluated by the model that was "
        "not trained on it. Prints loss and accuracy beside those of constant predictions, F1, and "
        "one row per class. --folds, --repeats, --seed and --method describe a split that "
        "replaces the model's own. Thresholds are never evaluated on the images they were tuned "
        "on: one half of all Ids is for tuning, the other for evaluation.",
    .options =
        {CLI_LABELS, CLI_IMAGES,
         OPTION_NUMBER("fold", "K", NULL, 0, INT_MAX,
                       "evaluate the validation rows of fold K (default: the model's own fold)"),
         OPTION_FLAG("all", "evaluate all rows"), SPLIT_OPTIONS,
         OPTION_FLAG("tune-thresholds",
                     "tune a threshold per class on one half, evaluate on the other, "
                     "save them with the model"),
         OPTION_FLAG("one-threshold",
                     "with --tune-thresholds: one threshold for all classes, by the mean F1"),
         OPTION_PATH(
             "out", "DIR", NULL,
             "write evaluation.csv, class_evaluation.csv and evaluation_predictions.csv there"),
         OPTION_FLAG("force", "with --out: replace these files"), CLI_JSON, MODEL_OPTIONS},
    .files = {{"evaluation.csv", "with --out: one row per metric"},
              {"class_evaluation.csv", "with --out: one row per class"},
              {"evaluation_predictions.csv", "with --out: probabilities of the evaluated images"}},
    .examples = {{"hpac evaluate runs/improved --labels data/train.csv --images data/train",
                  "Evaluate a run on the fold it was not trained on."},
                 {"hpac evaluate runs/improved --labels data/train.csv --images data/train "
                  "--tune-thresholds",
                  "Tune a threshold per class and save them with the model."}},
    .run = run,
};
