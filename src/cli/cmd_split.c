/* hpac split: training and validation rows of each fold, printed or written as lists of Ids. */
#include "commands.h"
#include "option_rows.h"
#include "split_options.h"

#include <hpac/labels.h>
#include <hpac/split.h>

#include <limits.h>

static hpac_status run(const cli_arguments *arguments)
{
    hpac_split_options options;
    split_options_read(arguments, &options);
    hpac_labels labels;
    HPAC_TRY(hpac_labels_read_csv(cli_text(arguments, "labels"), &labels));
    hpac_split split;
    hpac_status status = hpac_split_create(&options, labels.count, labels.masks, &split);
    const char *directory = cli_text(arguments, "out");
    if (status == HPAC_OK && directory)
        status = hpac_split_write(&split, &labels, directory, cli_flag(arguments, "force"));
    if (status == HPAC_OK)
        (cli_flag(arguments, "json") ? hpac_split_print_json : hpac_split_print)(&split, stdout);
    hpac_split_fini(&split);
    hpac_labels_fini(&labels);
    return status;
}

static const cli_option options[] = {
    CLI_LABELS,
    SPLIT_OPTIONS,
    OPTION_PATH("out", "DIR", NULL, "write fold<k>_train.csv and fold<k>_validation.csv there"),
    OPTION_FLAG("force", "replace the files of an earlier split"),
    CLI_JSON,
    {0},
};

static const cli_note files[] = {
    {"fold<k>_train.csv, fold<k>_validation.csv",
     "with --out: training and validation Ids of fold k"},
    {0},
};

static const cli_note examples[] = {
    {"hpac split --labels data/train.csv", "Print the folds of the reference notebooks."},
    {"hpac split --labels data/train.csv --method stratified --out folds",
     "Write the Ids of folds that all have the rare classes."},
    {0},
};

const cli_command cmd_split = {
    .name = "split",
    .operands = "",
    .summary = "split the rows of a label file into training and validation folds",
    .description =
        "Prints the row numbers of each fold. The folds equal those of scikit-learn's "
        "RepeatedKFold with the same parameters; with --method stratified each class is spread "
        "evenly over them, so that rare classes are in all. In the files k is repeat x folds + "
        "fold.",
    .options = options,
    .files = files,
    .examples = examples,
    .run = run,
};
