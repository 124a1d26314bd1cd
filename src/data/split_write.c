/* Splits as text: printed as numpy prints arrays, as JSON, and written as lists of Ids. */
#include <hpac/split.h>

#include "base/csv.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/pause.h"

#include <dirent.h>
#include <string.h>

/* numpy's print options: threshold, edgeitems, linewidth. */
enum { PRINT_THRESHOLD = 1000, PRINT_EDGE = 3, PRINT_WIDTH = 75 };

/* str() of a numpy array. `rows` ascend, so the last has the most digits; a line has words up to
 * one column less than the width, which is for the bracket. */
static void print_rows(const size_t *rows, size_t count, FILE *stream)
{
    bool summarized = count > PRINT_THRESHOLD;
    int width = count > 0 ? snprintf(NULL, 0, "%zu", rows[count - 1]) : 0, column = 1;
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
    char expected[64];
    *fold = strncmp(name, "fold", 4) == 0 ? strtoul(name + 4, NULL, 10) : 0;
    for (int side = 0; side < 2; side++) {
        snprintf(expected, sizeof expected, "fold%zu_%s.csv", *fold, side_names[side]);
        if (strcmp(name, expected) == 0)
            return true;
    }
    return false;
}

/* Whether a name is that of a file of a fold from `*user`, a size_t, on. */
static bool is_fold_from(const void *user, const char *name)
{
    size_t fold;
    return is_fold_file(name, &fold) && fold >= *(const size_t *)user;
}

/* Refuses a directory with the files of an earlier split. */
static hpac_status check_directory(const char *path)
{
    hpac_status status = HPAC_OK;
    size_t fold;
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        if (is_fold_file(entry->d_name, &fold))
            status = hpac_fail(HPAC_ERR_CONFIG,
                               "%s: already has folds (%s); use another --out, or replace them "
                               "with --force",
                               path, entry->d_name);
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

/* That the rows are those of the labels. */
static hpac_status check_rows(const hpac_split *split, const hpac_labels *labels)
{
    for (size_t i = 0; i < 2 * split->count; i++) {
        const hpac_fold *fold = &split->folds[i / 2];
        const size_t *rows = i % 2 ? fold->validation : fold->train;
        size_t count = i % 2 ? fold->validation_count : fold->train_count;
        for (size_t r = 0; r < count; r++)
            if (rows[r] >= labels->count)
                return hpac_fail(HPAC_ERR_INTERNAL, "split with row %zu, but %zu labels", rows[r],
                                 labels->count);
    }
    return HPAC_OK;
}

static void file_list_fini(file_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        hpac_file_discard(&list->files[i]);
    free(list->files);
}

hpac_status hpac_split_write(const hpac_split *split, const hpac_labels *labels,
                             const char *directory, bool force)
{
    HPAC_TRY_GIVEN(split);
    HPAC_TRY_GIVEN(labels);
    HPAC_TRY_GIVEN(directory);
    if (split->count > 0) {
        HPAC_TRY_GIVEN(split->folds);
        HPAC_TRY_GIVEN(labels->ids);
    }
    HPAC_TRY(check_rows(split, labels));
    if (!force)
        HPAC_TRY(check_directory(directory));
    HPAC_TRY(hpac_directory_create(directory));
    HPAC_AUTO(file_list_fini) file_list list = {0};
    HPAC_TRY_NEW(list.files, 2 * split->count);
    for (; list.count < 2 * split->count; list.count++)
        HPAC_TRY(write_side(split, list.count, labels, directory, &list.files[list.count]));
    for (size_t i = 0; i < list.count; i++) {
        hpac_test_pause("file");
        HPAC_TRY(hpac_file_commit(&list.files[i]));
    }
    /* Those of more folds than this split has would remain beside the new ones. */
    return force ? hpac_directory_remove_files(directory, is_fold_from, &split->count) : HPAC_OK;
}
