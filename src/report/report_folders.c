/* Which runs are reported, and their names. */
#include "report_internal.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* A sweep may hold cross-validations, and a directory sweeps; deeper ones are not ours. */
#define DEPTH_MAX 3

/* ---- the list ---- */

/* Takes `folder` over, which may be NULL when memory is out. */
static hpac_status add_location(report_locations *locations, char *folder, const char *state)
{
    char *copy = state ? strdup(state) : NULL;
    report_location *list =
        report_grow(locations->list, locations->count + 1, &locations->capacity, sizeof *list);
    locations->list = list ? list : locations->list;
    if (list && folder && (copy || !state)) {
        list[locations->count++] = (report_location){.folder = folder, .state = copy};
        return HPAC_OK;
    }
    free(folder);
    free(copy);
    return hpac_fail_memory(1);
}

void report_locations_fini(report_locations *locations)
{
    for (size_t i = 0; i < locations->count; i++) {
        free(locations->list[i].folder);
        free(locations->list[i].label);
        free(locations->list[i].state);
    }
    free(locations->list);
    *locations = (report_locations){0};
}

/* ---- directories in directories ---- */

static report_kind kind_of(const char *folder)
{
    return hpac_directory_has(folder, "run.json")    ? REPORT_RUN
           : hpac_directory_has(folder, "sweep.csv") ? REPORT_SWEEP
           : hpac_directory_has(folder, "fold0")     ? REPORT_FOLDS
                                                     : REPORT_RUNS;
}

static hpac_status add_folder(report_locations *locations, const char *folder, int depth);

static int is_visible(const struct dirent *entry)
{
    return *entry->d_name != '.';
}

/* Adds the runs in the subdirectories whose names begin with `stem`; fold2 before fold10. */
static hpac_status add_within(report_locations *locations, const char *folder, const char *stem,
                              int depth)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, is_visible, versionsort);
    if (count < 0)
        return hpac_fail(HPAC_ERR_CONFIG, "%s: cannot open directory: %s", folder, strerror(errno));
    hpac_status status = HPAC_OK;
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        bool wanted = status == HPAC_OK && strncmp(name, stem, strlen(stem)) == 0;
        char *path = wanted ? hpac_path_join(folder, "%s", name) : NULL;
        if (wanted && !path)
            status = hpac_fail_memory(1);
        else if (wanted && kind_of(path) == REPORT_RUN)
            status = add_folder(locations, path, depth + 1);
        free(path);
        free(entries[i]);
    }
    free(entries);
    return status;
}

/* A sweep's runs are its subdirectories: no cell may lead elsewhere. */
static bool is_run_name(const char *name)
{
    return *name && *name != '.' && !strchr(name, '/') && strlen(name) <= NAME_MAX;
}

static hpac_status add_sweep_row(report_locations *locations, const char *folder,
                                 const hpac_table *table, size_t row, int depth)
{
    const char *name = hpac_table_cell(table, row, 0)->text;
    if (!is_run_name(name))
        return hpac_fail(HPAC_ERR_DATA,
                         "%s/sweep.csv: row %zu: column run: \"%.40s\", expected the name of a "
                         "subdirectory of the sweep",
                         folder, row + 1, name);
    char *path = hpac_path_join(folder, "%s", name);
    report_kind kind = path ? kind_of(path) : REPORT_RUNS;
    if (kind != REPORT_RUN && kind != REPORT_FOLDS) /* there is only its state */
        return add_location(locations, path, hpac_table_cell(table, row, 1)->text);
    hpac_status status = add_folder(locations, path, depth + 1);
    free(path);
    return status;
}

