/* hpac predict: the submission of a test set. */
#include "options.h"
#include "progress.h"

#include <hpac/log.h>

#include "base/memory.h"
#include "infer/predict.h"

static hpac_status run(const cli_arguments *arguments)
{
    HPAC_AUTO(model_options_fini) model_options model = {0};
    hpac_predict_result result;
    HPAC_TRY(model_options_init(arguments, &model));
    const hpac_predict_options options = {
        .inference = model.inference,
        .images = cli_text(arguments, "images"),
        .ids = cli_text(arguments, "ids"),
        .directory = cli_text(arguments, "out"),
        .force = cli_flag(arguments, "force"),
        .thresholds = model.thresholds,
        .threshold_count = model.threshold_count,
        .empty = (hpac_empty_prediction)cli_choice(arguments, "empty"),
    };
    HPAC_TRY(hpac_predict(&options, &result));
    progress_end();
    if (result.skipped > 0)
        hpac_log_warning("%zu of %zu images are unreadable; their rows are empty", result.skipped,
                         result.images);
    hpac_log_info("to submit: %s/submission.csv (%zu image%s; probabilities: "
                  "submission_proba.csv)",
                  options.directory, result.images, result.images == 1 ? "" : "s");
    printf("%s\n", options.directory);
    return HPAC_OK;
}

const cli_command cmd_predict = {
    .name = "predict",
    .operands = "MODEL",
    .summary = "predict a test set and write its submission",
    .description =
        "MODEL is a model file, a run directory (its model.h5) or the directory of a "
        "cross-validation (train --fold all), whose models are averaged. Writes "
        "submission_proba.csv with all 28 classes (0 for those not trained) and Kaggle's "
        "submission.csv, in the order of the Ids. All missing images are reported before anything "
        "is written; with --on-bad-image skip their rows have empty cells. The path of the "
        "directory is printed at the end.",
    .options = {CLI_IMAGES, CLI_IDS, OPTION_PATH("out", "DIR", ".", "directory for the two files"),
                OPTION_FLAG("force", "replace the two files"),
                OPTION_CHOICE(
                    "empty", "blank|argmax", "blank",
                    "prediction where no class is above its threshold: none, or the most probable"),
                MODEL_OPTIONS},
    .files = {{"submission_proba.csv", "probabilities of all 28 classes, 0 for those not trained"},
              {"submission.csv", "the predicted classes, in Kaggle's format"}},
    .examples =
        {{"hpac predict runs/improved --images data/test --ids data/sample_submission.csv --out "
          "again",
          "Write the submission of a test set."},
         {"hpac predict keras.h5 --classes \"Nucleoplasm,Cytosol\" --images data/test --ids "
          "data/sample_submission.csv",
          "Predict with a Keras file, which does not name its classes."}},
    .result_is_files = true,
    .run = run,
};
