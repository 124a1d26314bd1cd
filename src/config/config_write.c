/* A configuration as YAML, and as a table for the terminal. */
#include "config_schema.h"

#include <stdlib.h>
#include <string.h>

/* "3" or "3.rate" behind "model."; nothing for a layer that is not there. */
static void write_of_layer(const hpac_config *config, const char *path, FILE *stream)
{
    char *rest;
    unsigned long number = strtoul(path, &rest, 10);
    if (rest == path || (*rest != '\0' && *rest != '.') || number < 1 ||
        number > config->layer_count)
        return;
    const hpac_layer *layer = &config->layers[number - 1];
    bool last = number == config->layer_count;
    if (*rest == '\0')
        hpac_layer_write(layer, last, stream);
    else
        hpac_layer_write_key(layer, rest + 1, last, stream);
}

char *hpac_config_value_text(const hpac_config *config, const char *path)
{
    int index = hpac_keys_find(&hpac_config_keys, path);
    const hpac_key *key = index >= 0 ? &hpac_config_keys.keys[index] : NULL;
    char *text = NULL;
    size_t nbytes;
    FILE *stream = open_memstream(&text, &nbytes);
    if (!stream)
        return NULL;
    if (key)
        key->type->write(key, config, stream);
    else if (strncmp(path, "model.", 6) == 0)
        write_of_layer(config, path + 6, stream);
    if (fclose(stream) == 0)
        return text;
    free(text);
    return NULL;
}

/* Opens the sections of `path` that `previous` is not in, and writes the key's own name. */
static void write_name(const char *path, const char *previous, FILE *stream)
{
    int depth = 0;
    bool same = true;
    for (const char *dot; (dot = strchr(path, '.')); path = dot + 1, depth++) {
        size_t length = (size_t)(dot - path) + 1;
        same = same && strncmp(path, previous, length) == 0;
        if (!same)
            fprintf(stream, "%*s%.*s:\n", 2 * depth, "", (int)length - 1, path);
        else
            previous += length;
    }
    fprintf(stream, "%*s%s:", 2 * depth, "", path);
}

hpac_status hpac_config_write(const hpac_config *config, FILE *stream)
{
    const char *previous = "";
    fprintf(stream, "# Written by hpac %s: every value, the defaults included.\n", HPAC_VERSION);
    for (int i = 0; i < hpac_config_keys.count; i++) {
        const char *path = hpac_config_keys.keys[i].path;
        bool is_model = hpac_config_keys.keys[i].type == &hpac_key_model;
        char *text = hpac_config_value_text(config, path);
        if (!text)
            return hpac_fail_memory(1);
        if (*text) {
            write_name(path, previous, stream);
            previous = path;
            fprintf(stream, "%s%s\n", is_model ? "" : " ", is_model ? "" : text);
        }
        free(text);
        for (size_t layer = 0; is_model && layer < config->layer_count; layer++) {
            fputs("  - ", stream);
            hpac_layer_write(&config->layers[layer], layer == config->layer_count - 1, stream);
            fputc('\n', stream);
        }
    }
    return ferror(stream) ? hpac_fail(HPAC_ERR_DATA, "the configuration could not be written")
                          : HPAC_OK;
}

hpac_status hpac_config_text(const hpac_config *config, char **text)
{
    size_t length;
    *text = NULL;
    FILE *stream = open_memstream(text, &length);
    if (!stream)
        return hpac_fail_memory(0);
    hpac_status status = hpac_config_write(config, stream);
    return fclose(stream) != 0 && status == HPAC_OK ? hpac_fail_memory(length) : status;
}

static void print_row(const hpac_config *config, const char *path, bool is_default, FILE *stream)
{
    char *text = hpac_config_value_text(config, path);
    if (text && *text)
        fprintf(stream, "%-34s%s%s\n", path, text, is_default ? "  (default)" : "");
    free(text);
}

void hpac_config_print(const hpac_config *config, FILE *stream)
{
    hpac_config defaults;
    hpac_config_default(&defaults); /* without memory nothing is marked */
    for (int i = 0; i < hpac_config_keys.count; i++) {
        const char *path = hpac_config_keys.keys[i].path;
        char *text = hpac_config_value_text(config, path);
        char *fallback = hpac_config_value_text(&defaults, path);
        bool is_default = text && fallback && strcmp(text, fallback) == 0;
        free(text);
        free(fallback);
        if (hpac_config_keys.keys[i].type != &hpac_key_model)
            print_row(config, path, is_default, stream);
        for (size_t layer = 1; layer <= config->layer_count && strcmp(path, "model") == 0;
             layer++) {
            char name[32];
            snprintf(name, sizeof name, "model.%zu", layer);
            print_row(config, name, is_default, stream);
        }
    }
    hpac_config_fini(&defaults);
}
