/* Options that several commands have: rows of the table, and what reads them. */
#ifndef HPAC_CLI_OPTIONS_H
#define HPAC_CLI_OPTIONS_H

#include "cli.h"

#include <hpac/inference.h>
#include <hpac/split.h>

#include <limits.h>

#define CLI_QUIET OPTION_FLAG("quiet", "print warnings and errors only")
#define CLI_VERBOSE                                                                                \
    OPTION_FLAG("verbose", "print all keys of the configuration, algorithms and memory, too")
#define CLI_JSON OPTION_FLAG("json", "print the result as JSON")
#define CLI_SET                                                                                    \
    OPTION_LIST("set", "KEY=VALUE", "override a key of the configuration; may be repeated")
#define CLI_NO_REPORT OPTION_FLAG("no-report", "do not write report.html and plots at the end")
#define CLI_DEVICE                                                                                 \
    OPTION_TEXT("device", "auto|cpu|cuda[:N]", "auto",                                             \
                "device to compute on; auto: the GPU if there is one")
#define CLI_ON_BAD_IMAGE                                                                           \
    OPTION_CHOICE("on-bad-image", "fail|skip", "fail", "what to do about an unreadable image")
#define CLI_SKIP 1 /* of --on-bad-image */
#define CLI_LABELS OPTION_REQUIRED("labels", "FILE.csv", "label file with the columns Id,Target")
#define CLI_IMAGES OPTION_REQUIRED("images", "DIR", "directory of the images, <Id>_<channel>.png")
#define CLI_IDS                                                                                    \
    OPTION_REQUIRED("ids", "FILE.csv", "file with a column Id, such as sample_submission.csv")
#define CLI_THREADS                                                                                \
    OPTION_NUMBER("threads", "N", "0", 0, 1024, "number of threads; 0: one per core")
/* --rows and --cols. */
#define CLI_SIZE                                                                                   \
    OPTION_NUMBER("rows", "N", "128", 1, 16384, "height after resizing"),                          \
        OPTION_NUMBER("cols", "N", "128", 1, 16384, "width after resizing")

/* ---- lists, with commas ---- */

#define CLI_CHANNELS(FALLBACK)                                                                     \
    OPTION_TEXT("channels", "N|CHANNEL,...", FALLBACK,                                             \
                "the first N of green, blue, red, yellow, or their names in any order")
/* Errors: CONFIG. */
hpac_status channels_read(const cli_arguments *arguments, int order[HPAC_MAX_CHANNELS],
                          size_t *count);

/* Where the numbers of classes or channels are collected. */
typedef struct number_list {
    const char *option; /* without the dashes, for messages */
    int *numbers;       /* as many as there are */
    size_t *count;
} number_list;

/* Adds a class by its name or number to a number_list. Errors: CONFIG for an unknown class, with
 * the nearest name, and for a duplicate. */
hpac_status class_list_add(void *list, const char *name);
/* Calls `take` for each part of a list, blanks around it removed, until one fails. NULL is an empty
 * list. Errors: those of `take`, INTERNAL (memory). */
hpac_status list_read(const char *text, hpac_status (*take)(void *user, const char *part),
                      void *user);

/* ---- a split; the defaults are those of the reference notebooks ---- */

#define SPLIT_OPTIONS                                                                              \
    OPTION_NUMBER("folds", "N", "3", 2, INT_MAX, "folds of the split"),                            \
        OPTION_NUMBER("repeats", "N", "1", 1, INT_MAX, "repeats of the split, each reshuffled"),   \
        OPTION_NUMBER("seed", "N", "0", 0, UINT32_MAX,                                             \
                      "seed of the split, scikit-learn's random_state"),                           \
        OPTION_CHOICE("method", "kfold|stratified", "kfold",                                       \
                      "stratified: each class spread evenly over the folds")

hpac_split_options split_options_read(const cli_arguments *arguments);

/* ---- the model to evaluate or to predict with, its missing metadata, and how it is run ---- */

#define MODEL_OPTIONS                                                                              \
    OPTION_TEXT("threshold", "T[,T...]", NULL,                                                     \
                "predict a class when p > T: one for all classes, or one per class; otherwise "    \
                "the model's own, or 0.5"),                                                        \
        OPTION_TEXT("classes", "CLASS,...|all", NULL,                                              \
                    "classes of the outputs, in their order, for a file that does not name them"), \
        OPTION_CHOICE(                                                                             \
            "pixels", "uint8|float32", NULL,                                                       \
            "pixel type the model was trained on, for a file without it; otherwise uint8"),        \
        CLI_ON_BAD_IMAGE,                                                                          \
        OPTION_NUMBER("batch-size", "N", "64", 1, 65536,                                           \
                      "ignored, for old scripts: batches have a fixed size"),                      \
        OPTION_NUMBER("workers", "N", "0", 0, 256, "threads that read images; 0: one per core"),   \
        CLI_DEVICE, CLI_QUIET

typedef struct model_options {
    hpac_classifiers classifiers;
    float thresholds[HPAC_CLASS_COUNT];
    size_t threshold_count; /* 0: not given */
    hpac_device *device;
    /* With the classifiers; signals are watched, progress is shown. */
    hpac_inference_options inference;
} model_options;

/* Reads the options, loads the model named by the first operand, opens the device and watches
 * for signals. `options` is zeroed before, and released with fini also
 * after a failure. */
hpac_status model_options_init(const cli_arguments *arguments, model_options *options);
void model_options_fini(model_options *options);

/* For HPAC_AUTO. NULL is fine. */
void close_device(hpac_device **device);

#endif
