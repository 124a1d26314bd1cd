/* A sweep's file: its four keys, and the values they give to keys of configurations. */
#include "sweep_internal.h"

#include <stdlib.h>
#include <string.h>

static const char *const sweep_keys[] = {"config", "set", "grid", "runs"};

/* ---- values ---- */

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

static void out_of_memory(sweep_file *file)
{
    file->reader.status = hpac_fail_memory(sizeof(hpac_config_value));
}

static void add_value(sweep_file *file, sweep_values *values, const char *path,
                      const hpac_yaml_item *item)
{
    for (int i = 0; i < values->count; i++)
        if (strcmp(values->items[i].path, path) == 0) {
            hpac_reader_refuse(&file->reader, path, item->key, "stands twice, first in line %d",
                               values->items[i].node->line);
            return;
        }
    size_t nbytes = ((size_t)values->count + 1) * sizeof *values->items;
    hpac_config_value *items = realloc(values->items, nbytes);
    if (!items) {
        out_of_memory(file);
        return;
    }
    values->items = items;
    values->items[values->count++] = (hpac_config_value){path, item->value};
}

/* Reads one key and its value; a section is gone through, so that it is merged, not replaced. */
static void read_value(sweep_file *file, const char *prefix, const hpac_yaml_item *item,
                       sweep_values *values)
{
    const char *path = keep_path(file, prefix, item->key->text);
    if (!path) {
        out_of_memory(file);
        return;
    }
    if (item->value->kind == HPAC_YAML_MAP && hpac_keys_has_section(&hpac_config_keys, path))
        for (int i = 0; i < item->value->count; i++)
            read_value(file, path, &item->value->items[i], values);
    else
        add_value(file, values, path, item);
}

/* A map of keys and values; `what` is the sweep's key it stands under. */
static void read_values(sweep_file *file, const char *what, const hpac_yaml_node *map,
                        sweep_values *values)
{
    if (map->kind != HPAC_YAML_MAP) {
        char shown[HPAC_SHOWN_NBYTES];
        hpac_yaml_show(map, shown);
        hpac_reader_refuse(&file->reader, what, map,
                           "expected keys of configurations, such as train.epochs, not %s", shown);
        return;
    }
    for (int i = 0; i < map->count; i++)
        read_value(file, "", &map->items[i], values);
}

/* ---- the four keys ---- */

static const hpac_yaml_node *read_config(sweep_file *file, const char *what,
                                         const hpac_yaml_node *node)
{
    if (node->kind == HPAC_YAML_SCALAR && *node->text && !hpac_yaml_is_null(node))
        return node;
    char shown[HPAC_SHOWN_NBYTES];
    hpac_yaml_show(node, shown);
    hpac_reader_refuse(&file->reader, what, node, "expected the path of a configuration, not %s",
                       shown);
    return NULL;
}

static void read_grid(sweep_file *file, const hpac_yaml_node *node)
{
    read_values(file, "grid", node, &file->grid);
    int good = 0;
    for (int i = 0; i < file->grid.count; i++) {
        const hpac_config_value *axis = &file->grid.items[i];
        char path[128], shown[HPAC_SHOWN_NBYTES];
        snprintf(path, sizeof path, "grid: %.100s", axis->path);
        hpac_yaml_show(axis->node, shown);
        if (axis->node->kind == HPAC_YAML_LIST && axis->node->count > 0)
            file->grid.items[good++] = *axis;
        else
            hpac_reader_refuse(&file->reader, path, axis->node,
                               "expected a list of values to try, not %s",
                               axis->node->kind == HPAC_YAML_LIST ? "an empty one" : shown);
    }
    file->grid.count = good;
}

static void read_name(sweep_file *file, const hpac_yaml_node *node, sweep_entry *entry)
{
    const char *fault =
        node->kind == HPAC_YAML_SCALAR ? sweep_name_fault(node->text) : "a name is text";
    if (!fault) {
        entry->name = node->text;
        return;
    }
    char shown[HPAC_SHOWN_NBYTES];
    hpac_yaml_show(node, shown);
    hpac_reader_refuse(&file->reader, "runs: name", node, "%s cannot name a folder: %s", shown,
                       fault);
}

static void read_entry(sweep_file *file, const hpac_yaml_node *node, sweep_entry *entry)
{
    entry->node = node;
    if (node->kind != HPAC_YAML_MAP) {
        read_values(file, "runs", node, &entry->values); /* refuses it */
        return;
    }
    bool named = false, configured = false;
    for (int i = 0; i < node->count; i++) {
        const hpac_yaml_item *item = &node->items[i];
        bool is_name = strcmp(item->key->text, "name") == 0;
        bool is_config = strcmp(item->key->text, "config") == 0;
        if ((is_name && named) || (is_config && configured))
            hpac_reader_refuse(&file->reader, item->key->text, item->key, "stands twice in a run");
        else if (is_name)
            read_name(file, item->value, entry);
        else if (is_config)
            entry->config = read_config(file, "runs: config", item->value);
        else
            read_value(file, "", item, &entry->values);
        named |= is_name;
        configured |= is_config;
    }
}