/* The runs of a sweep in the order of sweep.csv; of those without a directory, their state. */
static hpac_status add_sweep(report_locations *locations, const char *folder, int depth)
{
    static const hpac_column columns[] = {HPAC_COLUMN_TEXT("run", NULL),
                                          HPAC_COLUMN_TEXT("state", NULL)};
    hpac_table table;
    hpac_table_init(&table, "sweep", "Sweep", columns, 2);
    hpac_status status = hpac_table_read_csv(&table, folder, "sweep.csv", true);
    for (size_t row = 0; row < hpac_table_row_count(&table) && status == HPAC_OK; row++)
        status = add_sweep_row(locations, folder, &table, row, depth);
    hpac_table_fini(&table);
    return status;
}

static hpac_status add_folder(report_locations *locations, const char *folder, int depth)
{
    if (depth > DEPTH_MAX)
        return HPAC_OK;
    size_t before = locations->count;
    hpac_status status = HPAC_OK;
    switch (kind_of(folder)) {
    case REPORT_RUN:
        status = add_location(locations, strdup(folder), NULL);
        break;
    case REPORT_SWEEP:
        status = add_sweep(locations, folder, depth);
        break;
    case REPORT_FOLDS:
        status = add_within(locations, folder, "fold", depth);
        break;
    case REPORT_RUNS:
        status = add_within(locations, folder, "", depth);
        break;
    }
    if (status == HPAC_OK && locations->count == before)
        status = hpac_fail(HPAC_ERR_CONFIG,
                           "%s: no run: expected run.json, or subdirectories with one", folder);
    return status;
}

/* ---- names ---- */

/* The last `parts` names of a path: "runs/demo" of "/home/a/runs/demo". */
static const char *tail(const char *path, int parts)
{
    const char *end = path + strlen(path);
    while (end > path) {
        end--;
        if (*end == '/' && --parts == 0)
            return end + 1;
    }
    return path;
}

static hpac_status name_location(report_locations *locations, char *const *paths, size_t which)
{
    for (int parts = 1;; parts++) {
        const char *own = tail(paths[which], parts);
        size_t same = 0;
        for (size_t i = 0; i < locations->count; i++)
            same += strcmp(tail(paths[i], parts), own) == 0;
        if (same > 1 && own > paths[which] + 1)
            continue;
        if (same > 1)
            return hpac_fail(HPAC_ERR_CONFIG, "%s: duplicate run", locations->list[which].folder);
        locations->list[which].label = strdup(own);
        return locations->list[which].label ? HPAC_OK : hpac_fail_memory(strlen(own));
    }
}

/* The names are those of the directories themselves, not of links to them or "..". */
static hpac_status name_locations(report_locations *locations)
{
    char **paths = calloc(locations->count + 1, sizeof *paths);
    hpac_status status = paths ? HPAC_OK : hpac_fail_memory(locations->count * sizeof *paths);
    for (size_t i = 0; i < locations->count && status == HPAC_OK; i++) {
        paths[i] = realpath(locations->list[i].folder, NULL);
        if (!paths[i]) /* a sweep's run without a directory */
            paths[i] = strdup(locations->list[i].folder);
        if (!paths[i])
            status = hpac_fail_memory(1);
    }
    for (size_t i = 0; i < locations->count && status == HPAC_OK; i++)
        status = name_location(locations, paths, i);
    for (size_t i = 0; paths && i < locations->count; i++)
        free(paths[i]);
    free(paths);
    return status;
}

hpac_status report_locations_find(const hpac_report_options *options, report_locations *locations)
{
    *locations = (report_locations){.kind = REPORT_RUNS};
    if (options->folder_count == 0)
        return hpac_fail(HPAC_ERR_CONFIG, "no run to report");
    hpac_status status = HPAC_OK;
    for (size_t i = 0; i < options->folder_count && status == HPAC_OK; i++)
        status = add_folder(locations, options->folders[i], 0);
    if (options->folder_count == 1)
        locations->kind = kind_of(options->folders[0]);
    if (status == HPAC_OK)
        status = name_locations(locations);
    if (status != HPAC_OK)
        report_locations_fini(locations);
    return status;
}
