/* The runs of a report: which they are, their names, and the files of each. */
#include "report_internal.h"

#include "base/csv.h"
#include "base/file.h"
#include "base/memory.h"
#include "rundir/run_files.h"

#include <dirent.h>
#include <limits.h>
#include <math.h>
#include <string.h>

/* A sweep may hold cross-validations, and a directory sweeps; deeper ones are not ours. */
#define DEPTH_MAX 3

/* A configuration has a few kilobytes, a log a few hundred per day. */
#define TEXT_LIMIT_NBYTES ((size_t)64 << 20)

static report_kind kind_of(const char *directory)
{
    return hpac_directory_has(directory, "run.json")    ? REPORT_RUN
           : hpac_directory_has(directory, "sweep.csv") ? REPORT_SWEEP
           : hpac_directory_has(directory, "fold0")     ? REPORT_FOLDS
                                                        : REPORT_RUNS;
}

/* Without links and "..", malloc'ed; of a sweep's run that has no directory, below the sweep's.
 * NULL when out of memory. */
static char *resolve_path(const char *directory)
{
    char *path = realpath(directory, NULL);
    const char *slash = strrchr(directory, '/');
    if (path || !slash)
        return path;
    HPAC_AUTO_FREE char *sweep = strndup(directory, (size_t)(slash - directory));
    HPAC_AUTO_FREE char *sweep_path = sweep ? realpath(*sweep ? sweep : "/", NULL) : NULL;
    return sweep_path ? hpac_path_join(sweep_path, "%s", slash + 1) : NULL;
}

static hpac_status add_run(hpac_report *report, const char *directory, const char *state)
{
    HPAC_TRY_GROW(report->runs, report->run_count, report->run_capacity);
    report_run *run = &report->runs[report->run_count++];
    *run = (report_run){0};
    HPAC_TRY_MEMORY(run->directory = strdup(directory), strlen(directory));
    HPAC_TRY_MEMORY(run->path = resolve_path(directory), strlen(directory));
    if (state)
        HPAC_TRY_MEMORY(run->state = strdup(state), strlen(state));
    return HPAC_OK;
}

static hpac_status add_directory(hpac_report *report, const char *directory, int depth);
static hpac_status collect(hpac_report *report, const char *directory, int depth);

static int is_visible(const struct dirent *entry)
{
    return *entry->d_name != '.';
}

/* Adds the runs in the subdirectories whose names begin with `stem`, fold2 before fold10; with any
 * name ("") those of sweeps and cross-validations, too. */
static hpac_status add_within(hpac_report *report, const char *directory, const char *stem,
                              int depth)
{
    struct dirent **entries;
    int count = scandir(directory, &entries, is_visible, versionsort);
    if (count < 0)
        return hpac_fail_access(directory, "cannot open directory");
    hpac_status status = HPAC_OK;
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        HPAC_AUTO_FREE char *path = hpac_path_join(directory, "%s", name);
        report_kind kind = path ? kind_of(path) : REPORT_RUNS;
        if (!path)
            status = hpac_fail_memory(strlen(directory));
        else if (status == HPAC_OK && strncmp(name, stem, strlen(stem)) == 0 &&
                 (*stem ? kind == REPORT_RUN : kind != REPORT_RUNS))
            status = collect(report, path, depth + 1);
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

/* One that was finished is so no longer. */
static hpac_status add_absent(hpac_report *report, const char *directory, const char *state)
{
    return add_run(report, directory, strcmp(state, "finished") == 0 ? "missing" : state);
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
            HPAC_TRY(add_absent(report, path, hpac_table_cell(&table, row, 1)->text));
    }
    return HPAC_OK;
}

/* Adds the runs of a directory, if it has any. */
static hpac_status collect(hpac_report *report, const char *directory, int depth)
{
    report_kind kind = kind_of(directory);
    if (depth > DEPTH_MAX)
        return HPAC_OK;
    if (kind == REPORT_RUN)
        return add_run(report, directory, NULL);
    return kind == REPORT_SWEEP
               ? add_sweep(report, directory, depth)
               : add_within(report, directory, kind == REPORT_FOLDS ? "fold" : "", depth);
}

static hpac_status add_directory(hpac_report *report, const char *directory, int depth)
{
    size_t before = report->run_count;
    HPAC_TRY(collect(report, directory, depth));
    return report->run_count > before
               ? HPAC_OK
               : hpac_fail(HPAC_ERR_CONFIG,
                           "%s: no run: expected run.json, or subdirectories with one", directory);
}

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
        if (same > 1 && own > run->path)
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

size_t report_epochs(const report_run *run)
{
    return hpac_table_row_count(&run->metrics);
}

static const hpac_cell *class_cell(const report_run *run, size_t i, hpac_class_metric column)
{
    size_t first = hpac_table_row_count(&run->class_metrics) - run->class_count;
    return hpac_table_cell(&run->class_metrics, first + i, column);
}

