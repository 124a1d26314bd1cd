/* hpac split: which rows train and which validate, printed and written as lists of Ids. */
#include "commands.h"

#include <hpac/labels.h>
#include <hpac/split.h>

#include <limits.h>
#include <string.h>

static hpac_status run(const cli_arguments *arguments)
{
    hpac_split_options options = {.folds = (int)cli_number(arguments, "folds"),
                                  .repeats = (int)cli_number(arguments, "repeats"),
                                  .seed = (uint32_t)cli_number(arguments, "seed"),
                                  .method = (hpac_split_method)cli_choice(arguments, "method")};
    hpac_labels labels;
    hpac_status status = hpac_labels_read_csv(cli_text(arguments, "labels"), &labels);
    if (status != HPAC_OK)
        return status;
    hpac_split split;
    status = hpac_split_create(&options, labels.count, labels.masks, &split);
    const char *folder = cli_text(arguments, "out");
    if (status == HPAC_OK && folder)
        status = hpac_split_write(&split, &labels, folder, cli_flag(arguments, "force"));
    if (status == HPAC_OK && cli_flag(arguments, "json"))
        hpac_split_print_json(&split, stdout);
    else if (status == HPAC_OK)
        hpac_split_print(&split, stdout);
    hpac_split_fini(&split);
    hpac_labels_fini(&labels);
    return status;
}

static const cli_option options[] = {
    {.name = "labels",
     .kind = CLI_TEXT,
     .argument = "FILE.csv",
     .required = true,
     .help = "label file with the columns Id,Target"},
    {.name = "folds",
     .kind = CLI_NUMBER,
     .argument = "N",
     .fallback = "3",
     .minimum = 2,
     .maximum = INT_MAX,
     .help = "parts the rows are cut into; each validates once"},
    {.name = "repeats",
     .kind = CLI_NUMBER,
     .argument = "N",
     .fallback = "1",
     .minimum = 1,
     .maximum = INT_MAX,
     .help = "times the whole is done, each anew"},
    {.name = "seed",
     .kind = CLI_NUMBER,
     .argument = "N",
     .fallback = "0",
     .minimum = 0,
     .maximum = UINT32_MAX,
     .help = "of the random numbers; scikit-learn's random_state"},
    {.name = "method",
     .kind = CLI_CHOICE,
     .argument = "kfold|stratified",
     .fallback = "kfold",
     .help = "stratified: every class spread evenly over the folds"},
    {.name = "out",
     .kind = CLI_TEXT,
     .argument = "DIR",
     .help = "write fold<k>_train.csv and fold<k>_validation.csv there"},
    {.name = "force", .kind = CLI_FLAG, .help = "replace the folds of an earlier split"},
    CLI_JSON,
    {0},
};

static const cli_note files[] = {
    {"fold<k>_train.csv, fold<k>_validation.csv", "with --out: the Ids of each side of fold k"},
    {0},
};

static const cli_note examples[] = {
    {"hpac split --labels data/train.csv", "Print the folds of the write-up."},
    {"hpac split --labels data/train.csv --method stratified --out folds",
     "Write the Ids of folds that have the rare classes in all of them."},
    {0},
};

const cli_command cmd_split = {
    .name = "split",
    .operands = "",
    .summary = "cut the rows of a label file into training and validation folds",
    .description =
        "Prints the row numbers of each fold. The folds equal scikit-learn's RepeatedKFold with "
        "the same numbers; with --method stratified each class is spread evenly over them, so "
        "that a rare one is in all. In the files k is repeat x folds + fold.",
    .options = options,
    .files = files,
    .examples = examples,
    .run = run,
};
