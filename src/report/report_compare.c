/* The tables of several runs: what differs in their configurations, their classes, their spread. */
#include "report_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- configurations ---- */

/* The keys of all runs, in the order in which they come up, with a value a run. */
typedef struct key_table {
    size_t run_count;
    size_t run;    /* that is being read */
    char **keys;   /* (count) owned */
    char **values; /* (count, run_count) owned; NULL: the run has no such key */
    size_t count, capacity;
} key_table;

/* Room for a key more, with its values. */
static hpac_status grow(key_table *table)
{
    if (table->count < table->capacity)
        return HPAC_OK;
    size_t capacity = table->capacity ? 2 * table->capacity : 64;
    char **keys = realloc(table->keys, capacity * sizeof *keys);
    if (!keys)
        return hpac_fail_memory(capacity * sizeof *keys);
    table->keys = keys;
    char **values = realloc(table->values, capacity * table->run_count * sizeof *values);
    if (!values)
        return hpac_fail_memory(capacity * table->run_count * sizeof *values);
    table->values = values;
    table->capacity = capacity;
    return HPAC_OK;
}

static hpac_status add_key(key_table *table, const char *path)
{
    hpac_status status = grow(table);
    if (status != HPAC_OK)
        return status;
    table->keys[table->count] = strdup(path);
    if (!table->keys[table->count])
        return hpac_fail_memory(strlen(path));
    for (size_t i = 0; i < table->run_count; i++)
        table->values[table->count * table->run_count + i] = NULL;
    table->count++;
    return HPAC_OK;
}

static hpac_status on_key(void *user, const char *path, const char *value)
{
    key_table *table = user;
    size_t key = 0;
    while (key < table->count && strcmp(table->keys[key], path) != 0)
        key++;
    hpac_status status = key == table->count ? add_key(table, path) : HPAC_OK;
    if (status != HPAC_OK)
        return status;
    char **place = &table->values[key * table->run_count + table->run];
    free(*place);
    *place = strdup(value);
    return *place ? HPAC_OK : hpac_fail_memory(strlen(value));
}

static void free_keys(key_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->keys[i]);
    for (size_t i = 0; i < table->count * table->run_count; i++)
        free(table->values[i]);
    free(table->keys);
    free(table->values);
}

static bool has_config(const report_run *run)
{
    return run->config && *run->config;
}

/* Runs that have no configuration yet do not differ. */
static bool differs(const hpac_report *report, const key_table *table, size_t key)
{
    const char *first = NULL;
    bool found = false;
    for (size_t i = 0; i < table->run_count; i++) {
        const char *value = table->values[key * table->run_count + i];
        if (!has_config(&report->runs[i]))
            continue;
        if (found && (!first != !value || (first && strcmp(first, value) != 0)))
            return true;
        first = value;
        found = true;
    }
    return false;
}

/* ---- lists of layers, of which only those that differ are shown ---- */

#define ITEM_GAP "; " /* as report_config.c joins them */

/* Whether an item of `nbytes` is one of a list. */
static bool has_item(const char *list, const char *item, size_t nbytes)
{
    for (const char *next; list; list = next) {
        const char *gap = strstr(list, ITEM_GAP);
        size_t own = gap ? (size_t)(gap - list) : strlen(list);
        if (own == nbytes && memcmp(list, item, nbytes) == 0)
            return true;
        next = gap ? gap + strlen(ITEM_GAP) : NULL;
    }
    return false;
}

static bool in_all_lists(const key_table *table, size_t key, const char *item, size_t nbytes)
{
    for (size_t i = 0; i < table->run_count; i++) {
        const char *list = table->values[key * table->run_count + i];
        if (list && !has_item(list, item, nbytes))
            return false;
    }
    return true;
}

