/* hpac synth: paints a data set. */
#include "commands.h"
#include "progress.h"

#include "base/interrupt.h"
#include "synth/synth.h"

#include <stdio.h>

static const cli_option options[] = {
    {"count", CLI_NUMBER, "N", NULL, "training images", true, 1, 10000000},
    {"out", CLI_TEXT, "DIR", NULL, "folder to write; made if missing", true, 0, 0},
    {"seed", CLI_NUMBER, "S", "0", "another seed, other images", false, 0, 9223372036854775807LL},
    {"size", CLI_NUMBER, "PIXELS", "512", "of a side", false, HPAC_SYNTH_MIN_SIZE,
     HPAC_SYNTH_MAX_SIZE},
    {"test-count", CLI_NUMBER, "N", NULL, "test images (default: 38 % of --count)", false, 0,
     10000000},
    {"balance", CLI_FLAG, NULL, NULL, "all classes equally frequent", false, 0, 0},
    {"force", CLI_FLAG, NULL, NULL, "write over a data set that is there", false, 0, 0},
    CLI_THREADS,
    CLI_QUIET,
    {0},
};

static void show(void *user, int painted, int total)
{
    (void)user;
    progress_count("painting", (size_t)painted, (size_t)total);
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
    {"hpac synth --count 2000 --size 128 --out data/painted",
     "Paint 2,000 training images, and 753 for a test."},
    {0},
};

const cli_command cmd_synth = {
    .name = "synth",
    .operands = "",
    .summary = "paint synthetic images with labels, laid out as the competition's",
    .description =
        "Paints fluorescence images of cells in four channels (protein, nuclei, microtubules, "
        "endoplasmic reticulum) and writes train/<Id>_<channel>.png, train.csv, test/ and "
        "sample_submission.csv. Labels are drawn with the frequencies and co-occurrence of the "
        "competition's. The same seed and size give the same images.",
    .options = options,
    .files = files,
    .examples = examples,
    .result_is_files = true,
    .run = run,
};
