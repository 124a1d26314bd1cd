/* A configuration as YAML, and as a table for the terminal. */
#include "config_schema.h"

#include <stdlib.h>
#include <string.h>

/* A value as YAML on one line, malloc'ed; NULL when memory is out. */
static char *value_text(const hpac_key *key, const hpac_config *config)
{
    char *text = NULL;
    size_t nbytes;
    FILE *stream = open_memstream(&text, &nbytes);
    if (!stream)
        return NULL;
    key->type->write(key, config, stream);
    if (fclose(stream) == 0)
        return text;
    free(text);
    return NULL;
}

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
    if (index >= 0)
        return value_text(&hpac_config_keys.keys[index], config);
    char *text = NULL;
    size_t nbytes;
    FILE *stream = open_memstream(&text, &nbytes);
    if (!stream)
        return NULL;
    if (strncmp(path, "model.", 6) == 0)
        write_of_layer(config, path + 6, stream);
    if (fclose(stream) == 0)
        return text;
    free(text);
    return NULL;
}

/* Length of what two paths share up to a dot, the dot included: "data.split." */
static size_t shared_section(const char *a, const char *b)
{
    size_t shared = 0;
    for (size_t i = 0; a[i] && a[i] == b[i]; i++)
        if (a[i] == '.')
            shared = i + 1;
    return shared;
}

static void indent(const char *path, size_t from, FILE *stream)
{
    for (size_t i = 0; i < from; i++)
        if (path[i] == '.')
            fputs("  ", stream);
}

/* Opens the sections of `path` that `previous` is not in, and writes the key's own name. */
static void write_name(const char *path, const char *previous, FILE *stream)
{
    size_t start = shared_section(path, previous);
    for (const char *dot; (dot = strchr(path + start, '.')); start = (size_t)(dot - path) + 1) {
        indent(path, start, stream);
        fprintf(stream, "%.*s:\n", (int)(dot - path - (ptrdiff_t)start), path + start);
    }
    indent(path, start, stream);
    fprintf(stream, "%s:", path + start);
}

static void write_layers(const hpac_config *config, FILE *stream)
{
    for (size_t i = 0; i < config->layer_count; i++) {
        fputs("\n  - ", stream);
        hpac_layer_write(&config->layers[i], i == config->layer_count - 1, stream);
    }
    fputc('\n', stream);
}

hpac_status hpac_config_write(const hpac_config *config, FILE *stream)
{
    const char *previous = "";
    fprintf(stream, "# Written by hpac %s: every value, the defaults included.\n", HPAC_VERSION);
    for (int i = 0; i < hpac_config_keys.count; i++) {
        const hpac_key *key = &hpac_config_keys.keys[i];
        char *text = value_text(key, config);
        if (!text)
            return hpac_fail_memory(1);
        if (*text) {
            write_name(key->path, previous, stream);
            previous = key->path;
            if (key->type == &hpac_key_model)
                write_layers(config, stream);
            else
                fprintf(stream, " %s\n", text);
        }
        free(text);
    }
    if (ferror(stream))
        return hpac_fail(HPAC_ERR_DATA, "the configuration could not be written");
    return HPAC_OK;
}

hpac_status hpac_config_text(const hpac_config *config, char **text)
{
    size_t length;
    FILE *stream = open_memstream(text, &length);
    if (!stream)
        return hpac_fail_memory(0);
    hpac_status status = hpac_config_write(config, stream);
    if (fclose(stream) != 0 && status == HPAC_OK)
        status = hpac_fail(HPAC_ERR_INTERNAL, "out of memory for the configuration's text");
    return status;
}

#define NAME_WIDTH 34

static void print_layers(const hpac_config *config, bool is_default, FILE *stream)
{
    for (size_t i = 0; i < config->layer_count; i++) {
        char name[32];
        snprintf(name, sizeof name, "model.%zu", i + 1);
        fprintf(stream, "%-*s", NAME_WIDTH, name);
        hpac_layer_write(&config->layers[i], i == config->layer_count - 1, stream);
        fputs(is_default ? "  (default)\n" : "\n", stream);
    }
}

void hpac_config_print(const hpac_config *config, FILE *stream)
{
    hpac_config defaults;
    bool known = hpac_config_default(&defaults) == HPAC_OK;
    for (int i = 0; i < hpac_config_keys.count; i++) {
        const hpac_key *key = &hpac_config_keys.keys[i];
        char *text = value_text(key, config);
        char *fallback = known ? value_text(key, &defaults) : NULL;
        bool is_default = text && fallback && strcmp(text, fallback) == 0;
        if (key->type == &hpac_key_model)
            print_layers(config, is_default, stream);
        else if (text && *text)
            fprintf(stream, "%-*s%s%s\n", NAME_WIDTH, key->path, text,
                    is_default ? "  (default)" : "");
        free(text);
        free(fallback);
    }
    hpac_config_fini(&defaults);
}
