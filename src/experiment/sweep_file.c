/* A sweep's file: its four keys, and the values they give to keys of configurations. */
#include "sweep_internal.h"

#include "base/memory.h"

#include <string.h>

/* The file's copy of "prefix.name", the same one for the same text. */
static hpac_status find_path(sweep_file *file, const char *prefix, const char *name,
                             const char **found)
{
    HPAC_AUTO_FREE char *path = NULL;
    if (asprintf(&path, "%s%s%s", prefix, *prefix ? "." : "", name) < 0)
        return hpac_fail_memory(strlen(name));
    for (size_t i = 0; i < file->path_count; i++)
        if (strcmp(file->paths[i], path) == 0) {
            *found = file->paths[i];
            return HPAC_OK;
        }
    HPAC_TRY_GROW(file->paths, file->path_count, file->path_capacity);
    *found = file->paths[file->path_count++] = path;
    path = NULL;
    return HPAC_OK;
}

/* Reads one key and its value. Sections are merged, not replaced: their keys are read one by one.
 */
static hpac_status read_value(sweep_file *file, const char *prefix, const hpac_yaml_item *item,
                              sweep_values *values)
{
    const hpac_yaml_node *section = item->value;
    const char *path = NULL;
    HPAC_TRY(find_path(file, prefix, item->key->text, &path));
    if (section->kind == HPAC_YAML_MAP && hpac_keys_has_section(&hpac_config_keys, path)) {
        for (size_t i = 0; i < section->count; i++)
            HPAC_TRY(read_value(file, path, &section->items[i], values));
        return HPAC_OK;
    }
    for (size_t i = 0; i < values->count; i++)
        if (values->items[i].path == path) {
            hpac_reader_refuse(&file->reader, path, item->key, "duplicate key, first in line %d",
                               values->items[i].node->line);
            return HPAC_OK;
        }
    HPAC_TRY_GROW(values->items, values->count, values->capacity);
    values->items[values->count++] = (hpac_config_value){path, item->value};
    return HPAC_OK;
}

/* A map of keys and values; `what` is the sweep's key that it belongs to. */
static hpac_status read_values(sweep_file *file, const char *what, const hpac_yaml_node *map,
                               sweep_values *values)
{
    if (map->kind != HPAC_YAML_MAP)
        hpac_reader_expected(&file->reader, what, map,
                             "keys of configurations, such as train.epochs");
    for (size_t i = 0; map->kind == HPAC_YAML_MAP && i < map->count; i++)
        HPAC_TRY(read_value(file, "", &map->items[i], values));
    return HPAC_OK;
}

/* A relative path starts at the directory of the sweep's file. */
static hpac_status read_config_path(sweep_file *file, const char *what, const hpac_yaml_node *node,
                                    sweep_config *config)
{
    HPAC_AUTO_FREE char *path = NULL;
    const char *document = file->reader.source.name, *slash = strrchr(document, '/');
    if (node->kind != HPAC_YAML_SCALAR || hpac_yaml_is_null(node) || !*node->text) {
        hpac_reader_expected(&file->reader, what, node, "the path of a configuration");
        return HPAC_OK;
    }
    config->node = node;
    path = hpac_reader_path(&file->reader, what, node);
    if (path &&
        asprintf(&config->path, "%.*s%s", slash && *path != '/' ? (int)(slash - document) + 1 : 0,
                 document, path) < 0) {
        config->path = NULL;
        return hpac_fail_memory(strlen(path));
    }
    return HPAC_OK;
}

static hpac_status read_config(sweep_file *file, const hpac_yaml_node *node)
{
    return read_config_path(file, "config", node, &file->config);
}

static hpac_status read_set(sweep_file *file, const hpac_yaml_node *node)
{
    return read_values(file, "set", node, &file->set);
}

