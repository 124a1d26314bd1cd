/* A sweep's file: its four keys, and the values they give to keys of configurations. */
#include "sweep_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- values ---- */

static void out_of_memory(sweep_file *file)
{
    file->reader.status = hpac_fail_memory(sizeof(hpac_config_value));
}

/* The file's copy of a path, the same one for the same text. NULL: no memory. */
static const char *keep_path(sweep_file *file, const char *prefix, const char *name)
{
    char *path = NULL;
    if (asprintf(&path, "%s%s%s", prefix, *prefix ? "." : "", name) < 0)
        return NULL;
    for (int i = 0; i < file->path_count; i++)
        if (strcmp(file->paths[i], path) == 0) {
            free(path);
            return file->paths[i];
        }
    char **paths = realloc(file->paths, ((size_t)file->path_count + 1) * sizeof *paths);
    if (!paths) {
        free(path);
        return NULL;
    }
    file->paths = paths;
    return file->paths[file->path_count++] = path;
}

static void add_value(sweep_file *file, sweep_values *values, const char *path,
                      const hpac_yaml_item *item)
{
    for (int i = 0; i < values->count; i++)
        if (strcmp(values->items[i].path, path) == 0) {
            hpac_reader_refuse(&file->reader, path, item->key, "duplicate key, first in line %d",
                               values->items[i].node->line);
            return;
        }
    hpac_config_value *items =
        realloc(values->items, ((size_t)values->count + 1) * sizeof *values->items);
    if (!items) {
        out_of_memory(file);
        return;
    }
    values->items = items;
    values->items[values->count++] = (hpac_config_value){path, item->value};
}

/* Reads one key and its value. Sections are merged, not replaced: their keys are read one by one.
 */
static void read_value(sweep_file *file, const char *prefix, const hpac_yaml_item *item,
                       sweep_values *values)
{
    const char *path = keep_path(file, prefix, item->key->text);
    if (!path)
        out_of_memory(file);
    else if (item->value->kind == HPAC_YAML_MAP && hpac_keys_has_section(&hpac_config_keys, path))
        for (size_t i = 0; i < item->value->count; i++)
            read_value(file, path, &item->value->items[i], values);
    else
        add_value(file, values, path, item);
}

/* A map of keys and values; `what` is the sweep's key that it belongs to. */
static void read_values(sweep_file *file, const char *what, const hpac_yaml_node *map,
                        sweep_values *values)
{
    if (map->kind != HPAC_YAML_MAP)
        hpac_reader_expected(&file->reader, what, map,
                             "keys of configurations, such as train.epochs");
    else
        for (size_t i = 0; i < map->count; i++)
            read_value(file, "", &map->items[i], values);
}

/* ---- the four keys ---- */

/* A relative path starts at the directory of the sweep's file. */
static void read_config(sweep_file *file, const char *what, const hpac_yaml_node *node,
                        sweep_config *config)
{
    if (node->kind != HPAC_YAML_SCALAR || hpac_yaml_is_null(node) || !*node->text) {
        hpac_reader_expected(&file->reader, what, node, "the path of a configuration");
        return;
    }
    const char *document = file->reader.source.name, *slash = strrchr(document, '/');
    char *path = hpac_reader_path(&file->reader, what, node);
    config->node = node;
    if (path &&
        asprintf(&config->path, "%.*s%s", slash && *path != '/' ? (int)(slash - document) + 1 : 0,
                 document, path) < 0) {
        config->path = NULL;
        out_of_memory(file);
    }
    free(path);
}

static void read_grid(sweep_file *file, const hpac_yaml_node *node)
{
    read_values(file, "grid", node, &file->grid);
    int good = 0;
    for (int i = 0; i < file->grid.count; i++) {
        const hpac_config_value *axis = &file->grid.items[i];
        char path[128];
        snprintf(path, sizeof path, "grid: %.100s", axis->path);
        if (axis->node->kind == HPAC_YAML_LIST && axis->node->count > 0)
            file->grid.items[good++] = *axis;
        else
            hpac_reader_expected(&file->reader, path, axis->node, "a list of values to try");
    }
    file->grid.count = good;
}

static void read_name(sweep_file *file, const hpac_yaml_node *node, sweep_entry *entry)
{
    char shown[HPAC_SHOWN_NBYTES];
    const char *fault =
        node->kind == HPAC_YAML_SCALAR ? sweep_name_fault(node->text) : "expected text";
    if (fault)
        hpac_reader_refuse(&file->reader, "runs: name", node, "%s cannot name a directory: %s",
                           hpac_yaml_show(node, shown), fault);
    else
        entry->name = node->text;
}

static void read_entry(sweep_file *file, const hpac_yaml_node *node, sweep_entry *entry)
{
    if (node->kind != HPAC_YAML_MAP) {
        read_values(file, "runs", node, &entry->values); /* refuses it */
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        const hpac_yaml_item *item = &node->items[i];
        bool is_name = strcmp(item->key->text, "name") == 0;
        bool is_config = strcmp(item->key->text, "config") == 0;
        if (!is_name && !is_config)
            read_value(file, "", item, &entry->values);
        else if (hpac_reader_refuse_duplicate(&file->reader, item->key->text, node, i))
            continue;
        else if (is_name)
            read_name(file, item->value, entry);
        else
            read_config(file, "runs: config", item->value, &entry->config);
    }
}

