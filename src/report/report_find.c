/* Which runs are reported, and their names. */
#include "report_internal.h"

#include "base/file.h"
#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

/* A sweep may hold cross-validations, and a directory sweeps; deeper ones are not ours. */
#define DEPTH_MAX 3

/* ---- directories in directories ---- */

static report_kind kind_of(const char *directory)
{
    return hpac_directory_has(directory, "run.json")    ? REPORT_RUN
           : hpac_directory_has(directory, "sweep.csv") ? REPORT_SWEEP
           : hpac_directory_has(directory, "fold0")     ? REPORT_FOLDS
                                                        : REPORT_RUNS;
}

static hpac_status add_run(hpac_report *report, const char *directory, const char *state)
{
    HPAC_TRY_GROW(report->runs, report->run_count, report->run_capacity);
    report_run *run = &report->runs[report->run_count++];
    *run = (report_run){0};
    HPAC_TRY_MEMORY(run->directory = strdup(directory), strlen(directory));
    run->path = realpath(directory, NULL);
    if (!run->path) /* a sweep's run without a directory */
        HPAC_TRY_MEMORY(run->path = strdup(directory), strlen(directory));
    if (state)
        HPAC_TRY_MEMORY(run->state = strdup(state), strlen(state));
    return HPAC_OK;
}

static hpac_status add_directory(hpac_report *report, const char *directory, int depth);

static int is_visible(const struct dirent *entry)
{
    return *entry->d_name != '.';
}

/* Adds the runs in the subdirectories whose names begin with `stem`; fold2 before fold10. */
static hpac_status add_within(hpac_report *report, const char *directory, const char *stem,
                              int depth)
{
    struct dirent **entries;
    int count = scandir(directory, &entries, is_visible, versionsort);
    if (count < 0)
        return hpac_fail(HPAC_ERR_CONFIG, "%s: cannot open directory: %s", directory,
                         strerror(errno));
    hpac_status status = HPAC_OK;
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        HPAC_AUTO_FREE char *path = hpac_path_join(directory, "%s", name);
        if (!path)
            status = hpac_fail_memory(strlen(directory));
        else if (status == HPAC_OK && strncmp(name, stem, strlen(stem)) == 0 &&
                 kind_of(path) == REPORT_RUN)
            status = add_directory(report, path, depth + 1);
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

/* The runs of a sweep in the order of sweep.csv; of those without a directory, their state. */
static hpac_status add_sweep(hpac_report *report, const char *directory, int depth)
{
    static const hpac_column columns[] = {HPAC_COLUMN_TEXT("run", NULL),
                                          HPAC_COLUMN_TEXT("state", NULL)};
    HPAC_AUTO(hpac_table_fini) hpac_table table = {0};
    hpac_table_init(&table, "sweep", "Sweep", columns, 2);
    HPAC_TRY(hpac_table_read_csv(&table, directory, "sweep.csv", true));
    for (size_t row = 0; row < hpac_table_row_count(&table); row++) {
        const char *name = hpac_table_cell(&table, row, 0)->text;
        if (!is_run_name(name))
            return hpac_fail(HPAC_ERR_DATA,
                             "%s/sweep.csv: row %zu: column run: \"%.40s\", expected the name of a "
                             "subdirectory of the sweep",
                             directory, row + 1, name);
        HPAC_AUTO_FREE char *path = hpac_path_join(directory, "%s", name);
        HPAC_TRY_MEMORY(path, strlen(directory));
        report_kind kind = kind_of(path);
        if (kind == REPORT_RUN || kind == REPORT_FOLDS)
            HPAC_TRY(add_directory(report, path, depth + 1));
        else
            HPAC_TRY(add_run(report, path, hpac_table_cell(&table, row, 1)->text));
    }
    return HPAC_OK;
}

static hpac_status add_directory(hpac_report *report, const char *directory, int depth)
{
    if (depth > DEPTH_MAX)
        return HPAC_OK;
    size_t before = report->run_count;
    report_kind kind = kind_of(directory);
    if (kind == REPORT_RUN)
        return add_run(report, directory, NULL);
    if (kind == REPORT_SWEEP)
        HPAC_TRY(add_sweep(report, directory, depth));
    else
        HPAC_TRY(add_within(report, directory, kind == REPORT_FOLDS ? "fold" : "", depth));
    return report->run_count > before
               ? HPAC_OK
               : hpac_fail(HPAC_ERR_CONFIG,
                           "%s: no run: expected run.json, or subdirectories with one", directory);
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

/* The label is the shortest tail of the run's path that no other run has. */
static hpac_status name_run(const hpac_report *report, report_run *run)
{
    for (int parts = 1;; parts++) {
        const char *own = tail(run->path, parts);
        size_t same = 0;
        for (size_t i = 0; i < report->run_count; i++)
            same += strcmp(tail(report->runs[i].path, parts), own) == 0;
        if (same > 1 && own > run->path + 1)
            continue;
        if (same > 1)
            return hpac_fail(HPAC_ERR_CONFIG, "%s: duplicate run", run->directory);
        HPAC_TRY_MEMORY(run->label = strdup(own), strlen(own));
        return HPAC_OK;
    }
}

hpac_status report_find_runs(const hpac_report_options *options, hpac_report *report)
{
    if (options->run_count == 0)
        return hpac_fail(HPAC_ERR_CONFIG, "no run to report");
    for (size_t i = 0; i < options->run_count; i++)
        HPAC_TRY(add_directory(report, options->runs[i], 0));
    report->kind = options->run_count == 1 ? kind_of(options->runs[0]) : REPORT_RUNS;
    for (size_t i = 0; i < report->run_count; i++)
        HPAC_TRY(name_run(report, &report->runs[i]));
    return HPAC_OK;
}
