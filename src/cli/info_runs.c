/* What a directory with runs holds, by the tables of its report. */
#include "info_runs.h"

#include "base/file.h"
#include "base/memory.h"
#include "report/report.h"
#include "rundir/rundir.h"

#include <math.h>
#include <string.h>

static const hpac_column columns[] = {
    HPAC_COLUMN_TEXT("run", NULL),
    HPAC_COLUMN_TEXT("state", NULL),
    HPAC_COLUMN_INTEGER("epochs_done", "epochs"),
    HPAC_COLUMN_INTEGER("epochs", "of"),
    HPAC_COLUMN_INTEGER("best_epoch", "best epoch"),
    HPAC_COLUMN_REAL("best_val_loss", "its loss", 4),
    HPAC_COLUMN_REAL("val_prior_loss", "prior's loss", 4),
    HPAC_COLUMN_REAL("best_val_f1_mean", "its F1 mean", 3),
};
enum { COLUMNS = sizeof columns / sizeof *columns };

static const char *kind_of(const char *directory)
{
    return hpac_directory_has(directory, hpac_run_files[HPAC_RUN_RUN_JSON].name) ? "run"
           : hpac_directory_has(directory, "sweep.csv")                          ? "sweep"
           : hpac_directory_has(directory, "fold0") ? "cross-validation"
                                                    : "directory of runs";
}

static void close_report(hpac_report **report)
{
    hpac_report_close(*report);
}

/* A run that is called running, but that no hpac has locked, was killed. */
static bool was_killed(const char *directory, const char *state)
{
    return strcmp(state, "running") == 0 && rundir_is_unlocked(directory);
}

/* The path of a run below `directory`, or its name, if it is that run. */
static const char *name_of(const char *directory, const char *path, const char *label)
{
    const char *below = path + strlen(directory);
    below += strspn(below, "/");
    return *below ? below : label;
}

/* Adds a row of the report's table of runs. */
static hpac_status add_row(const char *directory, const hpac_report *report, const hpac_table *all,
                           size_t row, hpac_table *table)
{
    const char *label = hpac_table_cell(all, row, hpac_table_find_column(all, "run"))->text;
    const char *state = hpac_table_cell(all, row, hpac_table_find_column(all, "state"))->text;
    const char *path = hpac_report_directory(report, row);
    HPAC_AUTO(hpac_run_info_fini) hpac_run_info run = {0};
    bool known = hpac_run_info_read(path, &run) == HPAC_OK;
    hpac_table_add_text(table, name_of(directory, path, label));
    hpac_table_add_text(table, was_killed(path, state) ? "killed" : state);
    hpac_table_add_real(table, known ? (double)run.epochs : NAN);
    for (size_t c = 3; c < COLUMNS; c++)
        hpac_table_add_row(
            table, hpac_table_cell(all, row, hpac_table_find_column(all, columns[c].name)), 1);
    return table->status;
}

static hpac_status read_table(const char *directory, hpac_table *table)
{
    const hpac_report_options options = {.runs = &directory, .run_count = 1};
    size_t count;
    HPAC_AUTO(close_report) hpac_report *report = NULL;
    hpac_table_init(table, "runs", "Runs", columns, COLUMNS);
    HPAC_TRY(hpac_report_open(&options, &report));
    const hpac_table *tables = hpac_report_tables(report, &count);
    const hpac_table *all = hpac_tables_find(tables, count, "runs");
    for (size_t row = 0; all && row < hpac_table_row_count(all); row++)
        HPAC_TRY(add_row(directory, report, all, row, table));
    return table->status;
}

hpac_status info_runs_read(const char *directory, info_runs *runs)
{
    static const hpac_run_file_number models[] = {HPAC_RUN_MODEL, HPAC_RUN_BEST_MODEL};
    *runs = (info_runs){.directory = directory, .kind = kind_of(directory)};
    HPAC_TRY(read_table(directory, &runs->table));
    for (size_t i = 0; i < 2 && strcmp(runs->kind, "run") == 0 && !runs->model; i++)
        if (hpac_directory_has(directory, hpac_run_files[models[i]].name))
            HPAC_TRY_MEMORY(runs->model = hpac_run_path(directory, models[i]), strlen(directory));
    return HPAC_OK;
}

void info_runs_fini(info_runs *runs)
{
    hpac_table_fini(&runs->table);
    free(runs->model);
    *runs = (info_runs){0};
}

hpac_status info_runs_print(const info_runs *runs, FILE *stream)
{
    fprintf(stream, "%s: a %s\n", runs->directory, runs->kind);
    return hpac_table_print(&runs->table, 0, stream);
}
