/* The check of a data set's files before the first step: missing and bad ones, and their sizes. */
#include "dataset_internal.h"

#include <hpac/log.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

typedef struct checked_file {
    char *problem;     /* owned; NULL: none */
    size_t rows, cols; /* 0: a bad file */
} checked_file;

typedef struct check {
    const hpac_dataset *dataset;
    const size_t *rows; /* NULL: all */
    size_t row_count, channels, file_count;
    checked_file *files;     /* (file_count) the channels of the first row, of the second, ... */
    struct dirent **entries; /* (entry_count) of the directory, sorted without regard to case */
    int entry_count;         /* -1: not read yet, or not readable */
} check;

static void check_fini(check *work)
{
    for (size_t i = 0; work->files && i < work->file_count; i++)
        free(work->files[i].problem);
    free(work->files);
    for (int i = 0; i < work->entry_count; i++)
        free(work->entries[i]);
    free(work->entries);
}

static size_t row_of(const check *work, size_t file)
{
    return work->rows ? work->rows[file / work->channels] : file / work->channels;
}

static char *path_of(const check *work, size_t file)
{
    return dataset_file_path(work->dataset, work->dataset->images,
                             row_of(work, file) * work->channels + file % work->channels);
}

static hpac_status check_file(void *user, size_t file, int thread)
{
    (void)thread;
    checked_file *checked = &((check *)user)->files[file];
    HPAC_AUTO_FREE char *path = NULL;
    HPAC_TRY_MEMORY(path = path_of(user, file), 1);
    hpac_status status = hpac_png_probe(path, &checked->rows, &checked->cols);
    if (status != HPAC_ERR_DATA)
        return status;
    HPAC_TRY_MEMORY(checked->problem = strdup(hpac_error_message()), 1);
    return HPAC_OK;
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcasecmp((*a)->d_name, (*b)->d_name);
}

/* The first file whose name begins with `stem`, in any case, and a dot. */
static const char *find_stem(const check *work, const char *stem, size_t length)
{
    int low = 0, high = work->entry_count;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (strncasecmp(work->entries[middle]->d_name, stem, length) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < work->entry_count; low++) {
        const char *name = work->entries[low]->d_name;
        if (strncasecmp(name, stem, length) != 0)
            return NULL;
        if (name[length] == '.')
            return name;
    }
    return NULL;
}

static void read_entries(check *work)
{
    if (work->entry_count < 0)
        work->entry_count = scandir(work->dataset->images, &work->entries, NULL, compare_names);
}

static bool is_missing(const check *work, size_t file)
{
    struct stat info;
    HPAC_AUTO_FREE char *path = path_of(work, file);
    return path && lstat(path, &info) != 0 && errno == ENOENT;
}

/* What the directory has where no image has its first channel; "" where one has, or where the
 * directory cannot be read. */
static void explain_missing(check *work, char text[640])
{
    const char *images = work->dataset->images, *first = NULL, *first_named = NULL;
    size_t count = 0, named = 0;
    char suffix[32];
    *text = '\0';
    for (size_t row = 0; row < work->row_count; row++)
        if (!is_missing(work, row * work->channels))
            return;
    snprintf(suffix, sizeof suffix, "_%s.png", hpac_channel_names[work->dataset->channel_order[0]]);
    read_entries(work);
    if (work->entry_count < 0)
        return;
    for (int i = 0; i < work->entry_count; i++) {
        const char *name = work->entries[i]->d_name;
        size_t length = strlen(name), suffix_length = strlen(suffix);
        if (*name == '.')
            continue;
        first = first ? first : name;
        count++;
        if (length < suffix_length || strcmp(name + length - suffix_length, suffix) != 0)
            continue;
        first_named = first_named ? first_named : name;
        named++;
    }
    if (count == 0)
        snprintf(text, 640, "%.200s: the directory is empty", images);
    else if (named == 0)
        snprintf(text, 640,
                 "%.200s: the directory has %zu file%s, none named *%s; the first: %.200s", images,
                 count, count == 1 ? "" : "s", suffix, first);
    else
        snprintf(text, 640,
                 "%.200s: the directory has %zu file%s named *%s, none with an Id of the "
                 "table; the first: %.200s",
                 images, named, named == 1 ? "" : "s", suffix, first_named);
}

/* A file that is probably meant by the missing "<Id>_<channel>.png": of another ending or case; of
 * an Id that wrongly carries an ending; one file for all channels. NULL: none. */
static const char *find_similar(check *work, const char *id, const char *channel)
{
    read_entries(work);
    char stem[512];
    const char *ending = strrchr(id, '.'), *found = NULL;
    size_t lengths[] = {strlen(id), ending ? (size_t)(ending - id) : strlen(id)};
    for (int i = 0; i < 2 && !found; i++) {
        int length = snprintf(stem, sizeof stem, "%.*s_%s", (int)lengths[i], id, channel);
        if (length > 0 && (size_t)length < sizeof stem)
            found = find_stem(work, stem, (size_t)length);
    }
    return found ? found : find_stem(work, id, strlen(id));
}

static void add_problem(check *work, size_t file, hpac_problems *problems)
{
    const hpac_dataset *dataset = work->dataset;
    const char *id = dataset->options.labels->ids[row_of(work, file)];
    const char *channel = hpac_channel_names[dataset->channel_order[file % work->channels]];
    const char *similar = is_missing(work, file) ? find_similar(work, id, channel) : NULL;
    hpac_problems_add(problems, "%s%s%s%s", work->files[file].problem, similar ? " (found " : "",
                      similar ? similar : "", similar ? ")" : "");
}

