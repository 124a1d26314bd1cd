/* Options that evaluate and predict share: the model, its missing facts, and how it is run. */
#ifndef HPAC_MODEL_OPTIONS_H
#define HPAC_MODEL_OPTIONS_H

#include "cli.h"
#include "option_rows.h"

#include <hpac/inference.h>

/* Rows of the option table. */
#define MODEL_OPTIONS                                                                              \
    OPTION_TEXT("threshold", "T[,T...]", NULL,                                                     \
                "predict a class when p > T: one for all classes, or one per class; otherwise "    \
                "the model's own, or 0.5"),                                                        \
        OPTION_TEXT("classes", "CLASS,...|all", NULL,                                              \
                    "classes of the outputs in their order, for a file without them"),             \
        OPTION_CHOICE("pixels", "uint8|float32", NULL,                                             \
                      "pixels the model was trained on, for a file without them; otherwise "       \
                      "uint8"),                                                                    \
        CLI_ON_BAD_IMAGE,                                                                          \
        OPTION_NUMBER("batch-size", "N", "64", 1, 65536,                                           \
                      "without effect, for old scripts: images are computed "                      \
                      "in batches of a fixed size"),                                               \
        OPTION_NUMBER("workers", "N", "0", 0, 256, "threads that read images; 0: one per core"),   \
        CLI_DEVICE, CLI_QUIET

typedef struct model_options {
    hpac_model_paths paths;
    hpac_classifier *classifiers; /* (paths.count) */
    float thresholds[HPAC_CLASS_COUNT];
    size_t threshold_count; /* 0: not given */
    hpac_device *device;
    /* With the classifiers; signals are watched, a progress bar is shown. */
    hpac_inference_options inference;
} model_options;

/* Reads the options, loads the model named by the first operand, opens the device, watches for
 * signals and begins the progress bar. On error nothing is left to close. */
hpac_status model_options_open(const cli_arguments *arguments, model_options *options);
void model_options_close(model_options *options);

#endif
