/* The files of a run directory and the columns of its tables. */
#include "run_files.h"

#include "base/memory.h"

#include <string.h>

/* Of run.json, which lists the images that were skipped. */
#define LIMIT_NBYTES ((size_t)64 << 20)

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

hpac_status hpac_run_info_read(const char *directory, hpac_run_info *info)
{
    *info = (hpac_run_info){0};
    HPAC_AUTO_FREE char *path = hpac_run_path(directory, HPAC_RUN_RUN_JSON);
    HPAC_TRY_MEMORY(path, strlen(directory));
    HPAC_AUTO_FREE unsigned char *bytes = NULL;
    size_t nbytes;
    HPAC_TRY(hpac_file_read(path, LIMIT_NBYTES, &bytes, &nbytes));
    json_error_t error;
    json_t *json = json_loadb((const char *)bytes, nbytes, 0, &error);
    if (!json)
        return hpac_fail(HPAC_ERR_DATA, "%s:%d: %s", path, error.line > 0 ? error.line : 1,
                         error.text);
    *info = (hpac_run_info){
        .json = json,
        .state = json_string_value(json_object_get(json, "state")),
        .device = json_string_value(json_object_get(json, "device")),
        .libraries = json_string_value(json_object_get(json, "libraries")),
        .epochs = json_integer_value(json_object_get(json, "epochs")),
        .steps = json_integer_value(json_object_get(json, "steps")),
        .best_epoch = json_integer_value(json_object_get(json, "best_epoch")),
        .epochs_without_best = json_integer_value(json_object_get(json, "epochs_without_best")),
        .elapsed_s = json_number_value(json_object_get(json, "elapsed_s")),
        .skipped = json_object_get(json, "skipped"),
    };
    if (info->state)
        return HPAC_OK;
    hpac_run_info_fini(info);
    return hpac_fail(HPAC_ERR_DATA, "%s: expected an object with a \"state\"", path);
}

void hpac_run_info_fini(hpac_run_info *info)
{
    json_decref(info->json);
    *info = (hpac_run_info){0};
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

const hpac_column hpac_learning_rates_columns[2] = {
    HPAC_COLUMN_INTEGER("step", NULL),
    HPAC_COLUMN_REAL("learning_rate", "learning rate", 6),
};

const hpac_column hpac_submission_columns[2] = {
    HPAC_COLUMN_TEXT("Id", NULL),
    HPAC_COLUMN_TEXT("Predicted", NULL),
};

#define COLUMN(NAME, column) column,
const hpac_column hpac_metrics_columns[HPAC_METRICS] = {HPAC_METRIC_COLUMNS(COLUMN)};
const hpac_column hpac_class_metrics_columns[HPAC_CLASS_METRICS] = {
    HPAC_CLASS_METRIC_COLUMNS(COLUMN)};
