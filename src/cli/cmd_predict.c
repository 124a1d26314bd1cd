/* hpac predict: a test set's submission. */
#include "commands.h"
#include "model_options.h"
#include "progress.h"

#include <hpac/log.h>

#include "infer/predict.h"

#include <stdio.h>

static hpac_status run(const cli_arguments *arguments)
{
    model_options model;
    hpac_status status = model_options_open(arguments, &model);
    if (status != HPAC_OK)
        return status;
    const hpac_predict_options options = {
        .inference = model.inference,
        .images = cli_text(arguments, "images"),
        .ids = cli_text(arguments, "ids"),
        .folder = cli_text(arguments, "out"),
        .force = cli_flag(arguments, "force"),
        .thresholds = model.thresholds,
        .threshold_count = model.threshold_count,
        .empty = (hpac_empty_prediction)cli_choice(arguments, "empty"),
    };
    hpac_predict_result result;
    status = hpac_predict(&options, &result);
    progress_end();
    if (status == HPAC_OK && result.skipped > 0)
        hpac_log_warning("%zu of %zu images could not be read; their rows are empty",
                         result.skipped, result.images);
    if (status == HPAC_OK)
        printf("%s\n", options.folder);
    model_options_close(&model);
    return status;
}

static const cli_option options[] = {
    CLI_IMAGES,
    CLI_IDS,
    {.name = "out",
     .kind = CLI_TEXT,
     .argument = "DIR",
     .fallback = ".",
     .help = "folder for the two files"},
    {.name = "force", .kind = CLI_FLAG, .help = "replace the two files where they are there"},
    {.name = "empty",
     .kind = CLI_CHOICE,
     .argument = "blank|argmax",
     .fallback = "blank",
     .help = "the answer where no class is above its threshold: none, or the most probable one"},
    MODEL_OPTIONS,
    {0},
};

static const cli_note files[] = {
    {"submission_proba.csv", "probabilities of all 28 classes, those not trained 0"},
    {"submission.csv", "the answers, as Kaggle wants them"},
    {0},
};

static const cli_note examples[] = {
    {"hpac predict runs/improved --images data/test --ids data/sample_submission.csv --out again",
     "Write the submission of a test set."},
    {"hpac predict keras.h5 --classes \"Nucleoplasm,Cytosol\" --images data/test --ids "
     "data/sample_submission.csv",
     "Predict with a file of Keras, which does not name its classes."},
    {0},
};

const cli_command cmd_predict = {
    .name = "predict",
    .operands = "MODEL",
    .summary = "predict a test set and write its submission",
    .description =
        "MODEL is a model file, a run folder (its model.h5) or the folder of a cross-validation "
        "(train --fold all), whose models are averaged. Writes submission_proba.csv, all 28 "
        "classes, those not trained 0, and Kaggle's submission.csv, in the order of the Ids. All "
        "missing images are told of before anything is written; with --on-bad-image skip their "
        "rows are there with empty cells. The folder's name is printed at the end.",
    .options = options,
    .files = files,
    .examples = examples,
    .result_is_files = true,
    .run = run,
};
