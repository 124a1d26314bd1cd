/* A configuration as a list of keys and values, to compare several. */
#include "report_internal.h"

#include "config/config_yaml.h"

#include <stdlib.h>
#include <string.h>

/* A value on one line, malloc'ed; NULL when memory is out. */
static char *text_of(const hpac_yaml_node *node)
{
    char *text = NULL;
    size_t nbytes;
    FILE *stream = open_memstream(&text, &nbytes);
    if (!stream)
        return NULL;
    hpac_yaml_print(node, stream);
    if (fclose(stream) == 0)
        return text;
    free(text);
    return NULL;
}

/* Takes over the path. */
static hpac_status add_value(report_config *config, char *path, const hpac_yaml_node *node)
{
    report_value *values =
        report_grow(config->values, config->count + 1, &config->capacity, sizeof *values);
    if (!values) {
        free(path);
        return hpac_fail_memory((config->count + 1) * sizeof *values);
    }
    config->values = values;
    report_value *value = &values[config->count++];
    *value = (report_value){.path = path, .text = text_of(node)};
    if (!value->text)
        return hpac_fail_memory(1);
    if (node->kind != HPAC_YAML_LIST || node->count == 0 ||
        node->items[0].value->kind != HPAC_YAML_MAP)
        return HPAC_OK;
    value->items = calloc(node->count, sizeof *value->items);
    if (!value->items)
        return hpac_fail_memory(node->count * sizeof *value->items);
    for (; value->item_count < node->count; value->item_count++) {
        value->items[value->item_count] = text_of(node->items[value->item_count].value);
        if (!value->items[value->item_count])
            return hpac_fail_memory(1);
    }
    return HPAC_OK;
}

/* A section's keys, each with its own path behind that of the section. */
static hpac_status add_section(report_config *config, const char *section,
                               const hpac_yaml_node *map)
{
    hpac_status status = HPAC_OK;
    for (size_t i = 0; i < map->count && status == HPAC_OK; i++) {
        const hpac_yaml_item *item = &map->items[i];
        char *path = NULL;
        if (asprintf(&path, "%s%s%s", section, *section ? "." : "", item->key->text) < 0)
            return hpac_fail_memory(1);
        if (item->value->kind == HPAC_YAML_MAP) {
            status = add_section(config, path, item->value);
            free(path);
        } else {
            status = add_value(config, path, item->value);
        }
    }
    return status;
}

/* The rates of the dropout layers, as sweep.csv has them. */
static hpac_status find_dropout(report_config *config, const hpac_yaml_node *model)
{
    if (!model || model->kind != HPAC_YAML_LIST)
        return HPAC_OK;
    size_t count = 0;
    double *rates = calloc(model->count + 1, sizeof *rates);
    if (!rates)
        return hpac_fail_memory(model->count * sizeof *rates);
    for (size_t i = 0; i < model->count; i++) {
        const hpac_yaml_node *layer = model->items[i].value;
        const hpac_yaml_node *type = hpac_yaml_get(layer, "type");
        const hpac_yaml_node *rate = hpac_yaml_get(layer, "rate");
        if (type && hpac_yaml_is_word(type, "dropout") && rate && rate->kind == HPAC_YAML_SCALAR)
            rates[count++] = strtod(rate->text, NULL);
    }
    config->dropout = hpac_dropout_text(rates, count);
    free(rates);
    return config->dropout ? HPAC_OK : hpac_fail_memory(1);
}

static hpac_status read_root(const char *path, const hpac_yaml_node *root, report_config *config)
{
    if (!root || hpac_yaml_is_null(root))
        return HPAC_OK; /* nothing but comments */
    if (root->kind != HPAC_YAML_MAP)
        return hpac_fail(HPAC_ERR_DATA, "%s: expected a configuration's keys and values", path);
    HPAC_TRY(add_section(config, "", root));
    return find_dropout(config, hpac_yaml_get(root, "model"));
}

hpac_status report_config_read(const char *path, const char *text, report_config *config)
{
    const hpac_yaml_source source = {.name = path};
    hpac_yaml yaml = {0};
    hpac_yaml_node *root;
    *config = (report_config){0};
    hpac_status status = hpac_yaml_parse(&yaml, &source, text, strlen(text), &root);
    if (status == HPAC_ERR_CONFIG) /* hpac wrote the file: it is damaged, not mistyped */
        status = hpac_fail_within(HPAC_ERR_DATA, "configuration");
    else if (status == HPAC_OK)
        status = read_root(path, root, config);
    hpac_yaml_fini(&yaml);
    if (status != HPAC_OK)
        report_config_fini(config);
    return status;
}

void report_config_fini(report_config *config)
{
    for (size_t i = 0; i < config->count; i++) {
        report_value *value = &config->values[i];
        for (size_t item = 0; item < value->item_count; item++)
            free(value->items[item]);
        free(value->items);
        free(value->path);
        free(value->text);
    }
    free(config->values);
    free(config->dropout);
    *config = (report_config){0};
}

const report_value *report_config_find(const report_config *config, const char *path)
{
    for (size_t i = 0; i < config->count; i++)
        if (strcmp(config->values[i].path, path) == 0)
            return &config->values[i];
    return NULL;
}