/* Adds the value of a run; of a list the items that not all runs have, "none" without. */
static void add_value(hpac_table *to, const key_table *table, size_t key, size_t run)
{
    const char *value = table->values[key * table->run_count + run];
    char *text = value ? malloc(strlen(value) + 1) : NULL;
    if (!value || !text || !strstr(value, ITEM_GAP)) {
        hpac_table_add_text(to, value ? value : "");
        free(text);
        return;
    }
    size_t length = 0;
    for (const char *item = value, *next; item; item = next) {
        const char *gap = strstr(item, ITEM_GAP);
        size_t nbytes = gap ? (size_t)(gap - item) : strlen(item);
        next = gap ? gap + strlen(ITEM_GAP) : NULL;
        if (in_all_lists(table, key, item, nbytes))
            continue;
        if (length > 0) {
            memcpy(text + length, ITEM_GAP, strlen(ITEM_GAP));
            length += strlen(ITEM_GAP);
        }
        memcpy(text + length, item, nbytes);
        length += nbytes;
    }
    text[length] = '\0';
    hpac_table_add_text(to, length > 0 ? text : "none of its own");
    free(text);
}

/* A row a run, a column a key that differs. */
static hpac_status fill_configurations(hpac_report *report, const key_table *keys)
{
    hpac_column *columns = calloc(keys->count + 1, sizeof *columns);
    size_t *which = calloc(keys->count + 1, sizeof *which);
    hpac_status status =
        columns && which ? HPAC_OK : hpac_fail_memory(keys->count * sizeof *columns);
    size_t count = 1;
    for (size_t key = 0; key < keys->count && status == HPAC_OK; key++) {
        if (!differs(report, keys, key))
            continue;
        const char *name = report_keep_text(report, keys->keys[key]);
        status = name ? HPAC_OK : hpac_fail_memory(1);
        which[count] = key;
        columns[count++] = (hpac_column){name, HPAC_TEXT, 0, NULL};
    }
    if (status == HPAC_OK) {
        columns[0] = (hpac_column){"run", HPAC_TEXT, 0, NULL};
        hpac_table *table = report_table(report, "configurations",
                                         "What differs in their configurations", columns, count);
        for (size_t i = 0; i < report->run_count; i++) {
            hpac_table_add_text(table, report->runs[i].label);
            for (size_t c = 1; c < count; c++)
                add_value(table, keys, which[c], i);
        }
    }
    free(columns);
    free(which);
    return status;
}

static hpac_status make_configurations(hpac_report *report)
{
    key_table keys = {.run_count = report->run_count};
    hpac_status status = HPAC_OK;
    for (; keys.run < report->run_count && status == HPAC_OK; keys.run++)
        if (has_config(&report->runs[keys.run]))
            status = report_config_walk(report->runs[keys.run].config, on_key, &keys);
    if (status == HPAC_OK)
        status = fill_configurations(report, &keys);
    free_keys(&keys);
    return status;
}

/* ---- F1 a class ---- */

static double f1_of_class(const report_run *run, const char *name)
{
    for (size_t c = 0; c < run->class_count; c++)
        if (strcmp(report_class_name(run, c), name) == 0)
            return report_class_value(run, c, REPORT_CLASS_F1);
    return NAN;
}

static bool is_known_class(const hpac_table *table, const char *name)
{
    for (size_t row = 0; row < hpac_table_row_count(table); row++)
        if (strcmp(hpac_table_cell(table, row, 0)->text, name) == 0)
            return true;
    return false;
}

/* The classes of all runs, each once, with the F1 of those runs whose curves are drawn. */
static hpac_status make_class_f1(hpac_report *report)
{
    hpac_column *columns = calloc(report->curve_count + 1, sizeof *columns);
    if (!columns)
        return hpac_fail_memory(report->curve_count * sizeof *columns);
    columns[0] = (hpac_column){"class", HPAC_TEXT, 0, NULL};
    for (size_t i = 0; i < report->curve_count; i++)
        columns[i + 1] = (hpac_column){report->runs[report->curves[i]].label, HPAC_REAL, 3, NULL};
    hpac_table *table = report_table(report, "class_f1", "F1 a class, last epoch", columns,
                                     report->curve_count + 1);
    free(columns);
    for (size_t i = 0; i < report->curve_count; i++) {
        const report_run *run = &report->runs[report->curves[i]];
        for (size_t c = 0; c < run->class_count; c++) {
            const char *name = report_class_name(run, c);
            if (is_known_class(table, name))
                continue;
            hpac_table_add_text(table, name);
            for (size_t j = 0; j < report->curve_count; j++)
                hpac_table_add_real(table, f1_of_class(&report->runs[report->curves[j]], name));
        }
    }
    return HPAC_OK;
}

