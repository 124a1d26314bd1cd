/* hpac synth: generates a data set. */
#include "commands.h"
#include "option_rows.h"
#include "progress.h"

#include "base/interrupt.h"
#include "synth/synth.h"

#include <limits.h>
#include <stdio.h>

static const cli_option options[] = {
    {"count", CLI_NUMBER, "N", NULL, "number of training images", true, 1, 10000000},
    OPTION_REQUIRED("out", "DIR", "directory to write to; created if missing"),
    OPTION_NUMBER("seed", "S", "0", 0, LLONG_MAX, "random seed"),
    OPTION_NUMBER("size", "PIXELS", "512", HPAC_SYNTH_MIN_SIZE, HPAC_SYNTH_MAX_SIZE,
                  "width and height"),
    OPTION_NUMBER("test-count", "N", NULL, 0, 10000000,
                  "number of test images (default: 38 % of --count)"),
    OPTION_FLAG("balance", "all classes equally frequent"),
    OPTION_FLAG("force", "replace an existing data set"),
    CLI_THREADS,
    CLI_QUIET,
    {0},
};

static void show(void *user, int done, int total)
{
    (void)user;
    progress_count("generating", (size_t)done, (size_t)total);
}

static hpac_status run(const cli_arguments *arguments)
{
    hpac_synth_options wanted = {
        .folder = cli_text(arguments, "out"),
        .count = (int)cli_number(arguments, "count"),
        .size = (int)cli_number(arguments, "size"),
        .seed = (uint64_t)cli_number(arguments, "seed"),
        .balance = cli_flag(arguments, "balance"),
        .force = cli_flag(arguments, "force"),
        .threads = (int)cli_number(arguments, "threads"),
        .stop = hpac_watch_stop_signals(),
        .progress = show,
    };
    /* The competition has 11,702 test images beside 31,072. */
    wanted.test_count = cli_text(arguments, "test-count")
                            ? (int)cli_number(arguments, "test-count")
                            : (int)(((long long)wanted.count * 11702 + 15536) / 31072);
    progress_begin(cli_flag(arguments, "quiet"));
    hpac_status status = hpac_synth_write(&wanted);
    progress_end();
    if (status == HPAC_OK)
        printf("%s: %d training and %d test images, %dx%d, 4 channels\n", wanted.folder,
               wanted.count, wanted.test_count, wanted.size, wanted.size);
    return status;
}

static const cli_note files[] = {
    {"train/, train.csv", "the training images and their labels"},
    {"test/, sample_submission.csv", "the test images and their Ids"},
    {0},
};

static const cli_note examples[] = {
    {"hpac synth --count 2000 --size 128 --out data/synthetic",
     "Generate 2,000 training images and 753 test images."},
    {0},
};

const cli_command cmd_synth = {
    .name = "synth",
    .operands = "",
    .summary = "generate synthetic images with labels, in the competition's layout",
    .description =
        "Generates fluorescence images of cells in four channels (protein, nuclei, microtubules, "
        "endoplasmic reticulum) and writes train/<Id>_<channel>.png, train.csv, test/ and "
        "sample_submission.csv. Labels are drawn with the class frequencies and co-occurrences of "
        "the competition. The same seed and size give the same images.",
    .options = options,
    .files = files,
    .examples = examples,
    .result_is_files = true,
    .run = run,
};
