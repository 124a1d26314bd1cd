/* Repeated k-folds: drawing them, printing them as numpy does, writing them as lists of Ids. */
#include <hpac/split.h>

#include "base/csv.h"
#include "base/file.h"
#include "base/machine.h"
#include "base/memory.h"
#include "base/random.h"
#include "stratify.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* scikit-learn's KFold(shuffle=True): the shuffled rows are cut into folds, the first
 * row_count % folds of them one row longer. `rows` (row_count) is scratch. */
static void deal_shuffled(hpac_mt19937 *mt, size_t folds, size_t row_count, size_t *rows,
                          size_t *fold_of)
{
    for (size_t i = 0; i < row_count; i++)
        rows[i] = i;
    hpac_mt19937_shuffle(mt, rows, row_count);
    size_t share = row_count / folds, longer = row_count % folds;
    size_t in_longer = longer * (share + 1);
    for (size_t i = 0; i < row_count; i++)
        fold_of[rows[i]] = i < in_longer ? i / (share + 1) : longer + (i - in_longer) / share;
}

/* Both sides of one fold, in one block; ascending because the rows are visited in order. */
static hpac_status collect_fold(hpac_fold *fold, size_t number, size_t row_count,
                                const size_t *fold_of)
{
    HPAC_TRY_NEW(fold->train, row_count);
    for (size_t row = 0; row < row_count; row++)
        fold->train_count += fold_of[row] != number;
    fold->validation_count = row_count - fold->train_count;
    fold->validation = fold->train + fold->train_count;
    size_t *train = fold->train, *validation = fold->validation;
    for (size_t row = 0; row < row_count; row++)
        if (fold_of[row] == number)
            *validation++ = row;
        else
            *train++ = row;
    return HPAC_OK;
}

static hpac_status check_options(const hpac_split_options *options, size_t row_count)
{
    if (row_count > UINT32_MAX)
        return hpac_fail(HPAC_ERR_CONFIG, "split: %zu rows, expected at most %" PRIu32, row_count,
                         UINT32_MAX);
    if (row_count == 0 || options->folds < 2 || (size_t)options->folds > row_count)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "split: %d folds of %zu rows, expected at least 2 and at most one per row",
                         options->folds, row_count);
    if (options->repeats < 1)
        return hpac_fail(HPAC_ERR_CONFIG, "split: %d repeats, expected at least 1",
                         options->repeats);
    /* Every fold has every row number once; better refused now than killed later. */
    double needed_mib =
        (double)options->folds * options->repeats * (double)row_count * sizeof(size_t) / (1 << 20);
    double machine_mib = (double)hpac_memory_total() / (1 << 20);
    if (needed_mib > machine_mib / 2)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "split: %d folds x %d repeats of %zu rows need %.0f MiB, more than half "
                         "of this machine's %.0f",
                         options->folds, options->repeats, row_count, needed_mib, machine_mib);
    return HPAC_OK;
}

static hpac_status draw(const hpac_split_options *options, size_t row_count, const uint32_t *masks,
                        hpac_split *split)
{
    size_t folds = (size_t)options->folds, repeats = (size_t)options->repeats;
    HPAC_AUTO_FREE size_t *fold_of = NULL, *rows = NULL;
    HPAC_TRY_NEW(fold_of, row_count);
    HPAC_TRY_NEW(rows, row_count);
    HPAC_TRY_NEW(split->folds, folds * repeats);
    split->count = folds * repeats;
    hpac_mt19937 mt; /* one for all repeats, as RepeatedKFold hands its generator on */
    hpac_mt19937_init(&mt, options->seed);
    for (size_t i = 0; i < split->count; i++) {
        if (i % folds == 0 && options->method == HPAC_SPLIT_STRATIFIED)
            HPAC_TRY(
                stratify(options->seed, (uint32_t)(i / folds), folds, row_count, masks, fold_of));
        else if (i % folds == 0)
            deal_shuffled(&mt, folds, row_count, rows, fold_of);
        HPAC_TRY(collect_fold(&split->folds[i], i % folds, row_count, fold_of));
    }
    return HPAC_OK;
}

hpac_status hpac_split_create(const hpac_split_options *options, size_t row_count,
                              const uint32_t *masks, hpac_split *split)
{
    *split = (hpac_split){0};
    HPAC_TRY(check_options(options, row_count));
    hpac_status status = draw(options, row_count, masks, split);
    if (status != HPAC_OK)
        hpac_split_fini(split);
    return status;
}

void hpac_split_fini(hpac_split *split)
{
    for (size_t i = 0; i < split->count; i++)
        free(split->folds[i].train); /* and its validation rows with it */
    free(split->folds);
    *split = (hpac_split){0};
}

/* ---- printing ---- */

/* numpy's print options: threshold, edgeitems, linewidth. */
enum { PRINT_THRESHOLD = 1000, PRINT_EDGE = 3, PRINT_WIDTH = 75 };

/* str() of a numpy array. `rows` ascend, so the last has the most digits; a line has words up to
 * one column less than the width, which is for the bracket. */
