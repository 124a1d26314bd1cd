/* Rows of the option table that several commands have. */
#ifndef HPAC_CLI_OPTION_ROWS_H
#define HPAC_CLI_OPTION_ROWS_H

#include "cli.h"

#define CLI_QUIET                                                                                  \
    {                                                                                              \
        .name = "quiet", .kind = CLI_FLAG, .help = "errors and warnings only"                      \
    }

#define CLI_JSON                                                                                   \
    {                                                                                              \
        .name = "json", .kind = CLI_FLAG, .help = "print the result as JSON"                       \
    }

#define CLI_DEVICE                                                                                 \
    {                                                                                              \
        .name = "device", .kind = CLI_TEXT, .argument = "auto|cpu|cuda[:N]", .fallback = "auto",   \
        .help = "what to compute with; auto: the GPU where there is one"                           \
    }

#define CLI_ON_BAD_IMAGE                                                                           \
    {                                                                                              \
        .name = "on-bad-image", .kind = CLI_CHOICE, .argument = "fail|skip", .fallback = "fail",   \
        .help = "what to do about an image that cannot be read"                                    \
    }
#define CLI_SKIP 1 /* of --on-bad-image */

#define CLI_LABELS                                                                                 \
    {                                                                                              \
        .name = "labels", .kind = CLI_TEXT, .argument = "FILE.csv", .required = true,              \
        .help = "label file with the columns Id,Target"                                            \
    }

#define CLI_IMAGES                                                                                 \
    {                                                                                              \
        .name = "images", .kind = CLI_TEXT, .argument = "DIR", .required = true,                   \
        .help = "folder with <Id>_<channel>.png"                                                   \
    }

#define CLI_CHANNELS(standard)                                                                     \
    {                                                                                              \
        .name = "channels", .kind = CLI_TEXT, .argument = "N|CHANNEL,...", .fallback = standard,   \
        .help = "the first N of green, blue, red, yellow, or their names in any order"             \
    }

#define CLI_IDS                                                                                    \
    {                                                                                              \
        .name = "ids", .kind = CLI_TEXT, .argument = "FILE.csv", .required = true,                 \
        .help = "file with a column Id, such as sample_submission.csv"                             \
    }

#define CLI_THREADS                                                                                \
    {                                                                                              \
        .name = "threads", .kind = CLI_NUMBER, .argument = "N", .fallback = "0", .maximum = 1024,  \
        .help = "0: one a core; the files do not depend on it"                                     \
    }

/* --rows and --cols. */
#define CLI_SIZE                                                                                   \
    {.name = "rows",                                                                               \
     .kind = CLI_NUMBER,                                                                           \
     .argument = "N",                                                                              \
     .fallback = "128",                                                                            \
     .minimum = 1,                                                                                 \
     .maximum = 16384,                                                                             \
     .help = "height after resizing"},                                                             \
    {                                                                                              \
        .name = "cols", .kind = CLI_NUMBER, .argument = "N", .fallback = "128", .minimum = 1,      \
        .maximum = 16384, .help = "width after resizing"                                           \
    }

#endif
