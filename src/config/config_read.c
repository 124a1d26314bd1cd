/* Reading a tree of nodes by a table of keys, and saying what is wrong with it. */
#include "config_schema.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PATH HPAC_NEAREST_MAX /* longer paths are no keys */

void hpac_yaml_show(const hpac_yaml_node *node, char shown[HPAC_SHOWN_NBYTES])
{
    if (node->kind != HPAC_YAML_SCALAR) {
        snprintf(shown, HPAC_SHOWN_NBYTES, "%s",
                 node->kind == HPAC_YAML_LIST ? "a list" : "a mapping");
        return;
    }
    if (hpac_yaml_is_null(node)) {
        snprintf(shown, HPAC_SHOWN_NBYTES, "nothing");
        return;
    }
    const char *text = node->text, *end = text + strlen(text);
    size_t length = 0;
    shown[length++] = '"';
    while (text < end && length < HPAC_SHOWN_NBYTES - 10) {
        const char *from = text;
        long point = hpac_utf8_next(&text, end);
        if (point < 0x20 || (point >= 0x7f && point < 0xa0)) {
            shown[length++] = '?';
            continue;
        }
        memcpy(shown + length, from, (size_t)(text - from));
        length += (size_t)(text - from);
    }
    snprintf(shown + length, HPAC_SHOWN_NBYTES - length, "%s\"", text < end ? "..." : "");
}

void hpac_reader_refuse(hpac_reader *reader, const char *path, const hpac_yaml_node *node,
                        const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0) {
        reader->status = hpac_fail_memory(strlen(format));
        return;
    }
    char place[HPAC_YAML_PLACE_NBYTES];
    hpac_yaml_place(node, place);
    /* "--set train.epochs=x" names the key already. */
    if (node->source->path && strcmp(node->source->path, path) == 0)
        hpac_problems_add(&reader->problems, "%s: %s", place, text);
    else
        hpac_problems_add(&reader->problems, "%s: %s: %s", place, path, text);
    free(text);
}

void hpac_reader_expected(hpac_reader *reader, const hpac_key *key, const char *path,
                          const hpac_yaml_node *node)
{
    char *text = NULL;
    size_t nbytes;
    FILE *stream = open_memstream(&text, &nbytes);
    if (!stream) {
        reader->status = hpac_fail_memory(HPAC_SHOWN_NBYTES);
        return;
    }
    key->type->describe(key, stream);
    if (fclose(stream) == 0) {
        char shown[HPAC_SHOWN_NBYTES];
        hpac_yaml_show(node, shown);
        hpac_reader_refuse(reader, path, node, "expected %s, not %s", text, shown);
    } else {
        reader->status = hpac_fail_memory(HPAC_SHOWN_NBYTES);
    }
    free(text);
}

int hpac_keys_find(const hpac_key_table *table, const char *path)
{
    for (int i = 0; i < table->count; i++)
        if (strcmp(table->keys[i].path, path) == 0)
            return i;
    return -1;
}

/* A table being read. */
typedef struct walk {
    hpac_reader *reader;
    const hpac_key_table *table;
    const char *prefix;
    void *record;
    hpac_keys_seen *seen;
} walk;

bool hpac_keys_has_section(const hpac_key_table *table, const char *path)
{
    size_t length = strlen(path);
    for (int i = 0; i < table->count; i++)
        if (strncmp(table->keys[i].path, path, length) == 0 && table->keys[i].path[length] == '.')
            return true;
    return false;
}

/* The next name one step below a section ("" is the top). Begin with *index = 0 and an empty name;
 * the keys of a section stand together in a table. */
static bool next_name(const hpac_key_table *table, const char *section, int *index,
                      char name[MAX_PATH + 1])
{
    size_t skip = *section ? strlen(section) + 1 : 0;
    while (*index < table->count) {
        const char *path = table->keys[(*index)++].path;
        if (skip && (strncmp(path, section, skip - 1) != 0 || path[skip - 1] != '.'))
            continue;
        size_t length = strcspn(path + skip, ".");
        if (strlen(name) == length && strncmp(path + skip, name, length) == 0)
            continue;
        memcpy(name, path + skip, length);
        name[length] = '\0';
        return true;
    }
    return false;
}

static const char *leaf_of(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot ? dot + 1 : path;
}

/* What to say of an unknown key: the nearest name of its section, or the nearest in another one, or
 * all names of the section. */
