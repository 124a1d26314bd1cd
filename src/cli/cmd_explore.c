/* hpac explore: what the labels say, what lies in the folders, how the images look. */
#include "commands.h"
#include "progress.h"

#include <hpac/dataset.h>
#include <hpac/explore.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const cli_option options[] = {
    {"labels", CLI_TEXT, "FILE.csv", NULL, "label file with the columns Id,Target", true, 0, 0},
    {"images", CLI_TEXT, "DIR", NULL, "folder of <Id>_<channel>.png, to show images of", false, 0,
     0},
    {"test", CLI_TEXT, "DIR", NULL, "folder of test images, to compare in size", false, 0, 0},
    {"classes", CLI_TEXT, "CLASS,...", NULL, "show images that carry all of these (default: any)",
     false, 0, 0},
    {"company", CLI_LIST, "CLASS", NULL,
     "classes that stand beside this one; may be given more than once", false, 0, 0},
    {"out", CLI_TEXT, "DIR", NULL, "folder for tables, plots, images and explore.html", false, 0,
     0},
    {"channels", CLI_NUMBER, "N", "4", "first of green, blue, red, yellow", false, 1,
     HPAC_MAX_CHANNELS},
    {"page-rows", CLI_NUMBER, "N", "10", "images on a page", false, 1, 100},
    {"pages", CLI_NUMBER, "N", "2", "pages of images at most; 0: all", false, 0, 1000000},
    {"rows", CLI_NUMBER, "N", "128", "height after preprocessing", false, 1, 16384},
    {"cols", CLI_NUMBER, "N", "128", "width after preprocessing", false, 1, 16384},
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

static hpac_status add_class(const char *option, const char *name, int *list, int *count)
{
    int number = hpac_class_find(name);
    if (number < 0)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "--%s: there is no class \"%s\"; names are matched exactly, as in "
                         "\"Lysosomes\" or \"Rods & rings\"",
                         option, name);
    for (int i = 0; i < *count; i++)
        if (list[i] == number)
            return hpac_fail(HPAC_ERR_CONFIG, "--%s: \"%s\" stands twice", option, name);
    list[(*count)++] = number;
    return HPAC_OK;
}

/* Names between commas; blanks about them do not count. */
static hpac_status parse_classes(const char *text, int *list, int *count)
{
    hpac_status status = HPAC_OK;
    for (const char *next; text && status == HPAC_OK; text = next) {
        size_t length = strcspn(text, ",");
        next = text[length] ? text + length + 1 : NULL;
        while (length > 0 && *text == ' ')
            text++, length--;
        while (length > 0 && text[length - 1] == ' ')
            length--;
        char *name = strndup(text, length);
        status = name ? add_class("classes", name, list, count) : hpac_fail_memory(length);
        free(name);
    }
    return status;
}

static hpac_status parse_company(const cli_arguments *arguments, int *list, int *count)
{
    int given;
    const char *const *names = cli_list(arguments, "company", &given);
    if (given == 0) {
        names = usual_company;
        given = sizeof usual_company / sizeof *usual_company;
    }
    hpac_status status = HPAC_OK;
    for (int i = 0; i < given && status == HPAC_OK; i++)
        status = add_class("company", names[i], list, count);
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
        .channels = (int)cli_number(arguments, "channels"),
        .page_rows = (int)cli_number(arguments, "page-rows"),
        .pages = (int)cli_number(arguments, "pages"),
        .rows = (int)cli_number(arguments, "rows"),
        .cols = (int)cli_number(arguments, "cols"),
        .skip_missing = cli_choice(arguments, "on-bad-image") == CLI_SKIP,
        .progress = show,
    };
    hpac_status status =
        parse_classes(cli_text(arguments, "classes"), wanted->classes, &wanted->class_count);
    if (status == HPAC_OK)
        status = parse_company(arguments, wanted->company, &wanted->company_count);
    return status;
}

static void print_undefined(const hpac_exploration *found)
{
    int classes = found->statistics.uncorrelated;
    if (classes > 0)
        printf(
            "  The correlation of %d class%s with any other is undefined: none of the %zu images\n"
            "  with several labels carries %s, or all do.\n",
            classes, classes == 1 ? "" : "es", found->statistics.multi_images,
            classes == 1 ? "it" : "them");
}

/* On the terminal the matrix of correlations is left to its strongest pairs. */
static hpac_status print_tables(const hpac_explore_options *wanted, const hpac_exploration *found)
{
    const hpac_table *tables[HPAC_EXPLORE_TABLES];
    size_t count = hpac_exploration_tables(wanted, found, tables);
    hpac_status status = HPAC_OK;
    for (size_t i = 0; i < count && status == HPAC_OK; i++) {
        bool pairs = tables[i] == &found->correlation_pairs, chosen = tables[i] == &found->chosen;
        if (tables[i] == &found->correlation)
            continue;
        printf("%s", i > 0 ? "\n" : "");
        if (hpac_table_row_count(tables[i]) == 0)
            printf("%s: none\n", tables[i]->title);
        else
            status = hpac_table_print(tables[i], pairs || chosen ? 10 : 0, stdout);
        if (pairs)
            print_undefined(found);
    }
    if (status == HPAC_OK && wanted->test)
        printf("\nThe test folder has %zu images, %.1f %% of the %zu %s.\n", found->test.images,
               found->test_percent, found->train_images,
               wanted->images ? "in the folder of --images" : "in the label file");
    return status;
}

static hpac_status print(const cli_arguments *arguments, const hpac_explore_options *wanted,
                         const hpac_exploration *found)
{
    if (!cli_flag(arguments, "json"))
        return print_tables(wanted, found);
    const hpac_table *tables[HPAC_EXPLORE_TABLES];
    size_t count = hpac_exploration_tables(wanted, found, tables);
    return hpac_tables_write_json(tables, count, stdout);
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
        status = print(arguments, &wanted, &found);
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
