/* run.json. */
#include "run_info.h"

#include "run_files.h"

#include "base/memory.h"

#include <string.h>

/* The keys in their order in the file, before the list `skipped`. */
static const struct {
    const char *key;
    enum { TEXT, INTEGER, REAL } kind;
    size_t offset;
} keys[] = {
    {"state", TEXT, offsetof(hpac_run_info, state)},
    {"hpac", TEXT, offsetof(hpac_run_info, version)},
    {"configuration", TEXT, offsetof(hpac_run_info, configuration)},
    {"device", TEXT, offsetof(hpac_run_info, device)},
    {"libraries", TEXT, offsetof(hpac_run_info, libraries)},
    {"cpu_path", TEXT, offsetof(hpac_run_info, cpu_path)},
    {"seed", INTEGER, offsetof(hpac_run_info, seed)},
    {"started", TEXT, offsetof(hpac_run_info, started)},
    {"updated", TEXT, offsetof(hpac_run_info, updated)},
    {"epochs", INTEGER, offsetof(hpac_run_info, epochs)},
    {"steps", INTEGER, offsetof(hpac_run_info, steps)},
    {"best_epoch", INTEGER, offsetof(hpac_run_info, best_epoch)},
    {"epochs_without_best", INTEGER, offsetof(hpac_run_info, epochs_without_best)},
    {"elapsed_s", REAL, offsetof(hpac_run_info, elapsed_s)},
    {"train_images", INTEGER, offsetof(hpac_run_info, train_images)},
    {"validation_images", INTEGER, offsetof(hpac_run_info, validation_images)},
    {"skipped_images", INTEGER, offsetof(hpac_run_info, skipped_images)},
};

enum { KEY_COUNT = sizeof keys / sizeof *keys };

static void read_keys(hpac_run_info *info)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        void *field = (char *)info + keys[i].offset;
        const json_t *value = json_object_get(info->json, keys[i].key);
        if (keys[i].kind == TEXT)
            *(const char **)field = json_string_value(value);
        else if (keys[i].kind == INTEGER)
            *(long long *)field = json_integer_value(value);
        else
            *(double *)field = json_number_value(value);
    }
    info->skipped = json_object_get(info->json, "skipped");
}

hpac_status hpac_run_info_read(const char *directory, hpac_run_info *info)
{
    *info = (hpac_run_info){0};
    HPAC_AUTO_FREE char *path = hpac_run_path(directory, HPAC_RUN_RUN_JSON);
    HPAC_TRY_MEMORY(path, strlen(directory));
    json_error_t error;
    info->json = json_load_file(path, 0, &error);
    if (!info->json)
        return hpac_fail(HPAC_ERR_DATA, "%s:%d: %s", path, error.line > 0 ? error.line : 1,
                         error.text);
    read_keys(info);
    if (info->state)
        return HPAC_OK;
    hpac_run_info_fini(info);
    return hpac_fail(HPAC_ERR_DATA, "%s: expected an object with a \"state\"", path);
}

/* NULL when out of memory. */
static json_t *value_of(const hpac_run_info *info, size_t i)
{
    const void *field = (const char *)info + keys[i].offset;
    if (keys[i].kind == TEXT)
        return json_string(*(const char *const *)field);
    if (keys[i].kind == INTEGER)
        return json_integer(*(const long long *)field);
    return json_real(*(const double *)field);
}

hpac_status hpac_run_info_write(const hpac_run_info *info, const char *directory)
{
    json_auto_t *json = json_object();
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (json_object_set_new(json, keys[i].key, value_of(info, i)) != 0)
            return hpac_fail(HPAC_ERR_INTERNAL, "out of memory for %s of run.json", keys[i].key);
    if (json_object_set(json, "skipped", info->skipped) != 0)
        return hpac_fail(HPAC_ERR_INTERNAL, "out of memory for the skipped images of run.json");
    HPAC_AUTO_FREE char *text = json_dumps(json, JSON_INDENT(2));
    HPAC_TRY_MEMORY(text, 1);
    hpac_file file;
    HPAC_TRY(hpac_run_file_create(directory, HPAC_RUN_RUN_JSON, &file));
    fprintf(file.stream, "%s\n", text);
    return hpac_file_commit(&file);
}

void hpac_run_info_fini(hpac_run_info *info)
{
    json_decref(info->json);
    *info = (hpac_run_info){0};
}