static hpac_status read_grid(sweep_file *file, const hpac_yaml_node *node)
{
    size_t good = 0;
    HPAC_TRY(read_values(file, "grid", node, &file->grid));
    for (size_t i = 0; i < file->grid.count; i++) {
        const hpac_config_value *axis = &file->grid.items[i];
        char path[128];
        snprintf(path, sizeof path, "grid: %.100s", axis->path);
        if (axis->node->kind == HPAC_YAML_LIST && axis->node->count > 0)
            file->grid.items[good++] = *axis;
        else
            hpac_reader_expected(&file->reader, path, axis->node, "a list of values to try");
    }
    file->grid.count = good;
    return HPAC_OK;
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

static hpac_status read_entry(sweep_file *file, const hpac_yaml_node *node, sweep_entry *entry)
{
    if (node->kind != HPAC_YAML_MAP)
        return read_values(file, "runs", node, &entry->values); /* refuses it */
    for (size_t i = 0; i < node->count; i++) {
        const hpac_yaml_item *item = &node->items[i];
        bool is_name = strcmp(item->key->text, "name") == 0;
        bool is_config = strcmp(item->key->text, "config") == 0;
        if (!is_name && !is_config)
            HPAC_TRY(read_value(file, "", item, &entry->values));
        else if (hpac_reader_refuse_duplicate(&file->reader, item->key->text, node, i))
            continue;
        else if (is_name)
            read_name(file, item->value, entry);
        else
            HPAC_TRY(read_config_path(file, "runs: config", item->value, &entry->config));
    }
    return HPAC_OK;
}

static hpac_status read_runs(sweep_file *file, const hpac_yaml_node *node)
{
    if (node->kind != HPAC_YAML_LIST || node->count == 0) {
        hpac_reader_expected(&file->reader, "runs", node,
                             "a list of runs, such as - {train.epochs: 5}");
        return HPAC_OK;
    }
    HPAC_TRY_NEW(file->entries, node->count);
    file->entry_count = node->count;
    for (size_t i = 0; i < node->count; i++)
        HPAC_TRY(read_entry(file, node->items[i].value, &file->entries[i]));
    return HPAC_OK;
}

static const struct {
    const char *name;
    hpac_status (*read)(sweep_file *file, const hpac_yaml_node *node);
} sweep_keys[] = {
    {"config", read_config}, {"set", read_set}, {"grid", read_grid}, {"runs", read_runs}};

#define SWEEP_KEY_COUNT (sizeof sweep_keys / sizeof *sweep_keys)

static hpac_status read_key(sweep_file *file, const hpac_yaml_node *root, size_t index)
{
    const hpac_yaml_node *key = root->items[index].key;
    char shown[HPAC_SHOWN_NBYTES];
    hpac_nearest nearest = hpac_nearest_to(key->text);
    if (hpac_reader_refuse_duplicate(&file->reader, key->text, root, index))
        return HPAC_OK;
    for (size_t i = 0; i < SWEEP_KEY_COUNT; i++) {
        if (strcmp(key->text, sweep_keys[i].name) == 0)
            return sweep_keys[i].read(file, root->items[index].value);
        hpac_nearest_offer(&nearest, sweep_keys[i].name);
    }
    hpac_yaml_show(key, shown);
    if (*nearest.best)
        hpac_reader_refuse(&file->reader, shown, key, "unknown key; did you mean %s?",
                           nearest.best);
    else
        hpac_reader_refuse(&file->reader, shown, key,
                           "unknown key; expected config, set, grid or runs, with keys of "
                           "configurations below set");
    return HPAC_OK;
}

/* A key of the grid gets its values from the grid only. */
static void refuse_overridden(sweep_file *file, const sweep_values *values, const char *what)
{
    for (size_t i = 0; i < values->count; i++)
        for (size_t g = 0; g < file->grid.count; g++)
            if (values->items[i].path == file->grid.items[g].path)
                hpac_reader_refuse(&file->reader, values->items[i].path, values->items[i].node,
                                   "is in %s and in the grid (line %d), which would override it",
                                   what, file->grid.items[g].node->line);
}

static void check_together(sweep_file *file)
{
    hpac_problems *problems = &file->reader.problems;
    const char *document = file->reader.source.name;
    bool all_configured = file->entry_count > 0;
    refuse_overridden(file, &file->set, "set");
    for (size_t i = 0; i < file->entry_count; i++) {
        refuse_overridden(file, &file->entries[i].values, "runs");
        all_configured = all_configured && file->entries[i].config.node;
    }
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
    hpac_yaml_node *root;
    *file = (sweep_file){.reader.source.name = path, .reader.expand = true};
    HPAC_TRY(hpac_yaml_parse(&file->reader.yaml, &file->reader.source, text, nbytes, &root));
    if (!root || root->kind != HPAC_YAML_MAP)
        return hpac_fail(HPAC_ERR_CONFIG, "%s: %s; expected config and grid or runs", path,
                         root ? "has no keys" : "is empty");
    for (size_t i = 0; i < root->count; i++)
        HPAC_TRY(read_key(file, root, i));
    check_together(file);
    if (hpac_yaml_get(root, "data") && !hpac_yaml_get(root, "grid") && !hpac_yaml_get(root, "runs"))
        file->reader.problems.cause =
            "this is a configuration, not a sweep: train it with hpac train";
    if (file->entry_count == 0) { /* a grid alone is one entry that sets nothing */
        HPAC_TRY_NEW(file->entries, 1);
        file->entry_count = 1;
    }
    return file->reader.status;
}

void sweep_file_fini(sweep_file *file)
{
    for (size_t i = 0; i < file->entry_count; i++) {
        free(file->entries[i].values.items);
        free(file->entries[i].config.path);
    }
    for (size_t i = 0; i < file->path_count; i++)
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
