/* hpac explore: labels in numbers, files in the image directories, sample images. */
#include "options.h"
#include "progress.h"

#include <hpac/log.h>

#include "base/memory.h"
#include "explore/explore.h"

#include <string.h>

static hpac_status read_company(const cli_arguments *arguments, hpac_explore_options *options)
{
    /* Those of the reference notebooks. */
    static const char *const fallback[] = {"Lysosomes", "Rods & rings", "Peroxisomes",
                                           "Microtubule ends", "Nuclear speckles"};
    number_list list = {"company", options->cooccurring, &options->cooccurring_count};
    size_t count;
    const char *const *names = cli_list(arguments, "company", &count);
    if (count == 0) {
        names = fallback;
        count = sizeof fallback / sizeof *fallback;
    }
    for (size_t i = 0; i < count; i++)
        HPAC_TRY(class_list_add(&list, names[i]));
    return HPAC_OK;
}

static hpac_status run(const cli_arguments *arguments)
{
    HPAC_AUTO(hpac_labels_fini) hpac_labels labels = {0};
    HPAC_AUTO(hpac_exploration_fini) hpac_exploration found = {0};
    const char *path = cli_text(arguments, "labels"), *slash = strrchr(path, '/');
    hpac_explore_options options = {
        .name = slash && slash[1] ? slash + 1 : path,
        .labels = &labels,
        .images = cli_text(arguments, "images"),
        .test = cli_text(arguments, "test"),
        .out = cli_text(arguments, "out"),
        .force = cli_flag(arguments, "force"),
        .plots = !cli_flag(arguments, "no-plots"),
        .page_rows = cli_number(arguments, "page-rows"),
        .pages = cli_number(arguments, "pages"),
        .rows = cli_number(arguments, "rows"),
        .cols = cli_number(arguments, "cols"),
        .skip_missing = cli_choice(arguments, "on-bad-image") == CLI_SKIP,
        .progress = progress_count,
        .user = "drawing",
    };
    number_list classes = {"classes", options.classes, &options.class_count};
    HPAC_TRY(list_read(cli_text(arguments, "classes"), class_list_add, &classes));
    HPAC_TRY(channels_read(arguments, options.channel_order, &options.channels));
    HPAC_TRY(read_company(arguments, &options));
    HPAC_TRY(hpac_labels_read_csv(path, &labels));
    HPAC_TRY(hpac_explore(&options, &found));
    if (options.out)
        HPAC_TRY(hpac_exploration_write(&options, &found));
    progress_end();
    if (cli_flag(arguments, "json"))
        HPAC_TRY(hpac_tables_write_json(found.tables, found.table_count, stdout));
    else if (options.out && cli_flag(arguments, "quiet")) /* the tables are in files */
        printf("%s/explore.html\n", options.out);
    else
        HPAC_TRY(hpac_exploration_print(&options, &found, stdout));
    if (options.out)
        hpac_log_info("all tables and pictures: %s/explore.html", options.out);
    return HPAC_OK;
}

const cli_command cmd_explore = {
    .name = "explore",
    .operands = "",
    .summary = "count labels, find co-occurring classes, show images",
    .description =
        "Prints images per class, labels per image, the strongest correlations of the classes over "
        "the images with several labels, and the classes that co-occur with rare ones. With "
        "--out it writes the same as CSV files and plots, and with --images pictures of the images "
        "that have all of --classes, one row per image and one column per channel; explore.html "
        "has all of it, and its path is all that --quiet prints. Without --out nothing is written.",
    .options = {CLI_LABELS,
                OPTION_PATH("images", "DIR", NULL,
                            "directory of the images, <Id>_<channel>.png, some of which are shown"),
                OPTION_PATH("test", "DIR", NULL, "directory of the test images, which are counted"),
                OPTION_TEXT("classes", "CLASS,...", NULL,
                            "show images that have all of these (default: any)"),
                OPTION_LIST("company", "CLASS",
                            "list the classes that co-occur with this one; may be repeated"),
                OPTION_PATH("out", "DIR", NULL,
                            "directory for tables, plots, images and explore.html"),
                CLI_CHANNELS("4"), OPTION_NUMBER("page-rows", "N", "10", 1, 100, "images per page"),
                OPTION_NUMBER("pages", "N", "2", 0, 1000000, "pages of images; 0: all"), CLI_SIZE,
                CLI_ON_BAD_IMAGE,
                OPTION_FLAG("no-plots", "tables and images only; gnuplot is not needed"), CLI_JSON,
                OPTION_FLAG("force", "replace an earlier exploration"), CLI_QUIET},
    .files = {{"explore.html", "one page with all tables and pictures"},
              {"*.csv", "the tables; binarised.csv: the labels as one column of 0 and 1 per class"},
              {"plots/", "the charts as PNG, drawn by gnuplot"},
              {"panels/", "with --images: the images, and pages of them"}},
    .examples = {{"hpac explore --labels data/train.csv",
                  "Count classes and labels, on the terminal."},
                 {"hpac explore --labels data/train.csv --images data/train --classes "
                  "\"Lysosomes,Endosomes\" --out explored",
                  "Write all tables and plots, and show the images that have both classes."}},
    .run = run,
};
