/* Names of runs, which name directories: given ones checked, others made from what differs. */
#include "sweep_internal.h"

#include <stdlib.h>
#include <string.h>

/* Longer values are represented by their number among the values of the key. */
#define MAX_VALUE_NBYTES 40

/* ---- given names ---- */

static bool is_name_byte(char byte)
{
    return (unsigned char)byte >= 0x80 || (byte >= '0' && byte <= '9') ||
           (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
           (byte && strchr("._-+=,@%() ", byte));
}

/* What the sweep and its report keep in the directory. */
static bool is_taken(const char *name)
{
    static const char *const taken[] = {"sweep.csv", "sweep.yaml", "plots", "report.html"};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strcmp(name, taken[i]) == 0)
            return true;
    return false;
}

const char *sweep_name_fault(const char *name)
{
    size_t length = strlen(name);
    if (length == 0 || length > 100)
        return "expected 1 to 100 bytes";
    for (size_t i = 0; i < length; i++)
        if (!is_name_byte(name[i]))
            return "expected letters, digits, spaces and . _ - + = , @ % ( )";
    if (strchr(".- ", name[0]) || strchr(". ", name[length - 1]))
        return "a name cannot begin with a dot, dash or space, or end with a dot or space";
    return is_taken(name) ? "the sweep writes a file of this name" : NULL;
}

/* ---- made names ---- */

typedef struct name_writer {
    const sweep_file *file;
    char *text; /* (SWEEP_NAME_NBYTES) */
    size_t length;
    bool too_long;
} name_writer;

static void put_byte(name_writer *writer, char byte)
{
    writer->too_long |= writer->length == SWEEP_NAME_NBYTES - 1;
    if (writer->too_long)
        return;
    writer->text[writer->length++] = byte;
    writer->text[writer->length] = '\0';
}

/* Bytes that no name may have become underscores, as do those that separate its parts. */
static void put(name_writer *writer, const char *text)
{
    for (; *text; text++)
        put_byte(writer, is_name_byte(*text) && !strchr(" ,=", *text) ? *text : '_');
}

static const char *last_part(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot ? dot + 1 : path;
}

/* "epochs" of "train.epochs", unless another key of the sweep ends so too. */
static const char *short_key(const sweep_file *file, const char *path)
{
    for (int i = 0; i < file->path_count; i++)
        if (strcmp(file->paths[i], path) != 0 &&
            strcmp(last_part(file->paths[i]), last_part(path)) == 0)
            return path;
    return last_part(path);
}

/* A scalar, or a list of scalars joined by +. False: neither, or too long for a name. */
static bool value_text(const hpac_yaml_node *node, char text[MAX_VALUE_NBYTES + 1])
{
    if (node->kind == HPAC_YAML_SCALAR)
        return *node->text &&
               snprintf(text, MAX_VALUE_NBYTES + 1, "%s", node->text) <= MAX_VALUE_NBYTES;
    size_t length = 0;
    for (size_t i = 0; node->kind == HPAC_YAML_LIST && i < node->count; i++) {
        const hpac_yaml_node *item = node->items[i].value;
        if (item->kind != HPAC_YAML_SCALAR || length > MAX_VALUE_NBYTES)
            return false;
        length += (size_t)snprintf(text + length, MAX_VALUE_NBYTES + 1 - length, "%s%s",
                                   i > 0 ? "+" : "", item->text);
    }
    return length > 0 && length <= MAX_VALUE_NBYTES;
}

/* "epochs=5". `number` is the value's among those of its key, from 1. */
static void put_part(name_writer *writer, const char *path, const hpac_yaml_node *node,
                     size_t number)
{
    char text[MAX_VALUE_NBYTES + 1];
    if (!value_text(node, text))
        snprintf(text, sizeof text, "v%zu", number);
    if (writer->length > 0)
        put_byte(writer, ',');
    put(writer, short_key(writer->file, path));
    put_byte(writer, '=');
    put(writer, text);
}

static hpac_status put_config(name_writer *writer, const sweep_config *config)
{
    if (!config->node)
        return HPAC_OK;
    char *name = hpac_config_name_of(config->node->text);
    if (!name)
        return hpac_fail_memory(strlen(config->node->text));
    put(writer, name);
    free(name);
    return HPAC_OK;
}

hpac_status sweep_name_make(const sweep_file *file, const sweep_point *point,
                            char name[SWEEP_NAME_NBYTES])
{
    const sweep_entry *entry = point->entry;
    name_writer writer = {.file = file, .text = name};
    *name = '\0';
    if (entry->name) {
        writer.length = (size_t)snprintf(name, SWEEP_NAME_NBYTES, "%s", entry->name);
    } else {
        HPAC_TRY(put_config(&writer, &entry->config));
        for (int i = 0; i < entry->values.count; i++)
            put_part(&writer, entry->values.items[i].path, entry->values.items[i].node,
                     (size_t)(entry - file->entries) + 1);
    }
    for (int g = 0; g < file->grid.count; g++) {
        const hpac_config_value *axis = &file->grid.items[g];
        size_t choice = point->choices[g];
        if (axis->node->count > 1)
            put_part(&writer, axis->path, axis->node->items[choice].value, choice + 1);
    }
    if (writer.length == 0)
        HPAC_TRY(put_config(&writer, &file->config));
    /* Of a configuration's name. */
    if (*name == '.' || *name == '-' || is_taken(name))
        *name = '_';
    return writer.too_long ? hpac_fail(HPAC_ERR_CONFIG,
                                       "%s: the name made of the keys that differ is too long for "
                                       "a directory; sweep fewer keys at once",
                                       file->reader.source.name)
                           : HPAC_OK;
}