static void read_runs(sweep_file *file, const hpac_yaml_node *node)
{
    if (node->kind != HPAC_YAML_LIST || node->count == 0) {
        hpac_reader_expected(&file->reader, "runs", node,
                             "a list of runs, such as - {train.epochs: 5}");
        return;
    }
    file->entries = calloc(node->count, sizeof *file->entries);
    if (!file->entries) {
        out_of_memory(file);
        return;
    }
    file->entry_count = (int)node->count;
    for (size_t i = 0; i < node->count; i++)
        read_entry(file, node->items[i].value, &file->entries[i]);
}

static void refuse_unknown(sweep_file *file, const hpac_yaml_node *key)
{
    static const char *const keys[] = {"config", "set", "grid", "runs"};
    char shown[HPAC_SHOWN_NBYTES];
    hpac_nearest nearest = hpac_nearest_to(key->text);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        hpac_nearest_offer(&nearest, keys[i]);
    hpac_yaml_show(key, shown);
    if (*nearest.best)
        hpac_reader_refuse(&file->reader, shown, key, "unknown key; did you mean %s?",
                           nearest.best);
    else
        hpac_reader_refuse(&file->reader, shown, key,
                           "unknown key; expected config, set, grid or runs, with keys of "
                           "configurations below set");
}

static void read_key(sweep_file *file, const hpac_yaml_node *root, size_t index)
{
    const hpac_yaml_node *key = root->items[index].key, *value = root->items[index].value;
    if (hpac_reader_refuse_duplicate(&file->reader, key->text, root, index))
        return;
    if (strcmp(key->text, "config") == 0)
        read_config(file, "config", value, &file->config);
    else if (strcmp(key->text, "set") == 0)
        read_values(file, "set", value, &file->set);
    else if (strcmp(key->text, "grid") == 0)
        read_grid(file, value);
    else if (strcmp(key->text, "runs") == 0)
        read_runs(file, value);
    else
        refuse_unknown(file, key);
}

/* ---- the whole ---- */

/* A key of the grid gets its values from the grid only. */
static void refuse_overridden(sweep_file *file, const sweep_values *values, const char *what)
{
    for (int i = 0; i < values->count; i++)
        for (int g = 0; g < file->grid.count; g++)
            if (strcmp(values->items[i].path, file->grid.items[g].path) == 0)
                hpac_reader_refuse(&file->reader, values->items[i].path, values->items[i].node,
                                   "is in %s and in the grid (line %d), which would override it",
                                   what, file->grid.items[g].node->line);
}

static void check_whole(sweep_file *file)
{
    bool all_configured = file->entry_count > 0;
    refuse_overridden(file, &file->set, "set");
    for (int i = 0; i < file->entry_count; i++) {
        refuse_overridden(file, &file->entries[i].values, "runs");
        all_configured = all_configured && file->entries[i].config.node;
    }
    hpac_problems *problems = &file->reader.problems;
    const char *document = file->reader.source.name;
    if (problems->count > 0)
        return;
    if (file->entry_count == 0 && file->grid.count == 0)
        hpac_problems_add(problems, "%s: nothing to sweep: expected a grid, or runs", document);
    if (!file->config.node && !all_configured)
        hpac_problems_add(
            problems, "%s: config is missing: the path of a configuration to start from", document);
}

hpac_status sweep_file_read(sweep_file *file, const char *path, const char *text, size_t nbytes)
{
    *file = (sweep_file){.reader.source.name = path, .reader.expand = true};
    hpac_yaml_node *root;
    HPAC_TRY(hpac_yaml_parse(&file->reader.yaml, &file->reader.source, text, nbytes, &root));
    if (!root || root->kind != HPAC_YAML_MAP)
        return hpac_fail(HPAC_ERR_CONFIG, "%s: %s; expected config and grid or runs", path,
                         root ? "has no keys" : "is empty");
    for (size_t i = 0; i < root->count; i++)
        read_key(file, root, i);
    check_whole(file);
    if (file->entry_count == 0) { /* a grid alone is one entry that sets nothing */
        file->entries = calloc(1, sizeof *file->entries);
        if (!file->entries)
            return hpac_fail_memory(sizeof *file->entries);
        file->entry_count = 1;
    }
    return file->reader.status;
}

void sweep_file_fini(sweep_file *file)
{
    for (int i = 0; i < file->entry_count; i++) {
        free(file->entries[i].values.items);
        free(file->entries[i].config.path);
    }
    for (int i = 0; i < file->path_count; i++)
        free(file->paths[i]);
    free(file->entries);
    free(file->paths);
    free(file->config.path);
    free(file->set.items);
    free(file->grid.items);
    free(file->reader.problems.text);
    hpac_yaml_fini(&file->reader.yaml);
    *file = (sweep_file){0};
}
