/* What differs in the configurations of several runs. */
#include "report_internal.h"

#include <stdlib.h>
#include <string.h>

#define ITEM_GAP "; "

/* ---- which keys differ ---- */

/* The keys of all runs, in order of first appearance. */
typedef struct key_list {
    const char **paths; /* (count) borrowed from the runs */
    size_t count, capacity;
} key_list;

static bool is_known(const key_list *keys, const char *path)
{
    for (size_t i = 0; i < keys->count; i++)
        if (strcmp(keys->paths[i], path) == 0)
            return true;
    return false;
}

static hpac_status add_keys(const report_config *config, key_list *keys)
{
    for (size_t i = 0; i < config->count; i++) {
        if (is_known(keys, config->values[i].path))
            continue;
        const char **paths =
            report_grow(keys->paths, keys->count + 1, &keys->capacity, sizeof *paths);
        if (!paths)
            return hpac_fail_memory((keys->count + 1) * sizeof *paths);
        keys->paths = paths;
        paths[keys->count++] = config->values[i].path;
    }
    return HPAC_OK;
}

/* Runs that have no configuration yet do not differ. */
static bool differs(const hpac_report *report, const char *path)
{
    const report_value *first = NULL;
    bool found = false;
    for (size_t i = 0; i < report->run_count; i++) {
        const report_config *config = &report->runs[i].keys;
        if (config->count == 0)
            continue;
        const report_value *value = report_config_find(config, path);
        if (found && (!first != !value || (first && strcmp(first->text, value->text) != 0)))
            return true;
        first = value;
        found = true;
    }
    return false;
}

/* ---- lists of layers, of which only what not all runs have is shown ---- */

/* What the lists of a key have in common: so many of each item of the first. */
typedef struct shared_items {
    const report_value *first;
    size_t *counts; /* (first->item_count) owned; of equal items the first counts */
} shared_items;

/* How many of the first `count` items are this one. */
static size_t count_item(const report_value *value, size_t count, const char *item)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += strcmp(value->items[i], item) == 0;
    return found;
}

static hpac_status share_items(const hpac_report *report, const char *path, shared_items *shared)
{
    *shared = (shared_items){0};
    for (size_t run = 0; run < report->run_count; run++) {
        const report_value *value = report_config_find(&report->runs[run].keys, path);
        if (!value)
            continue;
        if (!shared->first) {
            shared->first = value;
            shared->counts = calloc(value->item_count + 1, sizeof *shared->counts);
            if (!shared->counts)
                return hpac_fail_memory(value->item_count * sizeof *shared->counts);
        }
        for (size_t i = 0; i < shared->first->item_count; i++) {
            size_t count = count_item(value, value->item_count, shared->first->items[i]);
            if (value == shared->first || count < shared->counts[i])
                shared->counts[i] = count;
        }
    }
    return HPAC_OK;
}

static bool is_shared(const shared_items *shared, const report_value *value, size_t item)
{
    size_t before = count_item(value, item, value->items[item]);
    for (size_t i = 0; i < shared->first->item_count; i++)
        if (strcmp(shared->first->items[i], value->items[item]) == 0)
            return before < shared->counts[i];
    return false;
}

static size_t next_shared(const shared_items *shared, const report_value *value, size_t item)
{
    while (item < value->item_count && !is_shared(shared, value, item))
        item++;
    return item;
}

/* Whether the items that all have are in the same order; else the lists differ in more than their
 * own items. */
static bool same_order(const hpac_report *report, const char *path, const shared_items *shared)
{
    const report_value *first = shared->first;
    for (size_t run = 0; run < report->run_count && first; run++) {
        const report_value *value = report_config_find(&report->runs[run].keys, path);
        size_t i = 0, k = 0;
        for (; value; i++, k++) {
            i = next_shared(shared, value, i);
            k = next_shared(shared, first, k);
            if (i == value->item_count || k == first->item_count)
                break;
            if (strcmp(value->items[i], first->items[k]) != 0)
                return false;
        }
    }
    return true;
}

/* ---- the table ---- */

/* Adds a value; of a list its items, or only those of its own. */
static void add_items(hpac_table *table, const report_value *value, const shared_items *shared,
                      bool whole)
{
    char *text = NULL;
    size_t nbytes;
    FILE *stream = open_memstream(&text, &nbytes);
    const char *gap = "";
    for (size_t i = 0; i < value->item_count && stream; i++)
        if (whole || !is_shared(shared, value, i)) {
            fprintf(stream, "%s%s", gap, value->items[i]);
            gap = ITEM_GAP;
        }
    if (!stream || fclose(stream) != 0)
        table->status = hpac_fail_memory(1);
    else
        hpac_table_add_text(table, *text ? text : "none of its own");
    free(text);
}

typedef struct column {
    const char *path;
    shared_items shared;
    bool whole;
} column;

static void add_cell(hpac_table *table, const report_run *run, const column *key)
{
    const report_value *value = report_config_find(&run->keys, key->path);
    if (value && value->item_count > 0)
        add_items(table, value, &key->shared, key->whole);
    else
        hpac_table_add_text(table, value ? value->text : "");
}

/* One row per run, one column per key that differs. */
static void fill_table(hpac_report *report, const column *keys, size_t count,
                       const hpac_column *columns)
{
    hpac_table *table = report_table(report, "configurations", "Configuration keys that differ",
                                     columns, count + 1);
    for (size_t i = 0; i < report->run_count; i++) {
        hpac_table_add_text(table, report->runs[i].label);
        for (size_t c = 0; c < count; c++)
            add_cell(table, &report->runs[i], &keys[c]);
    }
}

/* The keys that differ, `*count` of them, each with a column after that of the runs. */
static hpac_status find_columns(const hpac_report *report, const key_list *keys, column *found,
                                hpac_column *columns, size_t *count)
{
    columns[0] = (hpac_column){"run", HPAC_TEXT, 0, NULL};
    for (size_t i = 0; i < keys->count; i++) {
        if (!differs(report, keys->paths[i]))
            continue;
        column *key = &found[(*count)++];
        key->path = keys->paths[i];
        columns[*count] = (hpac_column){key->path, HPAC_TEXT, 0, NULL};
        HPAC_TRY(share_items(report, key->path, &key->shared));
        key->whole = !same_order(report, key->path, &key->shared);
    }
    return HPAC_OK;
}

static hpac_status make_table(hpac_report *report, const key_list *keys)
{
    hpac_column *columns = calloc(keys->count + 1, sizeof *columns);
    column *found = calloc(keys->count + 1, sizeof *found);
    hpac_status status = HPAC_ERR_INTERNAL;
    size_t count = 0;
    if (columns && found)
        status = find_columns(report, keys, found, columns, &count);
    else
        (void)hpac_fail_memory(keys->count * sizeof *columns);
    if (status == HPAC_OK)
        fill_table(report, found, count, columns);
    for (size_t i = 0; i < count; i++)
        free(found[i].shared.counts);
    free(found);
    free(columns);
    return status;
}

hpac_status report_differences_table(hpac_report *report)
{
    key_list keys = {0};
    hpac_status status = HPAC_OK;
    for (size_t i = 0; i < report->run_count && status == HPAC_OK; i++)
        status = add_keys(&report->runs[i].keys, &keys);
    if (status == HPAC_OK)
        status = make_table(report, &keys);
    free(keys.paths);
    return status;
}