static void refuse_unknown(const walk *w, const char *section, const hpac_yaml_node *key)
{
    char shown[HPAC_SHOWN_NBYTES], path[2 * HPAC_SHOWN_NBYTES], name[MAX_PATH + 1] = "";
    const char *dot = *section ? "." : "";
    hpac_yaml_show(key, shown);
    int quotes = shown[0] == '"';
    snprintf(path, sizeof path, "%s%s%s%.*s", w->prefix, section, dot,
             (int)strlen(shown) - 2 * quotes, shown + quotes);
    if (strchr(key->text, '.')) {
        hpac_reader_refuse(w->reader, path, key,
                           "unknown key; expected sections as nested keys, without dots");
        return;
    }
    hpac_nearest here = hpac_nearest_to(key->text), elsewhere = here;
    for (int i = 0; next_name(w->table, section, &i, name);)
        hpac_nearest_offer(&here, name);
    if (*here.best) {
        hpac_reader_refuse(w->reader, path, key, "unknown key; did you mean %s%s%s%s?", w->prefix,
                           section, dot, here.best);
        return;
    }
    for (int i = 0; i < w->table->count; i++) {
        size_t distance = elsewhere.distance;
        hpac_nearest_offer(&elsewhere, leaf_of(w->table->keys[i].path));
        if (elsewhere.distance < distance)
            snprintf(elsewhere.best, sizeof elsewhere.best, "%s", w->table->keys[i].path);
    }
    if (*elsewhere.best) {
        hpac_reader_refuse(w->reader, path, key, "unknown key; did you mean %s?", elsewhere.best);
        return;
    }
    char names[256] = "";
    size_t used = 0;
    *name = '\0';
    for (int i = 0; next_name(w->table, section, &i, name) && used < sizeof names;)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", name);
    hpac_reader_refuse(w->reader, path, key, "unknown key; expected one of %s", names);
}

/* True, and a problem, if a key stands in the map before its place `index`. */
static bool refuse_repeated(const walk *w, const hpac_yaml_node *map, int index, const char *path)
{
    const hpac_yaml_node *key = map->items[index].key;
    for (int i = 0; i < index; i++) {
        const hpac_yaml_node *first = map->items[i].key;
        if (strcmp(first->text, key->text) == 0) {
            hpac_reader_refuse(w->reader, path, key, "stands twice, first in line %d", first->line);
            return true;
        }
    }
    return false;
}

static void read_section(const walk *w, const char *section, const hpac_yaml_node *map)
{
    for (int i = 0; i < map->count; i++) {
        const hpac_yaml_node *key = map->items[i].key, *value = map->items[i].value;
        char path[MAX_PATH + 1], shown_path[2 * MAX_PATH];
        int length = snprintf(path, sizeof path, "%s%s%s", section, *section ? "." : "", key->text);
        int index = length < (int)sizeof path ? hpac_keys_find(w->table, path) : -1;
        bool inner = length < (int)sizeof path && hpac_keys_has_section(w->table, path);
        /* "a.b" quoted as one key is no path. */
        if ((index < 0 && !inner) || strchr(key->text, '.')) {
            refuse_unknown(w, section, key);
            continue;
        }
        snprintf(shown_path, sizeof shown_path, "%s%s", w->prefix, path);
        if (refuse_repeated(w, map, i, shown_path))
            continue;
        if (index >= 0) {
            size_t problems = w->reader->problems.count;
            w->seen->nodes[index] = value;
            w->table->keys[index].type->read(w->reader, &w->table->keys[index], shown_path, value,
                                             w->record);
            w->seen->bad[index] = w->reader->problems.count > problems;
        } else if (value->kind == HPAC_YAML_MAP) {
            read_section(w, path, value);
        } else {
            char shown[HPAC_SHOWN_NBYTES];
            hpac_yaml_show(value, shown);
            hpac_reader_refuse(w->reader, shown_path, value, "expected keys below it, not %s",
                               shown);
        }
    }
}

void hpac_keys_read(hpac_reader *reader, const hpac_key_table *table, const char *prefix,
                    const hpac_yaml_node *map, void *record, hpac_keys_seen *seen)
{
    const walk w = {reader, table, prefix, record, seen};
    char owner[MAX_PATH] = ""; /* "model.3" */
    snprintf(owner, sizeof owner, "%.*s", *prefix ? (int)strlen(prefix) - 1 : 0, prefix);
    read_section(&w, "", map);
    for (int i = 0; i < table->count; i++) {
        if (!table->keys[i].required || seen->nodes[i])
            continue;
        const hpac_key *key = &table->keys[i];
        if (*prefix)
            hpac_reader_refuse(reader, owner, map, "%s is missing: %s", key->path, key->help);
        else
            hpac_problems_add(&reader->problems, "%s: %s is missing: %s", reader->document,
                              key->path, key->help);
    }
}

void hpac_keys_default(hpac_reader *reader, const hpac_key_table *table, void *record,
                       const hpac_keys_seen *seen)
{
    static const hpac_yaml_source source = {.name = "the default", .path = ""};
    for (int i = 0; i < table->count && reader->status == HPAC_OK; i++) {
        const hpac_key *key = &table->keys[i];
        if (!key->fallback || (seen->nodes[i] && !seen->bad[i]))
            continue;
        hpac_yaml_node *node;
        reader->status =
            hpac_yaml_parse(&reader->yaml, &source, key->fallback, strlen(key->fallback), &node);
        if (reader->status == HPAC_OK)
            key->type->read(reader, key, key->path, node, record);
    }
}
