/* --folds, --repeats, --seed and --method, which split and evaluate have. */
#ifndef HPAC_CLI_SPLIT_OPTIONS_H
#define HPAC_CLI_SPLIT_OPTIONS_H

#include "cli.h"

#include <hpac/split.h>

/* Rows of the option table; the defaults are those of the reference notebooks. */
#define SPLIT_OPTIONS                                                                              \
    OPTION_NUMBER("folds", "N", "3", 2, INT_MAX, "folds of the split"),                            \
        OPTION_NUMBER("repeats", "N", "1", 1, INT_MAX, "repeats of the split, each reshuffled"),   \
        OPTION_NUMBER("seed", "N", "0", 0, UINT32_MAX,                                             \
                      "seed of the split, scikit-learn's random_state"),                           \
        OPTION_CHOICE("method", "kfold|stratified", "kfold",                                       \
                      "stratified: each class spread evenly over the folds")

/* Reads them. True when one of them was given. */
bool split_options_read(const cli_arguments *arguments, hpac_split_options *split);

#endif