static void print_rows(const size_t *rows, size_t count, FILE *stream)
{
    bool summarized = count > PRINT_THRESHOLD;
    int width = snprintf(NULL, 0, "%zu", rows[count - 1]), column = 1;
    fputc('[', stream);
    for (size_t i = 0; i < count; i++) {
        bool gap = summarized && i == PRINT_EDGE;
        int word_width = gap ? 3 : width;
        if (column > 1 && column + word_width > PRINT_WIDTH - 1) {
            fputs("\n ", stream);
            column = 1;
        } else if (column > 1) {
            fputc(' ', stream);
        }
        if (gap) {
            fputs("...", stream);
            i = count - PRINT_EDGE - 1;
        } else {
            fprintf(stream, "%*zu", width, rows[i]);
        }
        column += word_width + 1;
    }
    fputc(']', stream);
}

void hpac_split_print(const hpac_split *split, FILE *stream)
{
    for (size_t i = 0; i < split->count; i++) {
        const hpac_fold *fold = &split->folds[i];
        fputs("TRAIN: ", stream);
        print_rows(fold->train, fold->train_count, stream);
        fputs(" VALIDATION: ", stream);
        print_rows(fold->validation, fold->validation_count, stream);
        fprintf(stream, "\nTRAIN: %zu TEST: %zu\n", fold->train_count, fold->validation_count);
    }
}

static void print_json_rows(const char *name, const size_t *rows, size_t count, FILE *stream)
{
    fprintf(stream, "\"%s\": [", name);
    for (size_t i = 0; i < count; i++)
        fprintf(stream, "%s%zu", i > 0 ? ", " : "", rows[i]);
    fputc(']', stream);
}

void hpac_split_print_json(const hpac_split *split, FILE *stream)
{
    fputs("{\"folds\": [", stream);
    for (size_t i = 0; i < split->count; i++) {
        const hpac_fold *fold = &split->folds[i];
        fputs(i > 0 ? ",\n  {" : "\n  {", stream);
        print_json_rows("train", fold->train, fold->train_count, stream);
        fputs(",\n   ", stream);
        print_json_rows("validation", fold->validation, fold->validation_count, stream);
        fputc('}', stream);
    }
    fputs("\n]}\n", stream);
}

/* ---- lists of Ids: two files per fold, all of them or none ---- */

static const char *const side_names[2] = {"train", "validation"};

/* Whether a name is that of a fold's file, and of which fold. */
static bool is_fold_file(const char *name, size_t *fold)
{
    char side[16], expected[64];
    if (sscanf(name, "fold%zu_%15[a-z]", fold, side) != 2)
        return false;
    snprintf(expected, sizeof expected, "fold%zu_%s.csv", *fold, side);
    return strcmp(name, expected) == 0 &&
           (strcmp(side, side_names[0]) == 0 || strcmp(side, side_names[1]) == 0);
}

/* Files of an earlier split: without `force` an error; with it those of folds from `count` on,
 * which would remain beside the new ones, are removed. */
static hpac_status clear_directory(const char *path, bool force, size_t count)
{
    hpac_status status = HPAC_OK;
    size_t fold;
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        if (!is_fold_file(entry->d_name, &fold))
            continue;
        if (!force)
            status = hpac_fail(HPAC_ERR_CONFIG,
                               "%s: already has folds (%s); use another --out, or replace them "
                               "with --force",
                               path, entry->d_name);
        else if (fold >= count && unlinkat(dirfd(directory), entry->d_name, 0) != 0 &&
                 errno != ENOENT)
            status = hpac_fail(HPAC_ERR_DATA, "%s/%s: cannot remove: %s", path, entry->d_name,
                               strerror(errno));
    }
    if (directory)
        closedir(directory);
    return status;
}

/* File 2k is fold k's training side. */
static hpac_status write_side(const hpac_split *split, size_t number, const hpac_labels *labels,
                              const char *directory, hpac_file *file)
{
    const hpac_fold *fold = &split->folds[number / 2];
    const size_t *rows = number % 2 ? fold->validation : fold->train;
    size_t count = number % 2 ? fold->validation_count : fold->train_count;
    HPAC_AUTO_FREE char *path = NULL;
    HPAC_TRY_MEMORY(
        path = hpac_path_join(directory, "fold%zu_%s.csv", number / 2, side_names[number % 2]),
        strlen(directory));
    HPAC_TRY(hpac_file_create(file, path));
    fputs("Id\n", file->stream);
    for (size_t i = 0; i < count; i++) {
        hpac_csv_write_cell(file->stream, labels->ids[rows[i]]);
        fputc('\n', file->stream);
    }
    return hpac_file_finish(file);
}

typedef struct file_list {
    hpac_file *files; /* (count) zeroed ones are not open */
    size_t count;
} file_list;

static void file_list_fini(file_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        hpac_file_discard(&list->files[i]);
    free(list->files);
}

hpac_status hpac_split_write(const hpac_split *split, const hpac_labels *labels,
                             const char *directory, bool force)
{
    if (!force)
        HPAC_TRY(clear_directory(directory, false, 0));
    HPAC_TRY(hpac_directory_create(directory));
    HPAC_AUTO(file_list_fini) file_list list = {0};
    HPAC_TRY_NEW(list.files, 2 * split->count);
    for (; list.count < 2 * split->count; list.count++)
        HPAC_TRY(write_side(split, list.count, labels, directory, &list.files[list.count]));
    for (size_t i = 0; i < list.count; i++)
        HPAC_TRY(hpac_file_commit(&list.files[i]));
    return force ? clear_directory(directory, true, split->count) : HPAC_OK;
}