const char *report_class_name(const report_run *run, size_t i)
{
    return class_cell(run, i, HPAC_CLASS_METRIC_NAME)->text;
}

double report_class_value(const report_run *run, size_t i, hpac_class_metric column)
{
    return class_cell(run, i, column)->number;
}

const char *report_json_text(const report_run *run, const char *key)
{
    return json_string_value(json_object_get(run->json, key));
}

double report_json_number(const report_run *run, const char *key)
{
    const json_t *value = json_object_get(run->json, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

double report_images(const report_run *run)
{
    return run->predicted_images > 0 ? (double)run->predicted_images
                                     : report_json_number(run, "validation_images");
}

static bool has_number(const hpac_table *table, size_t column)
{
    for (size_t row = 0; row < hpac_table_row_count(table); row++)
        if (isfinite(hpac_table_cell(table, row, column)->number))
            return true;
    return false;
}

bool report_has_numbers(const hpac_table *table, const char *columns)
{
    char names[128];
    snprintf(names, sizeof names, "%s", columns);
    for (size_t c = 1; strcmp(columns, "*") == 0 && c < table->column_count; c++)
        if (has_number(table, c))
            return true;
    char *rest = names;
    for (char *name; (name = strsep(&rest, " "));) {
        size_t column = hpac_table_find_column(table, name);
        if (column == table->column_count || !has_number(table, column))
            return false;
    }
    return true;
}

static hpac_status read_json(report_run *run)
{
    hpac_run_info info;
    HPAC_TRY(hpac_run_info_read(run->directory, &info));
    run->json = info.json;
    run->finished = strcmp(info.state, "finished") == 0;
    HPAC_TRY_MEMORY(run->state = strdup(info.state), strlen(info.state));
    return HPAC_OK;
}

/* "" for a missing file, which an unfinished run may lack. */
static hpac_status read_text(const report_run *run, hpac_run_file_number file, char **text)
{
    HPAC_AUTO_FREE char *path = hpac_run_path(run->directory, file);
    HPAC_TRY_MEMORY(path, strlen(run->directory));
    if (hpac_path_exists(path)) {
        unsigned char *bytes;
        size_t nbytes;
        HPAC_TRY(hpac_file_read(path, TEXT_LIMIT_NBYTES, &bytes, &nbytes));
        *text = (char *)bytes;
        return HPAC_OK;
    }
    HPAC_TRY_MEMORY(*text = strdup(""), 1);
    return HPAC_OK;
}

/* Removes all but warnings and errors, "<day> <time> <level> ...", from a log; indented lines
 * belong to the message before them. */
static void keep_warnings(char *log)
{
    char *to = log, *rest = log;
    bool keep = false;
    for (char *line; (line = strsep(&rest, "\n"));) {
        char level[16] = "";
        (void)sscanf(line, "%*s %*s %15s", level);
        if (*line != ' ' && *line != '\t')
            keep = strcmp(level, "warning") == 0 || strcmp(level, "error") == 0;
        if (keep) {
            size_t length = strlen(line);
            memmove(to, line, length);
            to += length;
            if (rest)
                *to++ = '\n';
        }
    }
    *to = '\0'; /* NOLINT(clang-analyzer-core.NullDereference): no failure is HPAC_OK */
}

/* The rows of the last epoch are at the end. */
static hpac_status count_classes(report_run *run)
{
    const hpac_table *table = &run->class_metrics;
    size_t rows = hpac_table_row_count(table);
    while (run->class_count < rows &&
           !(hpac_table_cell(table, rows - 1 - run->class_count, HPAC_CLASS_METRIC_EPOCH)->number <
             hpac_table_cell(table, rows - 1, HPAC_CLASS_METRIC_EPOCH)->number))
        run->class_count++;
    if (run->class_count > HPAC_CLASS_COUNT)
        return hpac_fail(HPAC_ERR_DATA,
                         "%s/class_metrics.csv: %zu rows of the last epoch, expected at most %d "
                         "classes",
                         run->directory, run->class_count, HPAC_CLASS_COUNT);
    return HPAC_OK;
}

static hpac_status read_table(const report_run *run, hpac_run_file_number file, hpac_table *table,
                              const char *name, const hpac_column *columns, size_t column_count)
{
    hpac_table_init(table, name, name, columns, column_count);
    return hpac_table_read_csv(table, run->directory, hpac_run_files[file].name, !run->finished);
}

/* Runs without a schedule, and older ones, have none. */
static hpac_status read_learning_rates(report_run *run)
{
    const char *name = hpac_run_files[HPAC_RUN_LEARNING_RATES].name;
    hpac_table_init(&run->learning_rates, "learning_rates", "learning_rates",
                    hpac_learning_rates_columns, 2);
    return hpac_directory_has(run->directory, name)
               ? hpac_table_read_csv(&run->learning_rates, run->directory, name, !run->finished)
               : HPAC_OK;
}

static hpac_status read_tables(report_run *run)
{
    HPAC_TRY(hpac_metrics_read(run->directory, !run->finished, &run->metrics));
    HPAC_TRY(read_table(run, HPAC_RUN_LOSSES, &run->losses, "losses", hpac_losses_columns, 3));
    HPAC_TRY(read_table(run, HPAC_RUN_BATCH_LOSSES, &run->batch_losses, "batch_losses",
                        hpac_batch_losses_columns, 2));
    HPAC_TRY(read_learning_rates(run));
    HPAC_TRY(read_table(run, HPAC_RUN_CLASS_METRICS, &run->class_metrics, "class_metrics",
                        hpac_class_metrics_columns, HPAC_CLASS_METRICS));
    if (run->finished && report_epochs(run) == 0)
        return hpac_fail(HPAC_ERR_DATA, "%s/metrics.csv: no epochs, but run.json says finished",
                         run->directory);
    return count_classes(run);
}

typedef struct predictions_reader {
    const char *path;
    report_run *run;
    size_t width; /* cells of the header; 0: it was not read yet */
} predictions_reader;

/* The classes must be those of class_metrics.csv, in the same order. */
static hpac_status check_header(predictions_reader *reader, const hpac_csv_row *row)
{
    bool same = row->count == reader->run->class_count + 1 && strcmp(row->cells[0], "Id") == 0;
    for (size_t c = 1; same && c < row->count; c++)
        same = strcmp(row->cells[c], report_class_name(reader->run, c - 1)) == 0;
    reader->width = row->count;
    return same ? HPAC_OK
                : hpac_fail(HPAC_ERR_DATA,
                            "%s:%zu: expected a header of Id and the classes of class_metrics.csv "
                            "in their order",
                            reader->path, row->line);
}

static hpac_status on_prediction(void *user, const hpac_csv_row *row)
{
    predictions_reader *reader = user;
    report_run *run = reader->run;
    HPAC_TRY(hpac_csv_check_width(reader->path, row, reader->width));
    if (reader->width == 0)
        return check_header(reader, row);
    HPAC_TRY_GROW(run->predictions, run->predicted_images, run->prediction_capacity);
    double *values = run->predictions[run->predicted_images++];
    for (size_t c = 0; c < HPAC_CLASS_COUNT; c++) {
        const char *cell = c < run->class_count ? row->cells[c + 1] : "";
        if (!hpac_parse_number(cell, &values[c]) || values[c] < 0 || values[c] > 1)
            return hpac_fail(HPAC_ERR_DATA,
                             "%s:%zu: column %s: \"%.40s\", expected a probability in [0, 1]",
                             reader->path, row->line, report_class_name(run, c), cell);
    }
    return HPAC_OK;
}

static hpac_status read_predictions(report_run *run)
{
    HPAC_AUTO_FREE char *path = hpac_run_path(run->directory, HPAC_RUN_PREDICTIONS);
    HPAC_TRY_MEMORY(path, strlen(run->directory));
    HPAC_AUTO_FREE unsigned char *bytes = NULL;
    size_t nbytes;
    HPAC_TRY(hpac_file_read(path, SIZE_MAX / 2, &bytes, &nbytes));
    predictions_reader reader = {path, run, 0};
    HPAC_TRY(hpac_csv_read_text(path, (const char *)bytes, nbytes, on_prediction, &reader));
    return run->predicted_images > 0
               ? HPAC_OK
               : hpac_fail(HPAC_ERR_DATA, "%s: no predictions, expected one row per image", path);
}

hpac_status report_run_read(report_run *run, bool predictions)
{
    if (!run->state) { /* else a run without a directory */
        HPAC_TRY(read_json(run));
        HPAC_TRY(read_text(run, HPAC_RUN_CONFIG, &run->config));
        HPAC_TRY(report_keys_read(run));
        HPAC_TRY(read_text(run, HPAC_RUN_LOG, &run->warnings));
        keep_warnings(run->warnings);
        HPAC_TRY(read_tables(run));
    }
    hpac_run_results_of(&run->metrics, &run->results);
    /* Those of a run that is not finished are of an earlier end, before it was made longer. */
    return predictions && run->finished ? read_predictions(run) : HPAC_OK;
}

void report_run_fini(report_run *run)
{
    hpac_table_fini(&run->losses);
    hpac_table_fini(&run->metrics);
    hpac_table_fini(&run->batch_losses);
    hpac_table_fini(&run->learning_rates);
    hpac_table_fini(&run->class_metrics);
    json_decref(run->json);
    json_decref(run->keys);
    free(run->directory);
    free(run->path);
    free(run->label);
    free(run->state);
    free(run->config);
    free(run->dropout);
    free(run->warnings);
    free(run->predictions);
}
