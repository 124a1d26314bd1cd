/* hpac split: training and validation rows of each fold, printed or written as lists of Ids. */
#include "options.h"

#include "base/interrupt.h"
#include "base/memory.h"

static hpac_status run(const cli_arguments *arguments)
{
    const hpac_split_options options = split_options_read(arguments);
    const char *out = cli_text(arguments, "out");
    HPAC_AUTO(hpac_labels_fini) hpac_labels labels = {0};
    HPAC_AUTO(hpac_split_fini) hpac_split split = {0};
    HPAC_TRY(hpac_labels_read_csv(cli_text(arguments, "labels"), &labels));
    HPAC_TRY(hpac_split_create(&options, labels.count, labels.masks, &split));
    if (out) {
        (void)hpac_watch_stop_signals(); /* a first Ctrl-C does not end it among its files */
        HPAC_TRY(hpac_split_write(&split, &labels, out, cli_flag(arguments, "force")));
    }
    (cli_flag(arguments, "json") ? hpac_split_print_json : hpac_split_print)(&split, stdout);
    return HPAC_OK;
}

const cli_command cmd_split = {
    .name = "split",
    .operands = "",
    .summary = "split the rows of a label file into training and validation folds",
    .description =
        "Prints the row numbers of each fold. The folds equal those of scikit-learn's "
        "RepeatedKFold with the same parameters; with --method stratified each class is spread "
        "evenly over them, so that rare classes are in all. In the files k is repeat x folds + "
        "fold.",
    .options = {CLI_LABELS, SPLIT_OPTIONS,
                OPTION_PATH("out", "DIR", NULL,
                            "write fold<k>_train.csv and fold<k>_validation.csv there"),
                OPTION_FLAG("force", "replace the files of an earlier split"), CLI_JSON},
    .files = {{"fold<k>_train.csv, fold<k>_validation.csv",
               "with --out: training and validation Ids of fold k"}},
    .examples = {{"hpac split --labels data/train.csv",
                  "Print the folds of the reference notebooks."},
                 {"hpac split --labels data/train.csv --method stratified --out folds",
                  "Write the Ids of folds that all have the rare classes."}},
    .run = run,
};
