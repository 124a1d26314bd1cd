/* hpac split: which rows train and which validate, printed and written as lists of Ids. */
#include "commands.h"

#include <hpac/csv.h>
#include <hpac/file.h>
#include <hpac/labels.h>
#include <hpac/split.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const side_names[2] = {"train", "validation"};

/* Two files a fold: file 2k is fold k's training side. */
static char *file_path(const char *folder, size_t file)
{
    return hpac_path_join(folder, "fold%zu_%s.csv", file / 2, side_names[file % 2]);
}

static hpac_status write_ids(const char *path, const hpac_labels *labels, const size_t *rows,
                             size_t row_count)
{
    hpac_file file;
    hpac_status status = hpac_file_create(&file, path);
    if (status != HPAC_OK)
        return status;
    fputs("Id\n", file.stream);
    for (size_t i = 0; i < row_count; i++) {
        hpac_csv_write_cell(file.stream, labels->ids[rows[i]]);
        fputc('\n', file.stream);
    }
    return hpac_file_commit(&file);
}

static hpac_status write_file(const char *folder, size_t file, const hpac_labels *labels,
                              const hpac_split *split)
{
    char *path = file_path(folder, file);
    if (!path)
        return hpac_fail_memory(strlen(folder));
    const hpac_fold *fold = &split->folds[file / 2];
    hpac_status status = file % 2
                             ? write_ids(path, labels, fold->validation, fold->validation_count)
                             : write_ids(path, labels, fold->train, fold->train_count);
    free(path);
    return status;
}

/* A set of folds is of use only as a whole: on failure the files written so far go. */
static void remove_files(const char *folder, size_t count)
{
    for (size_t file = 0; file < count; file++) {
        char *path = file_path(folder, file);
        if (path)
            unlink(path);
        free(path);
    }
}

static hpac_status write_folds(const char *folder, const hpac_labels *labels,
                               const hpac_split *split)
{
    hpac_status status = hpac_folder_create(folder);
    size_t written = 0;
    while (status == HPAC_OK && written < 2 * split->count) {
        status = write_file(folder, written, labels, split);
        written += status == HPAC_OK;
    }
    if (status != HPAC_OK)
        remove_files(folder, written);
    return status;
}

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
        status = write_folds(folder, &labels, &split);
    if (status == HPAC_OK)
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
    {0},
};

const cli_command cmd_split = {
    .name = "split",
    .operands = "",
    .summary = "cut the rows of a label file into training and validation folds",
    .description =
        "Prints the row numbers of each fold. The folds equal scikit-learn's RepeatedKFold with\n"
        "the same numbers; with --method stratified each class is spread evenly over them, so\n"
        "that a rare one is in all. In the files k is repeat x folds + fold.",
    .options = options,
    .run = run,
};
