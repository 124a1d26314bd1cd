/* Options that evaluate and predict share: the model, what it does not tell, and how it is run. */
#ifndef HPAC_MODEL_OPTIONS_H
#define HPAC_MODEL_OPTIONS_H

#include "cli.h"
#include "option_rows.h"

#include <hpac/inference.h>

#include <limits.h>

/* Rows of the option table. */
#define MODEL_OPTIONS                                                                              \
    {.name = "threshold",                                                                          \
     .kind = CLI_TEXT,                                                                             \
     .argument = "T[,T...]",                                                                       \
     .help = "answer a class when p > T: one for all, or one a class; otherwise the model's own, " \
             "or 0.5"},                                                                            \
        {.name = "classes",                                                                        \
         .kind = CLI_TEXT,                                                                         \
         .argument = "CLASS,...|all",                                                              \
         .help = "classes of the outputs, for a file that does not tell, in their order"},         \
        {.name = "pixels",                                                                         \
         .kind = CLI_CHOICE,                                                                       \
         .argument = "uint8|float32",                                                              \
         .help = "what the model was trained on, for a file that does not tell; otherwise uint8"}, \
        CLI_ON_BAD_IMAGE,                                                                          \
        {.name = "batch-size",                                                                     \
         .kind = CLI_NUMBER,                                                                       \
         .argument = "N",                                                                          \
         .fallback = "64",                                                                         \
         .minimum = 1,                                                                             \
         .maximum = 65536,                                                                         \
         .help = "images at a time"},                                                              \
        {.name = "workers",                                                                        \
         .kind = CLI_NUMBER,                                                                       \
         .argument = "N",                                                                          \
         .fallback = "0",                                                                          \
         .minimum = 0,                                                                             \
         .maximum = 256,                                                                           \
         .help = "threads that read images; 0: one a core"},                                       \
        CLI_DEVICE, CLI_QUIET

/* What they come to. */
typedef struct model_options {
    hpac_model_paths paths;
    hpac_classifier *classifiers; /* (paths.count) */
    float thresholds[HPAC_CLASS_COUNT];
    int threshold_count; /* 0: not given */
    hpac_device *device;
    /* Signals watched, a progress bar shown; the classifiers are in it. */
    hpac_inference_options inference;
} model_options;

/* Reads the options, loads the model named by the first operand, opens the device, watches for
 * signals and begins the progress bar. On error nothing is left to close. */
hpac_status model_options_open(const cli_arguments *arguments, model_options *options);
void model_options_close(model_options *options);

#endif
