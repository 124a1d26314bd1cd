/* hpac split: which rows train and which validate, printed and written as lists of Ids. */
#include "commands.h"
#include "split_options.h"

#include <hpac/labels.h>
#include <hpac/split.h>

#include <limits.h>

static hpac_status run(const cli_arguments *arguments)
{
    hpac_split_options options;
    split_options_read(arguments, &options);
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
    CLI_LABELS,
    SPLIT_OPTIONS("3", "parts the rows are cut into; each validates once", "1",
                  "times the whole is done, each anew", "0",
                  "of the random numbers; scikit-learn's random_state", "kfold",
                  "stratified: every class spread evenly over the folds"),
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
