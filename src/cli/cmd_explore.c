/* hpac explore: what the labels say, what lies in the folders, how the images look. */
#include "commands.h"
#include "list_options.h"
#include "progress.h"

#include "data/dataset.h"
#include "explore/explore.h"

#include <stdio.h>
#include <string.h>

static const cli_option options[] = {
    CLI_LABELS,
    {"images", CLI_TEXT, "DIR", NULL, "folder of <Id>_<channel>.png, to show images of", false, 0,
     0},
    {"test", CLI_TEXT, "DIR", NULL, "folder of test images, to compare in size", false, 0, 0},
    {"classes", CLI_TEXT, "CLASS,...", NULL, "show images that carry all of these (default: any)",
     false, 0, 0},
    {"company", CLI_LIST, "CLASS", NULL,
     "classes that stand beside this one; may be given more than once", false, 0, 0},
    {"out", CLI_TEXT, "DIR", NULL, "folder for tables, plots, images and explore.html", false, 0,
     0},
    CLI_CHANNELS("4"),
    {"page-rows", CLI_NUMBER, "N", "10", "images on a page", false, 1, 100},
    {"pages", CLI_NUMBER, "N", "2", "pages of images at most; 0: all", false, 0, 1000000},
    CLI_SIZE,
    CLI_ON_BAD_IMAGE,
    {"no-plots", CLI_FLAG, NULL, NULL, "do without gnuplot: tables and images alone", false, 0, 0},
    CLI_JSON,
    {"force", CLI_FLAG, NULL, NULL, "write over an exploration that is there", false, 0, 0},
    CLI_QUIET,
    {0},
};

/* The write-up's five. */
static const char *const usual_company[] = {"Lysosomes", "Rods & rings", "Peroxisomes",
                                            "Microtubule ends", "Nuclear speckles"};

static hpac_status parse_company(const cli_arguments *arguments, hpac_explore_options *wanted)
{
    class_list list = {"company", wanted->company, &wanted->company_count};
    int given;
    const char *const *names = cli_list(arguments, "company", &given);
    if (given == 0) {
        names = usual_company;
        given = sizeof usual_company / sizeof *usual_company;
    }
    hpac_status status = HPAC_OK;
    for (int i = 0; i < given && status == HPAC_OK; i++)
        status = class_list_add(&list, names[i]);
    return status;
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
    hpac_status status = list_read(cli_text(arguments, "classes"), class_list_add, &list);
    if (status == HPAC_OK)
        status = channel_list_read(cli_text(arguments, "channels"), wanted->channel_order,
                                   &wanted->channels);
    return status == HPAC_OK ? parse_company(arguments, wanted) : status;
}

static hpac_status run(const cli_arguments *arguments)
{
    hpac_explore_options wanted;
    hpac_labels labels;
    hpac_exploration found;
    hpac_status status = parse(arguments, &wanted);
    if (status != HPAC_OK)
        return status;
    status = hpac_labels_read_csv(cli_text(arguments, "labels"), &labels);
    if (status != HPAC_OK)
        return status;
    wanted.labels = &labels;
    status = hpac_explore(&wanted, &found);
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
    {"explore.html", "all of it on one page, pictures inside"},
    {"*.csv", "a table each; binarised.csv: the labels as a 0 or 1 a class"},
    {"plots/", "a PNG a table, drawn by gnuplot"},
    {"panels/", "with --images: the images, and pages of them"},
    {0},
};

static const cli_note examples[] = {
    {"hpac explore --labels data/train.csv", "Count classes and labels, on the terminal."},
    {"hpac explore --labels data/train.csv --images data/train --classes \"Lysosomes,Endosomes\" "
     "--out explored",
     "Write all tables and plots, and show the images that carry both classes."},
    {0},
};

const cli_command cmd_explore = {
    .name = "explore",
    .operands = "",
    .summary = "count the labels, find classes that go together, show images",
    .description =
        "Prints images a class, labels an image, the strongest correlations of the classes over "
        "the images with several labels, and which classes stand beside rare ones. With --out the "
        "same as CSV files, as plots, and with --images pictures of the images that carry all of "
        "--classes, a row an image, a column a channel; explore.html has all of it. Without --out "
        "nothing is written.",
    .options = options,
    .files = files,
    .examples = examples,
    .run = run,
};
