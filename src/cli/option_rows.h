/* Rows of the option table that several commands have. */
#ifndef HPAC_CLI_OPTION_ROWS_H
#define HPAC_CLI_OPTION_ROWS_H

#include "cli.h"

#define CLI_QUIET OPTION_FLAG("quiet", "errors and warnings only")
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
#define CLI_CHANNELS(FALLBACK)                                                                     \
    OPTION_TEXT("channels", "N|CHANNEL,...", FALLBACK,                                             \
                "the first N of green, blue, red, yellow, or their names in any order")
#define CLI_THREADS OPTION_NUMBER("threads", "N", "0", 0, 1024, "threads; 0: one per core")
/* --rows and --cols. */
#define CLI_SIZE                                                                                   \
    OPTION_NUMBER("rows", "N", "128", 1, 16384, "height after resizing"),                          \
        OPTION_NUMBER("cols", "N", "128", 1, 16384, "width after resizing")

#endif
