/* --folds, --repeats, --seed and --method, which split and evaluate have. */
#ifndef HPAC_CLI_SPLIT_OPTIONS_H
#define HPAC_CLI_SPLIT_OPTIONS_H

#include "cli.h"

#include <hpac/split.h>

/* Rows of the option table: their defaults as text, or NULL, and help texts. */
#define SPLIT_OPTIONS(FOLDS, FOLDS_HELP, REPEATS, REPEATS_HELP, SEED, SEED_HELP, METHOD,           \
                      METHOD_HELP)                                                                 \
    {.name = "folds",                                                                              \
     .kind = CLI_NUMBER,                                                                           \
     .argument = "N",                                                                              \
     .fallback = (FOLDS),                                                                          \
     .minimum = 2,                                                                                 \
     .maximum = INT_MAX,                                                                           \
     .help = (FOLDS_HELP)},                                                                        \
        {.name = "repeats",                                                                        \
         .kind = CLI_NUMBER,                                                                       \
         .argument = "N",                                                                          \
         .fallback = (REPEATS),                                                                    \
         .minimum = 1,                                                                             \
         .maximum = INT_MAX,                                                                       \
         .help = (REPEATS_HELP)},                                                                  \
        {.name = "seed",                                                                           \
         .kind = CLI_NUMBER,                                                                       \
         .argument = "N",                                                                          \
         .fallback = (SEED),                                                                       \
         .maximum = UINT32_MAX,                                                                    \
         .help = (SEED_HELP)},                                                                     \
    {                                                                                              \
        .name = "method", .kind = CLI_CHOICE, .argument = "kfold|stratified",                      \
        .fallback = (METHOD), .help = (METHOD_HELP)                                                \
    }

/* Reads them; what is neither given nor has a default is that of the write-up. True when one of
 * them was given or has a default. */
bool split_options_read(const cli_arguments *arguments, hpac_split_options *split);

#endif