/* All bad files as one error; with skip_bad_images a warning, unless no image is left. *bad_rows:
 * how many rows have them. */
static hpac_status report_problems(check *work, size_t *bad_rows)
{
    const hpac_dataset *dataset = work->dataset;
    hpac_problems problems = {0};
    const char *first = NULL;
    const char *skip_option = dataset->options.skip_option;
    char cause[640] = "";
    *bad_rows = 0;
    for (size_t row = 0; row < work->row_count; row++) {
        size_t before = problems.count;
        for (size_t file = row * work->channels; file < (row + 1) * work->channels; file++)
            if (work->files[file].problem) {
                add_problem(work, file, &problems);
                first = first ? first : work->files[file].problem;
            }
        *bad_rows += problems.count > before;
    }
    if (*bad_rows == work->row_count && *bad_rows > 0)
        explain_missing(work, cause);
    else if (*bad_rows > 0)
        snprintf(cause, sizeof cause, "%.200s: %zu of %zu images have missing or bad files%s%s%s",
                 dataset->images, *bad_rows, work->row_count, skip_option ? "; " : "",
                 skip_option ? skip_option : "", skip_option ? " leaves them out" : "");
    problems.cause = *cause ? cause : NULL;
    if (*bad_rows == 0 || !dataset->options.skip_bad_images || *bad_rows == work->row_count)
        return hpac_problems_finish(&problems, HPAC_ERR_DATA, "%s: bad images", dataset->images);
    free(problems.text);
    hpac_log_warning("%s: %zu of %zu images have missing or bad files and will be skipped; the "
                     "first: %s",
                     dataset->images, *bad_rows, work->row_count, first);
    return HPAC_OK;
}

typedef struct size_group {
    size_t rows, cols;
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

/* The sizes, the most frequent first; returns how many. */
static size_t group_sizes(const check *work, size_group groups[MAX_GROUPS])
{
    size_t count = 0;
    for (size_t file = 0; file < work->file_count; file++) {
        size_t rows = work->files[file].rows, cols = work->files[file].cols, g = 0;
        while (g < count && (groups[g].rows != rows || groups[g].cols != cols))
            g++;
        if (rows == 0 || g == MAX_GROUPS)
            continue;
        if (g == count)
            groups[count++] = (size_group){.rows = rows, .cols = cols, .first = file};
        groups[g].count++;
    }
    qsort(groups, count, sizeof *groups, compare_groups);
    return count;
}

/* Warns of images of different sizes: all are resized, and a thumbnail among them is a mistake. */
static hpac_status report_sizes(const check *work)
{
    size_group groups[MAX_GROUPS];
    size_t count = group_sizes(work, groups), text_nbytes;
    if (count < 2)
        return HPAC_OK;
    HPAC_AUTO_FREE char *text = NULL;
    FILE *stream;
    HPAC_TRY_MEMORY(stream = open_memstream(&text, &text_nbytes), BUFSIZ);
    for (size_t i = 0; i < count && i < SHOWN_GROUPS; i++) {
        HPAC_AUTO_FREE char *path = path_of(work, groups[i].first);
        fprintf(stream, "%s%zu of %zu x %zu", i ? ", " : "", groups[i].count, groups[i].rows,
                groups[i].cols);
        if (i > 0 && path)
            fprintf(stream, " (%s%s)", groups[i].count > 1 ? "such as " : "",
                    strrchr(path, '/') + 1);
    }
    if (fclose(stream) != 0)
        return hpac_fail_memory(text_nbytes);
    hpac_log_warning("%s: files differ in size: %s%s", work->dataset->images, text,
                     count > SHOWN_GROUPS ? ", and other sizes" : "");
    return HPAC_OK;
}

hpac_status hpac_dataset_check(const hpac_dataset *dataset, const size_t *rows, size_t row_count,
                               int threads)
{
    struct stat info;
    size_t bad_rows;
    if (dataset->set->checked)
        return HPAC_OK;
    if (stat(dataset->images, &info) != 0 || !S_ISDIR(info.st_mode)) {
        HPAC_AUTO_FREE char *note = hpac_path_note(dataset->images);
        return hpac_fail(HPAC_ERR_DATA, "%s: no such directory; expected the images <Id>_%s.png%s",
                         dataset->images, hpac_channel_names[dataset->channel_order[0]],
                         note ? note : "");
    }
    HPAC_AUTO(check_fini)
    check work = {
        .dataset = dataset,
        .rows = rows,
        .row_count = rows ? row_count : dataset->options.labels->count,
        .channels = dataset->options.channels,
        .entry_count = -1,
    };
    work.file_count = work.row_count * work.channels;
    HPAC_TRY_NEW(work.files, work.file_count + 1); /* + 1: none is no failure */
    HPAC_TRY(hpac_parallel_for(threads, work.file_count, check_file, &work));
    HPAC_TRY(report_problems(&work, &bad_rows));
    if (!rows) {
        HPAC_TRY(report_sizes(&work));
        dataset->set->checked = dataset->options.pool && bad_rows == 0;
    }
    return HPAC_OK;
}
