/* Writing prepared images, on several threads. */
#include "preprocess.h"

#include "dataset_internal.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/pause.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct job {
    const hpac_preprocess_options *options;
    const hpac_dataset_options *data;
    size_t row_count, channels, file_count;
    bool *is_new;    /* (row_count, channels) files that are removed after an error */
    char **problems; /* (row_count) messages of corrupt images; NULL: none */
} job;

static void job_fini(job *work)
{
    for (size_t row = 0; work->problems && row < work->row_count; row++)
        free(work->problems[row]);
    free(work->problems);
    free(work->is_new);
}

static char *output_path(const job *work, size_t file)
{
    return dataset_file_path(work->options->dataset, work->options->directory, file);
}

/* Overwriting the images themselves would destroy them. */
static hpac_status check_directory(const job *work)
{
    struct stat in, out;
    const char *path = work->options->directory;
    HPAC_TRY(hpac_directory_create(path));
    HPAC_TRY(hpac_directory_probe(path));
    if (stat(work->data->images, &in) == 0 && stat(path, &out) == 0 && in.st_dev == out.st_dev &&
        in.st_ino == out.st_ino)
        return hpac_fail(HPAC_ERR_CONFIG, "%s: is the image directory; choose another --out", path);
    return HPAC_OK;
}

static hpac_status check_outputs(job *work)
{
    hpac_problems problems = {0};
    for (size_t i = 0; i < work->file_count; i++) {
        HPAC_AUTO_FREE char *path = output_path(work, i);
        work->is_new[i] = path && !hpac_path_exists(path);
        if (!work->is_new[i] && !work->options->force)
            hpac_problems_add(&problems, "%s", path ? path : "out of memory");
    }
    return hpac_problems_finish(&problems, HPAC_ERR_CONFIG,
                                "%s: existing files (--force replaces them)",
                                work->options->directory);
}

/* A corrupt image is recorded, and the others continue; a file that cannot be written ends the
 * command. */
static hpac_status write_row(void *user, hpac_dataset_reader *reader, size_t row)
{
    job *work = user;
    size_t rows = work->data->rows, cols = work->data->cols;
    HPAC_AUTO_FREE uint8_t *pixels = NULL, *plane = NULL;
    HPAC_TRY_NEW(pixels, rows * cols * work->channels);
    HPAC_TRY_NEW(plane, rows * cols);
    hpac_test_pause("image");
    hpac_status status = hpac_dataset_read(reader, row, pixels);
    if (status == HPAC_ERR_DATA) {
        HPAC_TRY_MEMORY(work->problems[row] = strdup(hpac_error_message()), 1);
        return HPAC_OK;
    }
    HPAC_TRY(status);
    for (size_t channel = 0; channel < work->channels; channel++) {
        for (size_t i = 0; i < rows * cols; i++)
            plane[i] = pixels[i * work->channels + channel];
        HPAC_AUTO_FREE char *path = NULL;
        HPAC_TRY_MEMORY(path = output_path(work, row * work->channels + channel), 1);
        HPAC_TRY(hpac_png_write(path, plane, rows, cols, 1));
    }
    return HPAC_OK;
}

static hpac_status write_rows(job *work)
{
    const hpac_preprocess_options *options = work->options;
    hpac_problems problems = {0};
    HPAC_TRY(hpac_dataset_for_each_row(options->dataset, &options->pass, write_row, work));
    for (size_t row = 0; row < work->row_count; row++)
        if (work->problems[row])
            hpac_problems_add(&problems, "%s", work->problems[row]);
    return hpac_problems_finish(&problems, HPAC_ERR_DATA, "%s: bad images", work->data->images);
}

static void remove_new(const job *work)
{
    for (size_t i = 0; i < work->file_count; i++) {
        HPAC_AUTO_FREE char *path = work->is_new[i] ? output_path(work, i) : NULL;
        if (path)
            unlink(path);
    }
}

hpac_status hpac_preprocess_write(const hpac_preprocess_options *options)
{
    const hpac_dataset_options *data = hpac_dataset_get_options(options->dataset);
    HPAC_AUTO(job_fini)
    job work = {
        .options = options,
        .data = data,
        .row_count = data->labels->count,
        .channels = data->channels,
        .file_count = data->labels->count * data->channels,
    };
    HPAC_TRY(hpac_dataset_check(options->dataset, NULL, 0, options->pass.threads));
    HPAC_TRY_NEW(work.is_new, work.file_count + 1); /* + 1: no rows are no failure */
    HPAC_TRY_NEW(work.problems, work.row_count + 1);
    HPAC_TRY(check_directory(&work));
    HPAC_TRY(check_outputs(&work));
    hpac_status status = write_rows(&work);
    if (status != HPAC_OK)
        remove_new(&work);
    return status == HPAC_INTERRUPTED ? hpac_fail(status, "interrupted; new files are removed")
                                      : status;
}
