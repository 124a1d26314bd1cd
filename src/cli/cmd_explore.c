/* hpac explore: labels in numbers, files in the image directories, sample images. */
#include "commands.h"
#include "list_options.h"
#include "option_rows.h"
#include "progress.h"

#include "data/dataset.h"
#include "explore/explore.h"

#include <stdio.h>
#include <string.h>

static const cli_option options[] = {
    CLI_LABELS,
    OPTION_PATH("images", "DIR", NULL,
                "directory of the images, <Id>_<channel>.png, to show some of"),
    OPTION_PATH("test", "DIR", NULL, "directory of the test images, to count them"),
    OPTION_TEXT("classes", "CLASS,...", NULL, "show images that have all of these (default: any)"),
    OPTION_LIST("company", "CLASS", "classes that occur together with this one; may be repeated"),
    OPTION_PATH("out", "DIR", NULL, "directory for tables, plots, images and explore.html"),
    CLI_CHANNELS("4"),
    OPTION_NUMBER("page-rows", "N", "10", 1, 100, "images per page"),
    OPTION_NUMBER("pages", "N", "2", 0, 1000000, "pages of images; 0: all"),
    CLI_SIZE,
    CLI_ON_BAD_IMAGE,
    OPTION_FLAG("no-plots", "tables and images only; gnuplot is not needed"),
    CLI_JSON,
    OPTION_FLAG("force", "replace an earlier exploration"),
    CLI_QUIET,
    {0},
};

/* The five of the reference notebooks. */
static const char *const default_company[] = {"Lysosomes", "Rods & rings", "Peroxisomes",
                                              "Microtubule ends", "Nuclear speckles"};

static hpac_status parse_company(const cli_arguments *arguments, hpac_explore_options *wanted)
{
    class_list list = {"company", wanted->company, &wanted->company_count};
    int count;
    const char *const *names = cli_list(arguments, "company", &count);
    if (count == 0) {
        names = default_company;
        count = sizeof default_company / sizeof *default_company;
    }
    for (int i = 0; i < count; i++)
        HPAC_TRY(class_list_add(&list, names[i]));
    return HPAC_OK;
}

static void show(void *user, size_t done, size_t total)
{
    (void)user;
    progress_count("drawing", done, total);
}

static hpac_status parse(const cli_arguments *arguments, hpac_explore_options *wanted)
{
    const char *path = cli_text(arguments, "labels"), *slash = strrchr(path, '/');
    *wanted = (hpac_explore_options){
        .name = slash && slash[1] ? slash + 1 : path,
        .images = cli_text(arguments, "images"),
        .test = cli_text(arguments, "test"),
        .folder = cli_text(arguments, "out"),
        .force = cli_flag(arguments, "force"),
        .plots = !cli_flag(arguments, "no-plots"),
        .page_rows = (int)cli_number(arguments, "page-rows"),
        .pages = (int)cli_number(arguments, "pages"),
        .rows = (int)cli_number(arguments, "rows"),
        .cols = (int)cli_number(arguments, "cols"),
        .skip_missing = cli_choice(arguments, "on-bad-image") == CLI_SKIP,
        .progress = show,
    };
    class_list list = {"classes", wanted->classes, &wanted->class_count};
    HPAC_TRY(list_read(cli_text(arguments, "classes"), class_list_add, &list));
    HPAC_TRY(channel_list_read(cli_text(arguments, "channels"), wanted->channel_order,
                               &wanted->channels));
    return parse_company(arguments, wanted);
}

static hpac_status run(const cli_arguments *arguments)
{
    hpac_explore_options wanted;
    hpac_labels labels;
    hpac_exploration found;
    HPAC_TRY(parse(arguments, &wanted));
    HPAC_TRY(hpac_labels_read_csv(cli_text(arguments, "labels"), &labels));
    wanted.labels = &labels;
    hpac_status status = hpac_explore(&wanted, &found);
    if (status == HPAC_OK && wanted.folder) {
        progress_begin(cli_flag(arguments, "quiet"));
        status = hpac_exploration_write(&wanted, &found);
        progress_end();
    }
    if (status == HPAC_OK)
        status = cli_flag(arguments, "json") ? hpac_exploration_print_json(&wanted, &found, stdout)
                                             : hpac_exploration_print(&wanted, &found, stdout);
    hpac_exploration_fini(&found);
    hpac_labels_fini(&labels);
    return status;
}

static const cli_note files[] = {
    {"explore.html", "one page with all tables and pictures"},
    {"*.csv", "the tables; binarised.csv: the labels as one column of 0 and 1 per class"},
    {"plots/", "one PNG per table, drawn by gnuplot"},
    {"panels/", "with --images: the images, and pages of them"},
    {0},
};

static const cli_note examples[] = {
    {"hpac explore --labels data/train.csv", "Count classes and labels, on the terminal."},
    {"hpac explore --labels data/train.csv --images data/train --classes \"Lysosomes,Endosomes\" "
     "--out explored",
     "Write all tables and plots, and show the images that have both classes."},
    {0},
};

const cli_command cmd_explore = {
    .name = "explore",
    .operands = "",
    .summary = "count labels, find classes that occur together, show images",
    .description =
        "Prints images per class, labels per image, the strongest correlations of the classes over "
        "the images with several labels, and the classes that occur together with rare ones. With "
        "--out it writes the same as CSV files and plots, and with --images pictures of the images "
        "that have all of --classes, one row per image and one column per channel; explore.html "
        "has all of it. Without --out nothing is written.",
    .options = options,
    .files = files,
    .examples = examples,
    .run = run,
};
