/* The files of a run's directory. */
#include "report_internal.h"

#include "base/file.h"
#include "rundir/run_files.h"
#include "rundir/run_info.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A configuration has a few kilobytes, a log a few hundred per day. */
#define TEXT_LIMIT_NBYTES ((size_t)64 << 20)

/* ---- access ---- */

size_t report_epochs(const report_run *run)
{
    return hpac_table_row_count(&run->metrics);
}

double report_metric(const report_run *run, size_t row, hpac_metric column)
{
    return row < report_epochs(run) ? hpac_table_cell(&run->metrics, row, column)->number : NAN;
}

static const hpac_cell *class_cell(const report_run *run, size_t i, enum report_class_column column)
{
    size_t first = hpac_table_row_count(&run->class_metrics) - run->class_count;
    return hpac_table_cell(&run->class_metrics, first + i, column);
}

const char *report_class_name(const report_run *run, size_t i)
{
    return class_cell(run, i, REPORT_CLASS_NAME)->text;
}

double report_class_value(const report_run *run, size_t i, enum report_class_column column)
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
    return run->predictions.images > 0 ? (double)run->predictions.images
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

/* ---- reading ---- */

static hpac_status read_json(report_run *run)
{
    hpac_run_info info;
    HPAC_TRY(hpac_run_info_read(run->folder, &info));
    run->json = info.json;
    run->state = info.state;
    run->finished = hpac_run_info_is(&info, "finished");
    return HPAC_OK;
}

/* "" for a missing file, which an unfinished run may lack. */
static hpac_status read_text(const report_run *run, const char *name, char **text)
{
    char *path = hpac_path_join(run->folder, "%s", name);
    unsigned char *bytes = NULL;
    size_t nbytes;
    hpac_status status = path ? HPAC_OK : hpac_fail_memory(1);
    if (status == HPAC_OK && hpac_path_exists(path))
        status = hpac_file_read(path, TEXT_LIMIT_NBYTES, &bytes, &nbytes);
    *text = bytes ? (char *)bytes : strdup("");
    if (status == HPAC_OK && !*text)
        status = hpac_fail_memory(1);
    free(path);
    return status;
}

static hpac_status read_keys(report_run *run)
{
    char *path = hpac_path_join(run->folder, "config.yaml");
    hpac_status status =
        path ? report_config_read(path, run->config, &run->keys) : hpac_fail_memory(1);
    free(path);
    return status;
}

/* Whether a line of a log, "<day> <time> <level> ...", is a warning or an error. */
static bool is_warning(const char *line)
{
    for (int word = 0; word < 2; word++) {
        line += strcspn(line, " \n");
        line += *line == ' ';
    }
    size_t length = strcspn(line, " \n");
    return (length == 7 && memcmp(line, "warning", length) == 0) ||
           (length == 5 && memcmp(line, "error", length) == 0);
}

/* Removes all but warnings and errors from a log; indented lines belong to the message before them.
 */
static void keep_warnings(char *log)
{
    char *to = log;
    bool keep = false;
    for (char *line = log, *next; *line; line = next) {
        size_t length = strcspn(line, "\n");
        next = line + length + (line[length] == '\n');
        keep = *line == ' ' || *line == '\t' ? keep : is_warning(line);
        if (keep) {
            memmove(to, line, (size_t)(next - line));
            to += next - line;
        }
    }
    *to = '\0';
}

/* The rows of the last epoch are at the end. */
static hpac_status count_classes(report_run *run)
{
    const hpac_table *table = &run->class_metrics;
    size_t rows = hpac_table_row_count(table);
    while (run->class_count < rows &&
           !(hpac_table_cell(table, rows - 1 - run->class_count, REPORT_CLASS_EPOCH)->number <
             hpac_table_cell(table, rows - 1, REPORT_CLASS_EPOCH)->number))
        run->class_count++;
    if (run->class_count > HPAC_CLASS_COUNT)
        return hpac_fail(HPAC_ERR_DATA,
                         "%s/class_metrics.csv: %zu rows of the last epoch, expected at most %d "
                         "classes",
                         run->folder, run->class_count, HPAC_CLASS_COUNT);
    return HPAC_OK;
}

