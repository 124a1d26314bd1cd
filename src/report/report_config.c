/* A configuration as a list of keys and values, for those who compare several. */
#include "report_internal.h"

#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

/* ---- values as text ---- */

/* A value on one line, without the quotes it may need in YAML. */
static void write_node(struct fy_node *node, FILE *stream)
{
    void *iterator = NULL;
    const char *gap = "";
    if (fy_node_is_sequence(node)) {
        fputc('[', stream);
        for (struct fy_node *item; (item = fy_node_sequence_iterate(node, &iterator)); gap = ", ") {
            fputs(gap, stream);
            write_node(item, stream);
        }
        fputc(']', stream);
    } else if (fy_node_is_mapping(node)) {
        fputc('{', stream);
        for (struct fy_node_pair *pair; (pair = fy_node_mapping_iterate(node, &iterator));
             gap = ", ") {
            fputs(gap, stream);
            write_node(fy_node_pair_key(pair), stream);
            fputs(": ", stream);
            write_node(fy_node_pair_value(pair), stream);
        }
        fputc('}', stream);
    } else {
        size_t nbytes = 0;
        const char *text = fy_node_get_scalar(node, &nbytes);
        if (text)
            fwrite(text, 1, nbytes, stream);
    }
}

/* Malloc'ed; NULL when memory is out. */
static char *node_text(struct fy_node *node)
{
    char *text = NULL;
    size_t nbytes;
    FILE *stream = open_memstream(&text, &nbytes);
    if (!stream)
        return NULL;
    write_node(node, stream);
    if (fclose(stream) == 0)
        return text;
    free(text);
    return NULL;
}

/* ---- the list ---- */

static hpac_status add_value(report_config *config, char *path, struct fy_node *node)
{
    report_value *values =
        report_grow(config->values, config->count + 1, &config->capacity, sizeof *values);
    if (!values) {
        free(path);
        return hpac_fail_memory((config->count + 1) * sizeof *values);
    }
    config->values = values;
    report_value *value = &values[config->count++];
    *value = (report_value){.path = path, .text = node_text(node)};
    if (!value->text)
        return hpac_fail_memory(1);
    int count = fy_node_is_sequence(node) ? fy_node_sequence_item_count(node) : 0;
    if (count < 1 || !fy_node_is_mapping(fy_node_sequence_get_by_index(node, 0)))
        return HPAC_OK;
    value->items = calloc((size_t)count, sizeof *value->items);
    if (!value->items)
        return hpac_fail_memory((size_t)count * sizeof *value->items);
    void *iterator = NULL;
    for (struct fy_node *item; (item = fy_node_sequence_iterate(node, &iterator));) {
        value->items[value->item_count] = node_text(item);
        if (!value->items[value->item_count++])
            return hpac_fail_memory(1);
    }
    return HPAC_OK;
}

/* A section's keys, each with its own path behind that of the section. */
static hpac_status add_section(report_config *config, const char *section, struct fy_node *node)
{
    hpac_status status = HPAC_OK;
    void *iterator = NULL;
    for (struct fy_node_pair *pair;
         status == HPAC_OK && (pair = fy_node_mapping_iterate(node, &iterator));) {
        char *key = node_text(fy_node_pair_key(pair)), *path = NULL;
        if (!key || asprintf(&path, "%s%s%s", section, *section ? "." : "", key) < 0)
            path = NULL;
        free(key);
        struct fy_node *value = fy_node_pair_value(pair);
        if (!path) {
            status = hpac_fail_memory(1);
        } else if (fy_node_is_mapping(value)) {
            status = add_section(config, path, value);
            free(path);
        } else {
            status = add_value(config, path, value);
        }
    }
    return status;
}

/* ---- dropout, as sweep.csv has it ---- */

static hpac_status find_dropout(report_config *config, struct fy_node *root)
{
    struct fy_node *layers = fy_node_by_path(root, "/model", FY_NT, FYNWF_DONT_FOLLOW);
    if (!layers || !fy_node_is_sequence(layers))
        return HPAC_OK;
    size_t count = 0;
    double *rates = calloc((size_t)fy_node_sequence_item_count(layers) + 1, sizeof *rates);
    if (!rates)
        return hpac_fail_memory(sizeof *rates);
    void *iterator = NULL;
    for (struct fy_node *layer; (layer = fy_node_sequence_iterate(layers, &iterator));) {
        struct fy_node *type = fy_node_mapping_lookup_by_string(layer, "type", FY_NT);
        struct fy_node *rate = fy_node_mapping_lookup_by_string(layer, "rate", FY_NT);
        char *kind = type ? node_text(type) : NULL, *text = rate ? node_text(rate) : NULL;
        if (kind && text && strcmp(kind, "dropout") == 0)
            rates[count++] = strtod(text, NULL);
        free(kind);
        free(text);
    }
    config->dropout = hpac_dropout_text(rates, count);
    free(rates);
    return config->dropout ? HPAC_OK : hpac_fail_memory(1);
}

/* ---- the doors ---- */

static hpac_status read_document(const char *path, struct fy_diag *diag,
                                 struct fy_document *document, report_config *config)
{
    struct fy_node *root = document ? fy_document_root(document) : NULL;
    void *iterator = NULL;
    const struct fy_diag_error *error = fy_diag_errors_iterate(diag, &iterator);
    if (error)
        return hpac_fail(HPAC_ERR_DATA, "%s:%d: %s", path, error->line, error->msg);
    if (!root || (fy_node_is_scalar(root) && fy_node_is_null(root)))
        return HPAC_OK; /* nothing but comments */
    if (!fy_node_is_mapping(root))
        return hpac_fail(HPAC_ERR_DATA, "%s: expected a configuration's keys and values", path);
    hpac_status status = add_section(config, "", root);
    return status == HPAC_OK ? find_dropout(config, root) : status;
}

hpac_status report_config_read(const char *path, const char *text, report_config *config)
{
    *config = (report_config){0};
    struct fy_diag_cfg diag_options;
    fy_diag_cfg_default(&diag_options);
    diag_options.fp = NULL;
    struct fy_diag *diag = fy_diag_create(&diag_options);
    if (!diag)
        return hpac_fail_memory(1);
    fy_diag_set_collect_errors(diag, true);
    const struct fy_parse_cfg options = {
        .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE,
        .diag = diag,
    };
    struct fy_document *document = fy_document_build_from_string(&options, text, strlen(text));
    hpac_status status = read_document(path, diag, document, config);
    fy_document_destroy(document);
    fy_diag_destroy(diag);
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
