/* The check of a data set's files before the first step: missing and bad ones, and their sizes. */
#include "dataset_internal.h"

#include <hpac/log.h>

#include "base/file.h"
#include "base/parallel.h"
#include "image/image.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

typedef struct image_size {
    size_t rows, cols; /* 0: a bad file */
} image_size;

/* Files in order: the channels of the first row, those of the second, ... */
typedef struct check {
    const hpac_dataset *dataset;
    const size_t *rows; /* NULL: all */
    size_t row_count, channels, file_count;
    char **problems;   /* (file_count) NULL: none */
    image_size *sizes; /* (file_count) */
} check;

static size_t row_of(const check *work, size_t file)
{
    return work->rows ? work->rows[file / work->channels] : file / work->channels;
}

static char *path_of(const check *work, size_t file)
{
    return dataset_image_path(work->dataset, row_of(work, file), file % work->channels);
}

static hpac_status check_file(void *user, size_t file, int thread)
{
    (void)thread;
    check *work = user;
    char *path = path_of(work, file);
    if (!path)
        return hpac_fail_memory(1);
    hpac_status status = hpac_png_probe(path, &work->sizes[file].rows, &work->sizes[file].cols);
    free(path);
    if (status != HPAC_ERR_DATA)
        return status;
    work->sizes[file] = (image_size){0};
    work->problems[file] = strdup(hpac_error_message());
    return work->problems[file] ? HPAC_OK : hpac_fail_memory(strlen(hpac_error_message()) + 1);
}

static hpac_status check_directory(const hpac_dataset *dataset)
{
    struct stat info;
    if (stat(dataset->images, &info) != 0 || !S_ISDIR(info.st_mode))
        return hpac_fail(HPAC_ERR_DATA, "%s: no such directory; expected the images <Id>_%s.png",
                         dataset->images, hpac_channel_names[dataset->channel_order[0]]);
    return HPAC_OK;
}

/* ---- files that are there under another name ---- */

typedef struct listing {
    char **names; /* (count) sorted without regard to case */
    size_t count;
} listing;

static int compare_names(const void *a, const void *b)
{
    return strcasecmp(*(char *const *)a, *(char *const *)b);
}

/* An empty list when the directory cannot be read: hints are extras. */
static void list_directory(const char *path, listing *files)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, NULL);
    files->names = count > 0 ? malloc((size_t)count * sizeof *files->names) : NULL;
    for (int i = 0; i < count; i++) {
        if (files->names && (files->names[files->count] = strdup(entries[i]->d_name)))
            files->count++;
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    if (files->count > 0)
        qsort(files->names, files->count, sizeof *files->names, compare_names);
}

/* The first file whose name begins with `stem`, in any case, and a dot. */
static const char *find_stem(const listing *files, const char *stem, size_t length)
{
    size_t low = 0, high = files->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strncasecmp(files->names[middle], stem, length) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < files->count && strncasecmp(files->names[low], stem, length) == 0; low++)
        if (files->names[low][length] == '.')
            return files->names[low];
    return NULL;
}

/* A file that is probably meant by the missing "<Id>_<channel>.png": of another ending or case; of
 * an Id that wrongly carries an ending; one file for all channels. NULL: none. */
static const char *find_similar(const listing *files, const char *id, const char *channel)
{
    char stem[512];
    size_t id_length = strlen(id);
    const char *ending = strrchr(id, '.');
    size_t lengths[] = {id_length, ending ? (size_t)(ending - id) : id_length};
    for (int i = 0; i < 2; i++) {
        int length = snprintf(stem, sizeof stem, "%.*s_%s", (int)lengths[i], id, channel);
        const char *found = length > 0 && (size_t)length < sizeof stem
                                ? find_stem(files, stem, (size_t)length)
                                : NULL;
        if (found)
            return found;
    }
    return find_stem(files, id, id_length);
}

/* ---- reports ---- */

static void add_problem(check *work, size_t file, listing *files, hpac_problems *problems)
{
    const hpac_dataset *dataset = work->dataset;
    char *path = path_of(work, file);
    struct stat info;
    bool is_missing = path && lstat(path, &info) != 0;
    free(path);
    if (is_missing && !files->names)
        list_directory(dataset->images, files);
    const char *id = dataset->options.labels->ids[row_of(work, file)];
    const char *channel = hpac_channel_names[dataset->channel_order[file % work->channels]];
    const char *similar = is_missing ? find_similar(files, id, channel) : NULL;
    if (similar)
        hpac_problems_add(problems, "%s (found %s)", work->problems[file], similar);
    else
        hpac_problems_add(problems, "%s", work->problems[file]);
}

