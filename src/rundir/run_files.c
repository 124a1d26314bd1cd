/* The files of a run directory and the columns of its tables. */
#include "run_files.h"

#include "base/memory.h"

#include <string.h>

#define RUN_FILE_ROW(NAME, file_name, time, text) {(file_name), (text), HPAC_WRITTEN_##time},
const hpac_run_file hpac_run_files[HPAC_RUN_FILE_COUNT] = {HPAC_RUN_FILES(RUN_FILE_ROW)};

char *hpac_run_path(const char *directory, hpac_run_file_number number)
{
    return hpac_path_join(directory, "%s", hpac_run_files[number].name);
}

hpac_status hpac_run_file_create(const char *directory, hpac_run_file_number number,
                                 hpac_file *file)
{
    HPAC_AUTO_FREE char *path = hpac_run_path(directory, number);
    HPAC_TRY_MEMORY(path, strlen(directory));
    return hpac_file_create(file, path);
}

const hpac_column hpac_losses_columns[3] = {
    HPAC_COLUMN_INTEGER("epoch", NULL),
    HPAC_COLUMN_REAL("train_loss", NULL, 4),
    HPAC_COLUMN_REAL("val_loss", NULL, 4),
};

const hpac_column hpac_batch_losses_columns[2] = {
    HPAC_COLUMN_INTEGER("step", NULL),
    HPAC_COLUMN_REAL("batch_losses", "loss", 4),
};

const hpac_column hpac_submission_columns[2] = {
    HPAC_COLUMN_TEXT("Id", NULL),
    HPAC_COLUMN_TEXT("Predicted", NULL),
};

#define COLUMN(NAME, column) column,
const hpac_column hpac_metrics_columns[HPAC_METRICS] = {HPAC_METRIC_COLUMNS(COLUMN)};
const hpac_column hpac_class_metrics_columns[HPAC_CLASS_METRICS] = {
    HPAC_CLASS_METRIC_COLUMNS(COLUMN)};