static hpac_status read_tables(report_run *run)
{
    bool growing = !run->finished;
    HPAC_TRY(hpac_metrics_read(run->folder, growing, &run->metrics));
    HPAC_TRY(hpac_table_read_csv(&run->losses, run->folder, hpac_run_files[HPAC_RUN_LOSSES].name,
                                 growing));
    HPAC_TRY(hpac_table_read_csv(&run->batch_losses, run->folder,
                                 hpac_run_files[HPAC_RUN_BATCH_LOSSES].name, growing));
    HPAC_TRY(hpac_table_read_csv(&run->class_metrics, run->folder,
                                 hpac_run_files[HPAC_RUN_CLASS_METRICS].name, growing));
    HPAC_TRY(count_classes(run));
    hpac_run_results_of(&run->metrics, &run->results);
    return run->finished && report_epochs(run) == 0
               ? hpac_fail(HPAC_ERR_DATA, "%s/metrics.csv: no epochs, but run.json says finished",
                           run->folder)
               : HPAC_OK;
}

/* The classes of predictions.csv and class_metrics.csv must be the same, in the same order. */
static hpac_status check_classes(const report_run *run, const char *path)
{
    const report_predictions *read = &run->predictions;
    bool same = read->class_count == run->class_count;
    for (size_t c = 0; same && c < run->class_count; c++)
        same = strcmp(read->classes[c], report_class_name(run, c)) == 0;
    return same ? HPAC_OK
                : hpac_fail(HPAC_ERR_DATA,
                            "%s:1: expected the classes of class_metrics.csv in their order", path);
}

static hpac_status read_predictions(report_run *run)
{
    char *path = hpac_path_join(run->folder, "predictions.csv");
    if (!path)
        return hpac_fail_memory(1);
    hpac_status status = report_predictions_read(path, &run->predictions);
    if (status == HPAC_OK)
        status = check_classes(run, path);
    free(path);
    return status;
}

static hpac_status read_all(report_run *run, bool predictions)
{
    HPAC_TRY(read_json(run));
    HPAC_TRY(read_text(run, "config.yaml", &run->config));
    HPAC_TRY(read_keys(run));
    HPAC_TRY(read_text(run, "train.log", &run->warnings));
    keep_warnings(run->warnings);
    HPAC_TRY(read_tables(run));
    /* Those of a run that is not finished are of an earlier end, before it was made longer. */
    return predictions && run->finished ? read_predictions(run) : HPAC_OK;
}

hpac_status report_run_read(const char *folder, bool predictions, report_run *run)
{
    *run = (report_run){.folder = strdup(folder)};
    hpac_table_init(&run->losses, "losses", "Losses", hpac_losses_columns, 3);
    hpac_table_init(&run->batch_losses, "batch_losses", "Batches", hpac_batch_losses_columns, 2);
    hpac_table_init(&run->class_metrics, "class_metrics", "Classes", hpac_class_metrics_columns,
                    HPAC_CLASS_METRICS);
    hpac_status status =
        run->folder ? read_all(run, predictions) : hpac_fail_memory(strlen(folder));
    if (status != HPAC_OK)
        report_run_fini(run);
    return status;
}

void report_run_fini(report_run *run)
{
    report_predictions_fini(&run->predictions);
    hpac_table_fini(&run->losses);
    hpac_table_fini(&run->metrics);
    hpac_table_fini(&run->batch_losses);
    hpac_table_fini(&run->class_metrics);
    json_decref(run->json);
    free(run->folder);
    free(run->label);
    report_config_fini(&run->keys);
    free(run->absent_state);
    free(run->config);
    free(run->warnings);
    *run = (report_run){0};
}
