/* hpac preprocess: the input of the network as PNG files. */
#include "commands.h"
#include "list_options.h"
#include "option_rows.h"
#include "progress.h"

#include "base/interrupt.h"
#include "data/preprocess.h"
#include "image/image.h"

#include <stdio.h>

static const cli_option options[] = {
    CLI_IMAGES,
    CLI_IDS,
    OPTION_REQUIRED("out", "DIR", "directory to write to; created if missing"),
    CLI_CHANNELS("1"),
    CLI_SIZE,
    OPTION_FLAG("force", "replace existing files"),
    CLI_THREADS,
    CLI_QUIET,
    {0},
};

static void show(void *user, size_t done, size_t total)
{
    (void)user;
    progress_count("preprocessing", done, total);
}

static hpac_status write_all(const cli_arguments *arguments, hpac_dataset *dataset)
{
    hpac_preprocess_options wanted = {
        .dataset = dataset,
        .folder = cli_text(arguments, "out"),
        .force = cli_flag(arguments, "force"),
        .threads = (int)cli_number(arguments, "threads"),
        .stop = hpac_watch_stop_signals(),
        .progress = show,
    };
    progress_begin(cli_flag(arguments, "quiet"));
    hpac_status status = hpac_preprocess_write(&wanted);
    progress_end();
    return status;
}

static hpac_status run(const cli_arguments *arguments)
{
    hpac_labels ids;
    int order[HPAC_MAX_CHANNELS], channels;
    HPAC_TRY(channel_list_read(cli_text(arguments, "channels"), order, &channels));
    HPAC_TRY(hpac_ids_read_csv(cli_text(arguments, "ids"), &ids));
    hpac_dataset_options data = {
        .images = cli_text(arguments, "images"),
        .labels = &ids,
        .channels = (size_t)channels,
        .channel_order = order,
        .rows = (size_t)cli_number(arguments, "rows"),
        .cols = (size_t)cli_number(arguments, "cols"),
        .pixels = HPAC_PIXELS_UINT8,
    };
    hpac_dataset *dataset;
    hpac_status status = hpac_dataset_create(&data, &dataset);
    if (status == HPAC_OK) {
        status = write_all(arguments, dataset);
        hpac_dataset_destroy(dataset);
    }
    if (status == HPAC_OK)
        printf("%s: %zu images, %zux%zu, %zu channel%s\n", cli_text(arguments, "out"), ids.count,
               data.rows, data.cols, data.channels, data.channels == 1 ? "" : "s");
    hpac_labels_fini(&ids);
    return status;
}

static const cli_note files[] = {
    {"<Id>_<channel>.png", "one file per image and channel"},
    {0},
};

static const cli_note examples[] = {
    {"hpac preprocess --images data/test --ids data/sample_submission.csv --out small --rows 64 "
     "--cols 64",
     "Resize the test images to 64 x 64 pixels."},
    {0},
};

const cli_command cmd_preprocess = {
    .name = "preprocess",
    .operands = "",
    .summary = "resize images as training does and write them as PNGs",
    .description =
        "Writes <Id>_<channel>.png as the network sees them: resized as scikit-image's resize "
        "with its defaults, rounded to bytes. All files are checked before the first is written, "
        "and all bad ones are listed; after an error or an interrupt no files are left.",
    .options = options,
    .files = files,
    .examples = examples,
    .result_is_files = true,
    .run = run,
};
