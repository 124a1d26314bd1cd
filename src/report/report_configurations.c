/* What differs in the configurations of several runs. */
#include "report_internal.h"

#include "base/memory.h"
#include "config/config_yaml.h"

#include <string.h>

#define ITEM_GAP "; "

/* A value on one line; NULL when memory is out. */
static json_t *text_of(const hpac_yaml_node *node)
{
    HPAC_AUTO_FREE char *text = NULL;
    size_t nbytes;
    FILE *stream = open_memstream(&text, &nbytes);
    if (!stream)
        return NULL;
    hpac_yaml_print(node, stream);
    return fclose(stream) == 0 ? json_string_nocheck(text) : NULL;
}

/* A value is a list of texts: that of a list of sections has one per section. */
static hpac_status add_value(json_t *keys, const char *path, const hpac_yaml_node *node)
{
    bool sections = node->kind == HPAC_YAML_LIST && node->count > 0 &&
                    node->items[0].value->kind == HPAC_YAML_MAP;
    json_t *value = json_array();
    bool good = json_object_set_new_nocheck(keys, path, value) == 0;
    for (size_t i = 0; good && i < (sections ? node->count : 1); i++)
        good = json_array_append_new(value, text_of(sections ? node->items[i].value : node)) == 0;
    return good ? HPAC_OK : hpac_fail_memory(strlen(path));
}

/* A section's keys, each with its own path behind that of the section. */
static hpac_status add_section(json_t *keys, const char *section, const hpac_yaml_node *map)
{
    for (size_t i = 0; i < map->count; i++) {
        const hpac_yaml_item *item = &map->items[i];
        HPAC_AUTO_FREE char *path = NULL;
        if (asprintf(&path, "%s%s%s", section, *section ? "." : "", item->key->text) < 0) {
            path = NULL;
            return hpac_fail_memory(strlen(section));
        }
        if (item->value->kind == HPAC_YAML_MAP)
            HPAC_TRY(add_section(keys, path, item->value));
        else
            HPAC_TRY(add_value(keys, path, item->value));
    }
    return HPAC_OK;
}

/* The rates of the dropout layers, as sweep.csv has them. */
static hpac_status find_dropout(report_run *run, const hpac_yaml_node *model)
{
    if (!model || model->kind != HPAC_YAML_LIST)
        return HPAC_OK;
    size_t count = 0;
    HPAC_AUTO_FREE double *rates = NULL;
    HPAC_TRY_NEW(rates, model->count + 1);
    for (size_t i = 0; i < model->count; i++) {
        const hpac_yaml_node *layer = model->items[i].value;
        const hpac_yaml_node *type = hpac_yaml_get(layer, "type");
        const hpac_yaml_node *rate = hpac_yaml_get(layer, "rate");
        if (type && hpac_yaml_is_word(type, "dropout") && rate && rate->kind == HPAC_YAML_SCALAR)
            rates[count++] = strtod(rate->text, NULL);
    }
    HPAC_TRY_MEMORY(run->dropout = hpac_dropout_text(rates, count), count);
    return HPAC_OK;
}

hpac_status report_keys_read(report_run *run)
{
    HPAC_AUTO_FREE char *path = hpac_run_path(run->directory, HPAC_RUN_CONFIG);
    run->keys = json_object();
    if (!path || !run->keys)
        return hpac_fail_memory(strlen(run->directory));
    const hpac_yaml_source source = {.name = path};
    HPAC_AUTO(hpac_yaml_fini) hpac_yaml yaml = {0};
    hpac_yaml_node *root;
    hpac_status status = hpac_yaml_parse(&yaml, &source, run->config, strlen(run->config), &root);
    if (status == HPAC_ERR_CONFIG) /* hpac wrote the file: it is damaged, not mistyped */
        return hpac_fail_within(HPAC_ERR_DATA, "configuration");
    HPAC_TRY(status);
    if (!root || hpac_yaml_is_null(root))
        return HPAC_OK; /* nothing but comments */
    if (root->kind != HPAC_YAML_MAP)
        return hpac_fail(HPAC_ERR_DATA, "%s: expected a configuration's keys and values", path);
    HPAC_TRY(add_section(run->keys, "", root));
    return find_dropout(run, hpac_yaml_get(root, "model"));
}

/* How many of the first `count` items are this one. */
static size_t count_item(const json_t *list, size_t count, const json_t *item)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += json_equal(json_array_get(list, i), item) != 0;
    return found;
}

