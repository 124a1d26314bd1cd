/* Names of runs, which name directories: given ones checked, others made from what differs. */
#include "sweep_internal.h"

#include "base/memory.h"

#include <ctype.h>
#include <string.h>

/* Longer values are represented by their number among the values of the key. */
#define MAX_VALUE_NBYTES 40

static bool is_name_byte(char byte)
{
    unsigned char code = (unsigned char)byte;
    return code >= 0x80 || isalnum(code) || (code && strchr("._-+=,@%() ", code));
}

/* What the sweep and its report keep in the directory. */
static bool is_reserved(const char *name)
{
    static const char *const reserved[] = {"sweep.csv", "sweep.yaml", "plots", "report.html"};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strcmp(name, reserved[i]) == 0)
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
    return is_reserved(name) ? "the sweep writes a file of this name" : NULL;
}

/* ---- made names ---- */

/* Bytes that no name may have become underscores, as do those that separate its parts. */
static void print_safe(const char *text, FILE *name)
{
    for (; *text; text++)
        fputc(is_name_byte(*text) && !strchr(" ,=", *text) ? *text : '_', name);
}

static const char *last_part(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot ? dot + 1 : path;
}

/* "epochs" of "train.epochs", unless another key of the sweep ends so too. */
static const char *short_key(const sweep_file *file, const char *path)
{
    for (size_t i = 0; i < file->path_count; i++)
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
static void print_part(const sweep_file *file, const char *path, const hpac_yaml_node *node,
                       size_t number, FILE *name)
{
    char text[MAX_VALUE_NBYTES + 1];
    if (!value_text(node, text))
        snprintf(text, sizeof text, "v%zu", number);
    if (ftell(name) > 0)
        fputc(',', name);
    print_safe(short_key(file, path), name);
    fputc('=', name);
    print_safe(text, name);
}

static hpac_status print_config(const sweep_config *config, FILE *name)
{
    HPAC_AUTO_FREE char *text = NULL;
    if (!config->node)
        return HPAC_OK;
    HPAC_TRY_MEMORY(text = hpac_config_name_of(config->node->text), strlen(config->node->text));
    print_safe(text, name);
    return HPAC_OK;
}

static hpac_status print_name(const sweep_file *file, const sweep_point *point, FILE *name)
{
    const sweep_entry *entry = point->entry;
    if (entry->name) {
        fputs(entry->name, name);
    } else {
        HPAC_TRY(print_config(&entry->config, name));
        for (size_t i = 0; i < entry->values.count; i++)
            print_part(file, entry->values.items[i].path, entry->values.items[i].node,
                       (size_t)(entry - file->entries) + 1, name);
    }
    for (size_t g = 0; g < file->grid.count; g++) {
        const hpac_config_value *axis = &file->grid.items[g];
        size_t choice = point->choices[g];
        if (axis->node->count > 1)
            print_part(file, axis->path, axis->node->items[choice].value, choice + 1, name);
    }
    return ftell(name) == 0 ? print_config(&file->config, name) : HPAC_OK;
}

hpac_status sweep_name_make(const sweep_file *file, const sweep_point *point, char **name)
{
    size_t length = 0;
    FILE *stream;
    HPAC_TRY_MEMORY(stream = open_memstream(name, &length), SWEEP_NAME_NBYTES);
    hpac_status status = print_name(file, point, stream);
    if (fclose(stream) != 0)
        return hpac_fail_memory(SWEEP_NAME_NBYTES);
    HPAC_TRY(status);
    if (**name == '.' || **name == '-' || is_reserved(*name)) /* of a configuration's name */
        **name = '_';
    return length < SWEEP_NAME_NBYTES
               ? HPAC_OK
               : hpac_fail(HPAC_ERR_CONFIG,
                           "%s: the name made of the keys that differ is too long for "
                           "a directory; sweep fewer keys at once",
                           file->reader.source.name);
}