static void read_runs(sweep_file *file, const hpac_yaml_node *node)
{
    if (node->kind != HPAC_YAML_LIST || node->count == 0) {
        char shown[HPAC_SHOWN_NBYTES];
        hpac_yaml_show(node, shown);
        hpac_reader_refuse(&file->reader, "runs", node,
                           "expected a list of runs, such as - {train.epochs: 5}, not %s",
                           node->kind == HPAC_YAML_LIST ? "an empty one" : shown);
        return;
    }
    file->entries = calloc((size_t)node->count, sizeof *file->entries);
    if (!file->entries) {
        out_of_memory(file);
        return;
    }
    file->entry_count = node->count;
    for (int i = 0; i < node->count; i++)
        read_entry(file, node->items[i].value, &file->entries[i]);
}

static void refuse_unknown(sweep_file *file, const hpac_yaml_node *key)
{
    char shown[HPAC_SHOWN_NBYTES];
    hpac_yaml_show(key, shown);
    hpac_nearest nearest = hpac_nearest_to(key->text);
    for (size_t i = 0; i < sizeof sweep_keys / sizeof *sweep_keys; i++)
        hpac_nearest_offer(&nearest, sweep_keys[i]);
    if (*nearest.best)
        hpac_reader_refuse(&file->reader, shown, key, "no key of a sweep; did you mean %s?",
                           nearest.best);
    else
        hpac_reader_refuse(&file->reader, shown, key,
                           "no key of a sweep; expected config, set, grid or runs, and keys of "
                           "configurations below set");
}

static void read_key(sweep_file *file, const hpac_yaml_node *root, int index)
{
    const hpac_yaml_node *key = root->items[index].key, *value = root->items[index].value;
    for (int i = 0; i < index; i++)
        if (strcmp(root->items[i].key->text, key->text) == 0) {
            hpac_reader_refuse(&file->reader, key->text, key, "stands twice, first in line %d",
                               root->items[i].key->line);
            return;
        }
    if (strcmp(key->text, "config") == 0)
        file->config = read_config(file, "config", value);
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

/* A key of the grid has its values from there: no other place may give it one. */
static void refuse_overruled(sweep_file *file, const sweep_values *values, const char *what)
{
    for (int i = 0; i < values->count; i++)
        for (int g = 0; g < file->grid.count; g++)
            if (strcmp(values->items[i].path, file->grid.items[g].path) == 0)
                hpac_reader_refuse(&file->reader, values->items[i].path, values->items[i].node,
                                   "stands in %s and, line %d, in the grid, which has the last "
                                   "word",
                                   what, file->grid.items[g].node->line);
}

static void check_whole(sweep_file *file)
{
    refuse_overruled(file, &file->set, "set");
    bool all_configured = file->entry_count > 0;
    for (int i = 0; i < file->entry_count; i++) {
        refuse_overruled(file, &file->entries[i].values, "runs");
        all_configured = all_configured && file->entries[i].config;
    }
    hpac_problems *problems = &file->reader.problems;
    if (problems->count > 0)
        return;
    if (file->entry_count == 0 && file->grid.count == 0)
        hpac_problems_add(problems, "%s: nothing to sweep: expected a grid, or runs",
                          file->reader.document);
    if (!file->config && !all_configured)
        hpac_problems_add(problems,
                          "%s: config is missing: the path of a configuration to start from",
                          file->reader.document);
}

/* A grid alone is one entry that sets nothing. */
static void complete_entries(sweep_file *file)
{
    if (file->entry_count > 0 || file->reader.status != HPAC_OK)
        return;
    file->entries = calloc(1, sizeof *file->entries);
    if (!file->entries)
        out_of_memory(file);
    else
        file->entry_count = 1;
}

hpac_status sweep_file_read(sweep_file *file, const char *path, const char *text, size_t nbytes)
{
    const char *slash = strrchr(path, '/');
    *file = (sweep_file){.reader.document = path, .source.name = path};
    file->folder = strndup(path, slash ? (size_t)(slash - path) + 1 : 0);
    if (!file->folder)
        return hpac_fail_memory(strlen(path));
    hpac_yaml_node *root;
    hpac_status status = hpac_yaml_parse(&file->reader.yaml, &file->source, text, nbytes, &root);
    if (status == HPAC_OK && (!root || root->kind != HPAC_YAML_MAP))
        status = hpac_fail(HPAC_ERR_CONFIG, "%s: %s; expected config and grid or runs", path,
                           root ? "holds no keys" : "is empty");
    if (status != HPAC_OK)
        return status;
    for (int i = 0; i < root->count; i++)
        read_key(file, root, i);
    check_whole(file);
    complete_entries(file);
    return file->reader.status;
}

void sweep_file_fini(sweep_file *file)
{
    for (int i = 0; i < file->entry_count; i++)
        free(file->entries[i].values.items);
    for (int i = 0; i < file->path_count; i++)
        free(file->paths[i]);
    free(file->entries);
    free(file->paths);
    free(file->set.items);
    free(file->grid.items);
    free(file->folder);
    free(file->reader.problems.text);
    hpac_yaml_fini(&file->reader.yaml);
    *file = (sweep_file){0};
}