/* The items of a list that another one has, too, or those that it does not have; each as often.
 * NULL when memory is out. */
static json_t *select_items(const json_t *list, const json_t *other, bool common)
{
    json_t *selected = json_array();
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *item = json_array_get(list, i);
        bool both = count_item(list, i, item) < count_item(other, json_array_size(other), item);
        if (both == common && json_array_append(selected, item) != 0) {
            json_decref(selected);
            return NULL;
        }
    }
    return selected;
}

/* "{type: flatten}; {type: dropout, rate: 0.5}"; NULL when memory is out. */
static json_t *join(const json_t *list)
{
    HPAC_AUTO_FREE char *text = NULL;
    size_t nbytes;
    FILE *stream = open_memstream(&text, &nbytes);
    if (!stream)
        return NULL;
    for (size_t i = 0; i < json_array_size(list); i++)
        fprintf(stream, "%s%s", i > 0 ? ITEM_GAP : "", json_string_value(json_array_get(list, i)));
    if (fclose(stream) != 0)
        return NULL;
    return json_string_nocheck(*text ? text : "none of its own");
}

/* The items that the values of all runs have. Runs without a configuration are ignored. */
static json_t *find_common(const hpac_report *report, const char *path)
{
    json_t *common = NULL;
    for (size_t i = 0; i < report->run_count; i++) {
        json_t *keys = report->runs[i].keys, *value = json_object_get(keys, path);
        if (json_object_size(keys) == 0)
            continue;
        json_auto_t *before = common ? common : json_incref(value);
        common = select_items(before, value, true);
        if (!common)
            return NULL;
    }
    return common;
}

/* Adds a text per run, unless the key has one value in all: what not all runs have or, when they
 * have the common items in another order, the whole value. */
static hpac_status add_column(hpac_report *report, const char *path)
{
    json_auto_t *common = find_common(report, path);
    json_auto_t *texts = json_array();
    bool equal = true, ordered = true, good = common && texts;
    for (size_t i = 0; good && i < report->run_count; i++) {
        json_t *keys = report->runs[i].keys, *value = json_object_get(keys, path);
        json_auto_t *shared = select_items(value, common, true);
        bool ignored = json_object_size(keys) == 0;
        good = shared != NULL;
        equal = equal && (ignored || json_equal(value, common));
        ordered = ordered && (ignored || json_equal(shared, common));
    }
    for (size_t i = 0; good && i < report->run_count; i++) {
        json_t *value = json_object_get(report->runs[i].keys, path);
        json_auto_t *own = select_items(value, common, false);
        good = own && json_array_append_new(texts, value ? join(ordered ? own : value)
                                                         : json_string("")) == 0;
    }
    good = good && (equal || json_object_set_nocheck(report->differences, path, texts) == 0);
    return good ? HPAC_OK : hpac_fail_memory(strlen(path));
}

hpac_status report_configurations_table(hpac_report *report)
{
    const char *path;
    json_t *texts;
    json_auto_t *all = json_object(); /* the keys of all runs, in order of first appearance */
    report->differences = json_object();
    HPAC_TRY_MEMORY(all && report->differences, 1);
    for (size_t i = 0; i < report->run_count; i++)
        if (report->runs[i].keys && json_object_update_missing(all, report->runs[i].keys) != 0)
            return hpac_fail_memory(json_object_size(report->runs[i].keys));
    json_object_foreach(all, path, texts)
    {
        HPAC_TRY(add_column(report, path));
    }
    HPAC_AUTO_FREE hpac_column *columns = NULL;
    HPAC_TRY_NEW(columns, json_object_size(report->differences) + 1);
    size_t count = 0;
    columns[count++] = (hpac_column){"run", HPAC_TEXT, 0, NULL};
    json_object_foreach(report->differences, path, texts)
    {
        columns[count++] = (hpac_column){path, HPAC_TEXT, 0, NULL};
    }
    hpac_table *table =
        report_table(report, "configurations", "Configuration keys that differ", columns, count);
    for (size_t i = 0; i < report->run_count; i++) {
        hpac_table_add_text(table, report->runs[i].label);
        json_object_foreach(report->differences, path, texts)
        {
            hpac_table_add_text(table, json_string_value(json_array_get(texts, i)));
        }
    }
    return HPAC_OK;
}
