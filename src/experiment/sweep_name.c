/* Names of runs, which are names of folders: given ones checked, others made from what differs. */
#include "sweep_internal.h"

#include <stdlib.h>
#include <string.h>

/* Longer values are told by their place among the values of the key. */
#define MAX_VALUE_NBYTES 40

/* ---- given names ---- */

static bool is_name_byte(unsigned char byte)
{
    return byte >= 0x80 || (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= 'a' && byte <= 'z') || (byte && strchr("._-+=,@%() ", byte));
}

/* What the sweep and its report keep in the folder. */
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
        if (!is_name_byte((unsigned char)name[i]))
            return "expected letters, digits, spaces and . _ - + = , @ % ( )";
    if (strchr(".- ", name[0]) || strchr(". ", name[length - 1]))
        return "a name does not begin with a point, dash or space, nor end with a point or space";
    return is_taken(name) ? "a file or folder of the sweep itself is called so" : NULL;
}

/* ---- made names ---- */

typedef struct name_writer {
    char *text; /* (SWEEP_NAME_NBYTES) */
    size_t length;
    bool too_long;
} name_writer;

/* Bytes that no name may have become underlines. */
static void put(name_writer *writer, const char *text)
{
    for (; *text; text++) {
        if (writer->length == SWEEP_NAME_NBYTES - 1) {
            writer->too_long = true;
            return;
        }
        bool good = is_name_byte((unsigned char)*text) && !strchr(" ,=", *text);
        writer->text[writer->length++] = *text;
        if (!good)
            writer->text[writer->length - 1] = '_';
        writer->text[writer->length] = '\0';
    }
}

/* The comma before a part and the equals sign in it. */
static void put_mark(name_writer *writer, char mark)
{
    if (mark == ',' && writer->length == 0)
        return;
    put(writer, "_");
    if (!writer->too_long)
        writer->text[writer->length - 1] = mark;
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
    bool list = node->kind == HPAC_YAML_LIST;
    size_t length = 0;
    if (node->kind == HPAC_YAML_MAP)
        return false;
    for (int i = 0; i < (list ? node->count : 1); i++) {
        const hpac_yaml_node *item = list ? node->items[i].value : node;
        if (item->kind != HPAC_YAML_SCALAR)
            return false;
        int added = snprintf(text + length, MAX_VALUE_NBYTES + 1 - length, "%s%s", i > 0 ? "+" : "",
                             item->text);
        if (added < 0 || (size_t)added > MAX_VALUE_NBYTES - length)
            return false;
        length += (size_t)added;
    }
    return length > 0;
}

/* "epochs=5". `place` is the value's among its like, from 1. */
static void put_part(const sweep_file *file, name_writer *writer, const char *path,
                     const hpac_yaml_node *node, int place)
{
    char text[MAX_VALUE_NBYTES + 1];
    if (!value_text(node, text))
        snprintf(text, sizeof text, "v%d", place);
    put_mark(writer, ',');
    put(writer, short_key(file, path));
    put_mark(writer, '=');
    put(writer, text);
}

static hpac_status put_config(name_writer *writer, const hpac_yaml_node *config)
{
    char *name = hpac_config_name_of(config->text);
    if (!name)
        return hpac_fail_memory(strlen(config->text));
    put(writer, name);
    free(name);
    return HPAC_OK;
}

/* What tells this entry from the others. */
static hpac_status put_entry(const sweep_file *file, name_writer *writer, const sweep_entry *entry)
{
    hpac_status status = entry->config ? put_config(writer, entry->config) : HPAC_OK;
    for (int i = 0; i < entry->values.count; i++)
        put_part(file, writer, entry->values.items[i].path, entry->values.items[i].node,
                 (int)(entry - file->entries) + 1);
    return status;
}

static void put_combination(const sweep_file *file, name_writer *writer, const int *places)
{
    for (int g = 0; g < file->grid.count; g++) {
        const hpac_config_value *axis = &file->grid.items[g];
        if (axis->node->count > 1)
            put_part(file, writer, axis->path, axis->node->items[places[g]].value, places[g] + 1);
    }
}

hpac_status sweep_name_make(const sweep_file *file, const sweep_point *point,
                            char name[SWEEP_NAME_NBYTES])
{
    name_writer writer = {.text = name};
    hpac_status status = HPAC_OK;
    *name = '\0';
    if (point->entry->name)
        writer.length = (size_t)snprintf(name, SWEEP_NAME_NBYTES, "%s", point->entry->name);
    else
        status = put_entry(file, &writer, point->entry);
    put_combination(file, &writer, point->places);
    if (status == HPAC_OK && writer.length == 0 && file->config)
        status = put_config(&writer, file->config);
    /* Of a configuration's name. */
    if (*name == '.' || *name == '-' || is_taken(name))
        *name = '_';
    if (status == HPAC_OK && writer.too_long)
        status = hpac_fail(HPAC_ERR_CONFIG,
                           "%s: the name made from all that differs is too long "
                           "for a folder: sweep fewer keys at once",
                           file->reader.document);
    return status;
}
