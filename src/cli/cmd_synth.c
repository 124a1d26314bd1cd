/* hpac synth: generates a data set. */
#include "options.h"
#include "progress.h"

#include "base/interrupt.h"
#include "synth/synth.h"

static hpac_status run(const cli_arguments *arguments)
{
    hpac_synth_options options = {
        .directory = cli_text(arguments, "out"),
        .count = (int)cli_number(arguments, "count"),
        .size = (int)cli_number(arguments, "size"),
        .seed = cli_number(arguments, "seed"),
        .balance = cli_flag(arguments, "balance"),
        .force = cli_flag(arguments, "force"),
        .threads = (int)cli_number(arguments, "threads"),
        .stop = hpac_watch_stop_signals(),
        .progress = progress_count,
        .user = "generating",
    };
    /* The competition has 11,702 test images beside 31,072. */
    options.test_count = cli_flag(arguments, "test-count")
                             ? (int)cli_number(arguments, "test-count")
                             : (int)((options.count * 11702LL + 15536) / 31072);
    HPAC_TRY(hpac_synth_write(&options));
    progress_end();
    printf("%s: %d training and %d test images, %dx%d, 4 channels\n", options.directory,
           options.count, options.test_count, options.size, options.size);
    return HPAC_OK;
}

const cli_command cmd_synth = {
    .name = "synth",
    .operands = "",
    .summary = "generate synthetic images with labels, in the competition's layout",
    .description =
        "Generates fluorescence images of cells in four channels (protein, nuclei, microtubules, "
        "endoplasmic reticulum) and writes train/<Id>_<channel>.png, train.csv, test/ and "
        "sample_submission.csv. Labels are drawn with the class frequencies and co-occurrences of "
        "the competition. The same seed and size give the same images.",
    .options = {CLI_ROW("count", CLI_NUMBER, "N", .min = 1, .max = 10000000, .required = true,
                        .help = "number of training images"),
                OPTION_REQUIRED("out", "DIR", "directory to write to; created if missing"),
                OPTION_NUMBER("seed", "S", "0", 0, LLONG_MAX, "random seed"),
                OPTION_NUMBER("size", "PIXELS", "512", HPAC_SYNTH_MIN_SIZE, HPAC_SYNTH_MAX_SIZE,
                              "width and height"),
                OPTION_NUMBER("test-count", "N", NULL, 0, 10000000,
                              "number of test images (default: 38 % of --count)"),
                OPTION_FLAG("balance", "make all classes equally frequent"),
                OPTION_FLAG("force", "replace an existing data set"), CLI_THREADS, CLI_QUIET},
    .files = {{"train/, train.csv", "the training images and their labels"},
              {"test/, sample_submission.csv", "the test images and their Ids"}},
    .examples = {{"hpac synth --count 2000 --size 128 --out data/synthetic",
                  "Generate 2,000 training images and 753 test images."}},
    .result_is_files = true,
    .run = run,
};
