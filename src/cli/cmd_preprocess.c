/* hpac preprocess: the input of the network as PNG files. */
#include "options.h"
#include "progress.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "data/preprocess.h"

static void destroy_dataset(hpac_dataset **dataset)
{
    hpac_dataset_destroy(*dataset);
}

static hpac_status run(const cli_arguments *arguments)
{
    HPAC_AUTO(hpac_labels_fini) hpac_labels ids = {0};
    HPAC_AUTO(destroy_dataset) hpac_dataset *dataset = NULL;
    int order[HPAC_MAX_CHANNELS];
    size_t channels;
    HPAC_TRY(channels_read(arguments, order, &channels));
    HPAC_TRY(hpac_ids_read_csv(cli_text(arguments, "ids"), &ids));
    const hpac_dataset_options data = {
        .images = cli_text(arguments, "images"),
        .labels = &ids,
        .channels = channels,
        .channel_order = order,
        .rows = cli_number(arguments, "rows"),
        .cols = cli_number(arguments, "cols"),
        .pixels = HPAC_PIXELS_UINT8,
    };
    HPAC_TRY(hpac_dataset_create(&data, &dataset));
    const hpac_preprocess_options options = {
        .dataset = dataset,
        .directory = cli_text(arguments, "out"),
        .force = cli_flag(arguments, "force"),
        .pass = {.threads = (int)cli_number(arguments, "threads"),
                 .stop = hpac_watch_stop_signals(),
                 .progress = progress_count,
                 .user = "preprocessing"},
    };
    HPAC_TRY(hpac_preprocess_write(&options));
    progress_end();
    printf("%s: %zu image%s, %zux%zu, %zu channel%s\n", options.directory, ids.count,
           ids.count == 1 ? "" : "s", data.rows, data.cols, data.channels,
           data.channels == 1 ? "" : "s");
    return HPAC_OK;
}

const cli_command cmd_preprocess = {
    .name = "preprocess",
    .operands = "",
    .summary = "resize images as training does and write them as PNGs",
    .description =
        "Writes <Id>_<channel>.png as the network sees them: resized as scikit-image's resize "
        "with its defaults, rounded to bytes. All files are checked before the first is written, "
        "and all bad ones are listed; after an error or an interrupt no files are left.",
    .options = {CLI_IMAGES, CLI_IDS,
                OPTION_REQUIRED("out", "DIR", "directory to write to; created if missing"),
                CLI_CHANNELS("1"), CLI_SIZE, OPTION_FLAG("force", "replace existing files"),
                CLI_THREADS, CLI_QUIET},
    .files = {{"<Id>_<channel>.png", "one file per image and channel"}},
    .examples = {{"hpac preprocess --images data/test --ids data/sample_submission.csv --out small "
                  "--rows 64 --cols 64",
                  "Resize the test images to 64 x 64 pixels."}},
    .result_is_files = true,
    .run = run,
};
