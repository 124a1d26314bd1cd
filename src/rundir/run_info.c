/* run.json, read back. */
#include "run_info.h"

#include "run_files.h"

#include "base/memory.h"

#include <string.h>

hpac_status hpac_run_info_read(const char *directory, hpac_run_info *info)
{
    *info = (hpac_run_info){0};
    HPAC_AUTO_FREE char *path = hpac_run_path(directory, HPAC_RUN_RUN_JSON);
    HPAC_TRY_MEMORY(path, strlen(directory));
    json_error_t error;
    json_t *json = json_load_file(path, 0, &error);
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