double report_common_prior(const hpac_report *report)
{
    double common = NAN;
    for (size_t i = 0; i < report->run_count; i++) {
        double prior = report_metric(&report->runs[i], 0, REPORT_PRIOR_LOSS);
        if (!isnan(prior) && !isnan(common) && fabs(prior - common) > 1e-6)
            return NAN;
        common = isnan(prior) ? common : prior;
    }
    return common;
}

/* ---- mean and spread over folds ---- */

typedef struct spread {
    size_t count;
    double sum, square_sum, least, most;
} spread;

/* A fold that is not finished has no last epoch. */
static double value_of_fold(const report_run *run, enum report_metrics_column column, bool best)
{
    if (!run->finished)
        return NAN;
    return report_metric(run, best ? run->best_row : report_epochs(run) - 1, column);
}

static spread spread_of(const hpac_report *report, enum report_metrics_column column, bool best)
{
    spread found = {.least = INFINITY, .most = -INFINITY};
    for (size_t i = 0; i < report->run_count; i++) {
        double value = value_of_fold(&report->runs[i], column, best);
        if (isnan(value))
            continue;
        found.sum += value;
        found.least = fmin(found.least, value);
        found.most = fmax(found.most, value);
        found.count++;
    }
    for (size_t i = 0; i < report->run_count; i++) {
        double value = value_of_fold(&report->runs[i], column, best);
        double distance = value - found.sum / (double)found.count;
        if (!isnan(value))
            found.square_sum += distance * distance;
    }
    return found;
}

static void add_spread(hpac_table *table, const char *measure, spread found)
{
    bool any = found.count > 0;
    hpac_table_add_text(table, measure);
    hpac_table_add_integer(table, (long long)found.count);
    hpac_table_add_real(table, any ? found.sum / (double)found.count : NAN);
    hpac_table_add_real(table,
                        found.count > 1 ? sqrt(found.square_sum / ((double)found.count - 1)) : NAN);
    hpac_table_add_real(table, any ? found.least : NAN);
    hpac_table_add_real(table, any ? found.most : NAN);
}

static void make_spread(hpac_report *report)
{
    static const hpac_column columns[] = {
        HPAC_COLUMN_TEXT("measure", NULL),  HPAC_COLUMN_INTEGER("folds", NULL),
        HPAC_COLUMN_REAL("mean", NULL, 4),  HPAC_COLUMN_REAL("std", NULL, 4),
        HPAC_COLUMN_REAL("least", NULL, 4), HPAC_COLUMN_REAL("largest", NULL, 4),
    };
    static const struct {
        const char *measure;
        enum report_metrics_column column;
        bool best;
    } rows[] = {
        {"loss", REPORT_VAL_LOSS, false},
        {"the constant prior's loss", REPORT_PRIOR_LOSS, false},
        {"accuracy", REPORT_VAL_ACCURACY, false},
        {"the all-zero answer's accuracy", REPORT_VAL_ALL_ZERO, false},
        {"F1, mean of the classes", REPORT_VAL_F1_MEAN, false},
        {"F1, least", REPORT_VAL_F1_MIN, false},
        {"F1, largest", REPORT_VAL_F1_MAX, false},
        {"F1, standard deviation", REPORT_VAL_F1_STD, false},
        {"loss of the best epoch", REPORT_VAL_LOSS, true},
        {"loss in training", REPORT_TRAIN_LOSS, false},
    };
    hpac_table *table = report_table(report, "spread", "The last epoch over the folds", columns, 6);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        add_spread(table, rows[i].measure, spread_of(report, rows[i].column, rows[i].best));
}

hpac_status report_compare_tables(hpac_report *report)
{
    report_runs_table(report);
    if (report->kind == REPORT_FOLDS)
        make_spread(report);
    hpac_status status = make_configurations(report);
    return status == HPAC_OK ? make_class_f1(report) : status;
}
