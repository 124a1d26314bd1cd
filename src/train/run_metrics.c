/* Reading metrics.csv: the last epoch, the best one, and the speed of all. */
#include "run_metrics.h"

#include <hpac/csv.h>
#include <hpac/file.h>

#include <stdlib.h>
#include <string.h>

const char *const run_metrics_columns[METRICS_COLUMN_COUNT] = {
    [METRICS_EPOCH] = "epoch",
    [METRICS_STEP] = "step",
    [METRICS_TRAIN_LOSS] = "train_loss",
    [METRICS_TRAIN_ACCURACY] = "train_accuracy",
    [METRICS_TRAIN_F1_MIN] = "train_f1_min",
    [METRICS_TRAIN_F1_MAX] = "train_f1_max",
    [METRICS_TRAIN_F1_MEAN] = "train_f1_mean",
    [METRICS_TRAIN_F1_STD] = "train_f1_std",
    [METRICS_VAL_LOSS] = "val_loss",
    [METRICS_VAL_ACCURACY] = "val_accuracy",
    [METRICS_VAL_F1_MIN] = "val_f1_min",
    [METRICS_VAL_F1_MAX] = "val_f1_max",
    [METRICS_VAL_F1_MEAN] = "val_f1_mean",
    [METRICS_VAL_F1_STD] = "val_f1_std",
    [METRICS_VAL_ALL_ZERO_ACCURACY] = "val_all_zero_accuracy",
    [METRICS_VAL_PRIOR_LOSS] = "val_prior_loss",
    [METRICS_ELAPSED_S] = "elapsed_s",
    [METRICS_IMAGES_PER_S] = "train_images_per_s",
};

typedef struct metrics_reader {
    const char *path;
    size_t place[METRICS_COLUMN_COUNT]; /* cell of each column */
    size_t rows;                        /* the header among them */
    double seconds_an_image;            /* summed over the epochs, which have as many images each */
    run_metrics *metrics;
} metrics_reader;

static hpac_status find_columns(metrics_reader *reader, const hpac_csv_row *row)
{
    for (int c = 0; c < METRICS_COLUMN_COUNT; c++) {
        size_t place = 0;
        while (place < row->count && strcmp(row->cells[place], run_metrics_columns[c]) != 0)
            place++;
        if (place == row->count)
            return hpac_fail(HPAC_ERR_DATA, "%s: no column %s", reader->path,
                             run_metrics_columns[c]);
        reader->place[c] = place;
    }
    return HPAC_OK;
}

static hpac_status on_row(void *user, const hpac_csv_row *row)
{
    metrics_reader *reader = user;
    if (row->defect)
        return hpac_fail(HPAC_ERR_DATA, "%s:%zu: %s", reader->path, row->line, row->defect);
    if (reader->rows++ == 0)
        return find_columns(reader, row);
    run_metrics *metrics = reader->metrics;
    for (int c = 0; c < METRICS_COLUMN_COUNT; c++) {
        char *end = NULL;
        if (reader->place[c] < row->count)
            metrics->last[c] = strtod(row->cells[reader->place[c]], &end);
        if (!end || *end != '\0' || end == row->cells[reader->place[c]])
            return hpac_fail(HPAC_ERR_DATA, "%s:%zu: expected a number as %s", reader->path,
                             row->line, run_metrics_columns[c]);
    }
    reader->seconds_an_image += 1 / metrics->last[METRICS_IMAGES_PER_S];
    if (reader->rows == 2 || metrics->last[METRICS_VAL_LOSS] < metrics->best[METRICS_VAL_LOSS])
        memcpy(metrics->best, metrics->last, sizeof metrics->best);
    return HPAC_OK;
}

hpac_status run_metrics_read(const char *folder, run_metrics *metrics)
{
    *metrics = (run_metrics){0};
    char *path = hpac_path_join(folder, "metrics.csv");
    if (!path)
        return hpac_fail_memory(strlen(folder));
    metrics_reader reader = {.path = path, .metrics = metrics};
    hpac_status status = hpac_csv_read(path, on_row, &reader);
    if (status == HPAC_OK && reader.rows < 2)
        status = hpac_fail(HPAC_ERR_DATA, "%s: no epochs in it", path);
    if (status == HPAC_OK)
        metrics->images_per_s = (double)(reader.rows - 1) / reader.seconds_an_image;
    free(path);
    return status;
}
