/* Folds as lists of Ids: two files per fold, all of them or none. */
#include <hpac/split.h>

#include "base/csv.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const side_names[2] = {"train", "validation"};

/* File 2k is fold k's training side. */
static char *file_path(const char *folder, size_t file)
{
    return hpac_path_join(folder, "fold%zu_%s.csv", file / 2, side_names[file % 2]);
}

/* ---- what an earlier split left ---- */

/* Whether a name is that of a fold's file, and of which fold. */
static bool is_fold_file(const char *name, size_t *fold)
{
    if (strncmp(name, "fold", 4) != 0)
        return false;
    *fold = strtoul(name + 4, NULL, 10);
    for (int side = 0; side < 2; side++) {
        char expected[64];
        snprintf(expected, sizeof expected, "fold%zu_%s.csv", *fold, side_names[side]);
        if (strcmp(name, expected) == 0)
            return true;
    }
    return false;
}

static hpac_status check_directory(const char *path)
{
    hpac_status status = HPAC_OK;
    size_t fold;
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory && status == HPAC_OK && (entry = readdir(directory));)
        if (is_fold_file(entry->d_name, &fold))
            status = hpac_fail(HPAC_ERR_CONFIG,
                               "%s: already has folds (%s); use another --out, or replace them "
                               "with --force",
                               path, entry->d_name);
    if (directory)
        closedir(directory);
    return status;
}

/* Files of an earlier split into more folds would remain beside the new ones. */
static hpac_status remove_beyond(const char *path, size_t count)
{
    hpac_status status = HPAC_OK;
    size_t fold;
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        if (is_fold_file(entry->d_name, &fold) && fold >= count &&
            unlinkat(dirfd(directory), entry->d_name, 0) != 0 && errno != ENOENT)
            status = hpac_fail(HPAC_ERR_DATA, "%s/%s: cannot remove: %s", path, entry->d_name,
                               strerror(errno));
    if (directory)
        closedir(directory);
    return status;
}

/* ---- the files ---- */

static hpac_status write_ids(hpac_file *file, const hpac_labels *labels, const size_t *rows,
                             size_t row_count)
{
    fputs("Id\n", file->stream);
    for (size_t i = 0; i < row_count; i++) {
        hpac_csv_write_cell(file->stream, labels->ids[rows[i]]);
        fputc('\n', file->stream);
    }
    return hpac_file_finish(file);
}

static hpac_status write_side(const hpac_split *split, size_t number, const hpac_labels *labels,
                              const char *folder, hpac_file *file)
{
    char *path = file_path(folder, number);
    if (!path)
        return hpac_fail_memory(strlen(folder));
    const hpac_fold *fold = &split->folds[number / 2];
    hpac_status status = hpac_file_create(file, path);
    if (status == HPAC_OK)
        status = number % 2 ? write_ids(file, labels, fold->validation, fold->validation_count)
                            : write_ids(file, labels, fold->train, fold->train_count);
    free(path);
    return status;
}

hpac_status hpac_split_write(const hpac_split *split, const hpac_labels *labels, const char *folder,
                             bool force)
{
    size_t count = 2 * split->count;
    if (!force)
        HPAC_TRY(check_directory(folder));
    HPAC_TRY(hpac_directory_create(folder));
    hpac_file *files = calloc(count, sizeof *files);
    if (!files)
        return hpac_fail_memory(count * sizeof *files);
    hpac_status status = HPAC_OK;
    for (size_t i = 0; i < count && status == HPAC_OK; i++)
        status = write_side(split, i, labels, folder, &files[i]);
    for (size_t i = 0; i < count && status == HPAC_OK; i++)
        status = hpac_file_commit(&files[i]);
    for (size_t i = 0; i < count; i++)
        hpac_file_discard(&files[i]);
    free(files);
    return status == HPAC_OK && force ? remove_beyond(folder, split->count) : status;
}