/* All bad files as one error; with skip_bad_images a warning, unless no image is left. */
static hpac_status report_problems(check *work)
{
    const hpac_dataset *dataset = work->dataset;
    hpac_problems problems = {0};
    listing files = {0};
    size_t bad_rows = 0, first = SIZE_MAX;
    for (size_t row = 0; row < work->row_count; row++) {
        size_t before = problems.count;
        for (size_t file = row * work->channels; file < (row + 1) * work->channels; file++)
            if (work->problems[file]) {
                add_problem(work, file, &files, &problems);
                first = first < file ? first : file;
            }
        bad_rows += problems.count > before;
    }
    for (size_t i = 0; i < files.count; i++)
        free(files.names[i]);
    free(files.names);
    if (bad_rows == 0 || !dataset->options.skip_bad_images || bad_rows == work->row_count)
        return hpac_problems_finish(&problems, HPAC_ERR_DATA, "%s: bad images", dataset->images);
    free(problems.text);
    hpac_log_warning("%s: %zu of %zu images have missing or bad files and will be skipped; the "
                     "first: %s",
                     dataset->images, bad_rows, work->row_count, work->problems[first]);
    return HPAC_OK;
}

typedef struct size_group {
    image_size size;
    size_t first, count; /* files */
} size_group;

static int compare_groups(const void *a, const void *b)
{
    const size_group *left = a, *right = b;
    if (left->count != right->count)
        return left->count < right->count ? 1 : -1;
    return (left->first > right->first) - (left->first < right->first);
}

/* Distinct sizes that are counted, and those that a message names. */
enum { MAX_GROUPS = 64, SHOWN_GROUPS = 4 };

static size_t group_sizes(const check *work, size_group groups[MAX_GROUPS])
{
    size_t count = 0, last = 0;
    for (size_t file = 0; file < work->file_count; file++) {
        const image_size size = work->sizes[file];
        if (size.rows == 0)
            continue;
        if (last >= count || groups[last].size.rows != size.rows ||
            groups[last].size.cols != size.cols)
            for (last = 0; last < count && (groups[last].size.rows != size.rows ||
                                            groups[last].size.cols != size.cols);)
                last++;
        if (last == count && count == MAX_GROUPS)
            return MAX_GROUPS;
        if (last == count)
            groups[count++] = (size_group){.size = size, .first = file};
        groups[last].count++;
    }
    qsort(groups, count, sizeof *groups, compare_groups);
    return count;
}

/* Warns of images of different sizes: all are resized, and a thumbnail among them is a mistake. */
static hpac_status report_sizes(const check *work)
{
    size_group groups[MAX_GROUPS];
    size_t count = group_sizes(work, groups);
    if (count < 2)
        return HPAC_OK;
    char *text = NULL;
    size_t text_nbytes;
    FILE *stream = open_memstream(&text, &text_nbytes);
    if (!stream)
        return hpac_fail_memory(0);
    for (size_t i = 0; i < count && i < SHOWN_GROUPS; i++) {
        char *path = path_of(work, groups[i].first);
        const char *name = path ? strrchr(path, '/') : NULL;
        fprintf(stream, "%s%zu of %zu x %zu", i ? ", " : "", groups[i].count, groups[i].size.rows,
                groups[i].size.cols);
        if (i > 0)
            fprintf(stream, " (%s%s)", groups[i].count > 1 ? "such as " : "",
                    name ? name + 1 : "?");
        free(path);
    }
    bool complete = fclose(stream) == 0;
    if (complete)
        hpac_log_warning("%s: files differ in size: %s%s", work->dataset->images, text,
                         count > SHOWN_GROUPS ? ", and other sizes" : "");
    free(text);
    return complete ? HPAC_OK : hpac_fail_memory(text_nbytes);
}

hpac_status hpac_dataset_check(const hpac_dataset *dataset, const size_t *rows, size_t row_count,
                               int threads)
{
    if (dataset->set->checked)
        return HPAC_OK;
    HPAC_TRY(check_directory(dataset));
    check work = {
        .dataset = dataset,
        .rows = rows,
        .row_count = rows ? row_count : dataset->options.labels->count,
        .channels = dataset->options.channels,
    };
    work.file_count = work.row_count * work.channels;
    work.problems =
        calloc(work.file_count + 1, sizeof *work.problems); /* + 1: none is no failure */
    work.sizes = calloc(work.file_count + 1, sizeof *work.sizes);
    hpac_status status = HPAC_OK;
    if (!work.problems || !work.sizes)
        status = hpac_fail_memory(work.file_count * sizeof *work.problems);
    if (status == HPAC_OK)
        status = hpac_parallel_for(threads, work.file_count, check_file, &work);
    if (status == HPAC_OK)
        status = report_problems(&work);
    if (status == HPAC_OK && !rows)
        status = report_sizes(&work);
    for (size_t i = 0; work.problems && i < work.file_count; i++)
        free(work.problems[i]);
    free(work.problems);
    free(work.sizes);
    if (dataset->options.pool && !rows)
        dataset->set->checked = status == HPAC_OK;
    return status;
}
