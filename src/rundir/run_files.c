/* The files of a run directory and the columns of its tables. */
#include "run_files.h"

#include "base/file.h"

#define RUN_FILE_ROW(NAME, file_name, time, text)                                                  \
    [HPAC_RUN_##                                                                                   \
        NAME] = {.name = (file_name), .description = (text), .written = HPAC_WRITTEN_##time},

const hpac_run_file hpac_run_files[HPAC_RUN_FILE_COUNT] = {HPAC_RUN_FILES(RUN_FILE_ROW)};

char *hpac_run_path(const char *folder, hpac_run_file_number file)
{
    return hpac_path_join(folder, "%s", hpac_run_files[file].name);
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

const hpac_column hpac_class_metrics_columns[HPAC_CLASS_METRICS] = {
    [HPAC_CLASS_METRIC_EPOCH] = HPAC_COLUMN_INTEGER("epoch", NULL),
    [HPAC_CLASS_METRIC_NAME] = HPAC_COLUMN_TEXT("class", NULL),
    [HPAC_CLASS_METRIC_SUPPORT] = HPAC_COLUMN_INTEGER("support", NULL),
    [HPAC_CLASS_METRIC_TRUE_POSITIVES] = HPAC_COLUMN_INTEGER("true_positives", NULL),
    [HPAC_CLASS_METRIC_FALSE_POSITIVES] = HPAC_COLUMN_INTEGER("false_positives", NULL),
    [HPAC_CLASS_METRIC_FALSE_NEGATIVES] = HPAC_COLUMN_INTEGER("false_negatives", NULL),
    [HPAC_CLASS_METRIC_PRECISION] = HPAC_COLUMN_REAL("precision", NULL, 3),
    [HPAC_CLASS_METRIC_RECALL] = HPAC_COLUMN_REAL("recall", NULL, 3),
    [HPAC_CLASS_METRIC_F1] = HPAC_COLUMN_REAL("f1", "F1", 3),
};
