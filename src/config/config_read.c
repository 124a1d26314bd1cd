/* Reading a tree of nodes by a table of keys, and reporting its problems. */
#include "config_schema.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PATH HPAC_NEAREST_MAX /* no key has a longer path */

/* ---- problems ---- */

void hpac_reader_refuse(hpac_reader *reader, const char *path, const hpac_yaml_node *node,
                        const char *format, ...)
{
    char text[640], place[HPAC_YAML_PLACE_NBYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    hpac_yaml_place(node, place);
    /* "--set train.epochs=x" names the key already. */
    if (node->source->path && strcmp(node->source->path, path) == 0)
        hpac_problems_add(&reader->problems, "%s: %s", place, text);
    else
        hpac_problems_add(&reader->problems, "%s: %s: %s", place, path, text);
}

void hpac_reader_expected(hpac_reader *reader, const char *path, const hpac_yaml_node *node,
                          const char *expected)
{
    char shown[HPAC_SHOWN_NBYTES];
    hpac_reader_refuse(reader, path, node, "expected %s, not %s", expected,
                       hpac_yaml_show(node, shown));
}

/* Why a scalar that looks right is refused. */
static const char *explain(const hpac_key *key, const hpac_yaml_node *node)
{
    static const char *const yaml_1_1[] = {"yes", "no", "on", "off", "y", "n"};
    bool boolean = key->choices == hpac_key_booleans;
    if (node->kind != HPAC_YAML_SCALAR)
        return "";
    if (!node->plain && (boolean || (key->type != &hpac_key_choice && key->type != &hpac_key_path &&
                                     key->type != &hpac_key_text)))
        return ", which is text because of its quotes";
    for (size_t i = 0; i < sizeof yaml_1_1 / sizeof *yaml_1_1; i++)
        if (boolean && strcasecmp(node->text, yaml_1_1[i]) == 0)
            return ", which YAML 1.2 does not read as a boolean";
    return "";
}

void hpac_reader_refuse_value(hpac_reader *reader, const hpac_key *key, const char *path,
                              const hpac_yaml_node *node)
{
    char text[256] = "", shown[HPAC_SHOWN_NBYTES];
    FILE *stream = fmemopen(text, sizeof text, "w");
    if (stream) {
        key->type->describe(key, stream);
        fclose(stream);
    }
    hpac_reader_refuse(reader, path, node, "expected %s, not %s%s", text,
                       hpac_yaml_show(node, shown), explain(key, node));
}

bool hpac_reader_refuse_duplicate(hpac_reader *reader, const char *path, const hpac_yaml_node *map,
                                  size_t index)
{
    const hpac_yaml_node *first = hpac_yaml_duplicate(map, index);
    if (first)
        hpac_reader_refuse(reader, path, map->items[index].key, "duplicate key, first in line %d",
                           first->line);
    return first;
}

/* ---- paths ---- */

/* Writes the value of ${NAME} or $NAME at *text, and moves *text behind it. */
static void expand_variable(hpac_reader *reader, const char *path, const hpac_yaml_node *node,
                            const char **text, FILE *stream)
{
    const char *name = *text + 1 + ((*text)[1] == '{');
    size_t length = 0;
    while (isalnum((unsigned char)name[length]) || name[length] == '_')
        length++;
    if (length == 0 || length > 255 || isdigit((unsigned char)*name) ||
        (name[-1] == '{' && name[length] != '}')) {
        hpac_reader_refuse(reader, path, node,
                           "expected ${VARIABLE}, with letters, digits and underscores, or $$ for "
                           "a dollar sign");
        *text = "";
        return;
    }
    char copy[256];
    snprintf(copy, sizeof copy, "%.*s", (int)length, name);
    const char *value = getenv(copy);
    if (value)
        fputs(value, stream);
    else
        hpac_reader_refuse(reader, path, node, "the environment variable %s is not set", copy);
    *text = name + length + (name[-1] == '{');
}

char *hpac_reader_path(hpac_reader *reader, const char *path, const hpac_yaml_node *node)
{
    char *expanded = NULL;
    size_t nbytes, problems = reader->problems.count;
    const char *text = node->text, *home = getenv("HOME");
    FILE *stream = open_memstream(&expanded, &nbytes);
    if (stream && reader->expand && text[0] == '~' && (text[1] == '/' || text[1] == '\0')) {
        if (home)
            fputs(home, stream);
        else
            hpac_reader_refuse(reader, path, node, "~ needs the environment variable HOME");
        text++;
    }
    while (stream && *text)
        if (text[0] == '$' && text[1] == '$') {
            fputc('$', stream);
            text += 2;
        } else if (text[0] == '$' && reader->expand) {
            expand_variable(reader, path, node, &text, stream);
        } else {
            fputc(*text++, stream);
        }
    if (!stream || fclose(stream) != 0)
        reader->status = hpac_fail_memory(strlen(node->text));
    else if (reader->problems.count == problems && *expanded)
        return expanded;
    else if (reader->problems.count == problems)
        hpac_reader_expected(reader, path, node, "a path");
    free(expanded);
    return NULL;
}

/* ---- keys ---- */

int hpac_keys_find(const hpac_key_table *table, const char *path)
{
    for (int i = 0; i < table->count; i++)
        if (strcmp(table->keys[i].path, path) == 0)
            return i;
    return -1;
}

bool hpac_keys_has_section(const hpac_key_table *table, const char *path)
{
    size_t length = strlen(path);
    for (int i = 0; i < table->count; i++)
        if (strncmp(table->keys[i].path, path, length) == 0 && table->keys[i].path[length] == '.')
            return true;
    return false;
}

/* A table being read. */
typedef struct walk {
    hpac_reader *reader;
    const hpac_key_table *table;
    const char *prefix;
    void *record;
    hpac_keys_seen *seen;
} walk;

/* The name one step below a section: "split" of "data.split.fold" in "data". False: not in it. */
static bool name_below(const char *path, const char *section, char name[MAX_PATH + 1])
{
    size_t length = strlen(section);
    if (length > 0 && (strncmp(path, section, length) != 0 || path[length++] != '.'))
        return false;
    snprintf(name, MAX_PATH + 1, "%.*s", (int)strcspn(path + length, "."), path + length);
    return true;
}

/* Suggests the nearest name of the section, or the nearest in another one, or lists the section. */
static void suggest(const walk *w, const char *section, const char *key, char *text, size_t nbytes)
{
    hpac_nearest here = hpac_nearest_to(key), elsewhere = here;
    char name[MAX_PATH + 1], last[MAX_PATH + 1] = "", names[256] = "";
    const char *path = "";
    for (int i = 0; i < w->table->count; i++) {
        const char *candidate = w->table->keys[i].path, *dot = strrchr(candidate, '.');
        if (hpac_nearest_offer(&elsewhere, dot ? dot + 1 : candidate))
            path = candidate;
        if (!name_below(candidate, section, name))
            continue;
        hpac_nearest_offer(&here, name);
        if (strcmp(name, last) != 0) /* the keys of a section follow each other in a table */
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s",
                     *names ? ", " : "", name);
        memcpy(last, name, sizeof last);
    }
    if (*here.best)
        snprintf(text, nbytes, "did you mean %s%s%s%s?", w->prefix, section, *section ? "." : "",
                 here.best);
    else if (*elsewhere.best)
        snprintf(text, nbytes, "did you mean %s?", path);
    else
        snprintf(text, nbytes, "expected one of %s", names);
}

static void refuse_unknown(const walk *w, const char *section, const hpac_yaml_node *key)
{
    char shown[HPAC_SHOWN_NBYTES], path[3 * HPAC_SHOWN_NBYTES], text[320];
    hpac_yaml_show(key, shown);
    int quotes = shown[0] == '"';
    snprintf(path, sizeof path, "%s%s%s%.*s", w->prefix, section, *section ? "." : "",
             (int)strlen(shown) - 2 * quotes, shown + quotes);
    if (strchr(key->text, '.'))
        snprintf(text, sizeof text, "expected sections as nested keys, without dots");
    else
        suggest(w, section, key->text, text, sizeof text);
    hpac_reader_refuse(w->reader, path, key, "unknown key; %s", text);
}

static void read_section(const walk *w, const char *section, const hpac_yaml_node *map)
{
    for (size_t i = 0; i < map->count; i++) {
        const hpac_yaml_node *key = map->items[i].key, *value = map->items[i].value;
        char path[MAX_PATH + 1], shown_path[2 * MAX_PATH];
        int length = snprintf(path, sizeof path, "%s%s%s", section, *section ? "." : "", key->text);
        int index = hpac_keys_find(w->table, path);
        bool inner = hpac_keys_has_section(w->table, path);
        /* "a.b" quoted as one key is no path. */
        if (length >= (int)sizeof path || (index < 0 && !inner) || strchr(key->text, '.')) {
            refuse_unknown(w, section, key);
            continue;
        }
        snprintf(shown_path, sizeof shown_path, "%s%s", w->prefix, path);
        if (hpac_reader_refuse_duplicate(w->reader, shown_path, map, i))
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
            hpac_reader_expected(w->reader, shown_path, value, "nested keys");
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
        const hpac_key *key = &table->keys[i];
        if (!key->required || seen->nodes[i])
            continue;
        if (*prefix)
            hpac_reader_refuse(reader, owner, map, "%s is missing: %s", key->path, key->help);
        else
            hpac_problems_add(&reader->problems, "%s: %s is missing: %s", reader->source.name,
                              key->path, key->help);
    }
}

void hpac_keys_default(hpac_reader *reader, const hpac_key_table *table, void *record,
                       const hpac_keys_seen *seen)
{
    static const hpac_yaml_source source = {.name = "the default", .path = ""};
    for (int i = 0; i < table->count && reader->status == HPAC_OK; i++) {
        const hpac_key *key = &table->keys[i];
        hpac_yaml_node *node;
        if (!key->fallback || (seen->nodes[i] && !seen->bad[i]))
            continue;
        reader->status =
            hpac_yaml_parse(&reader->yaml, &source, key->fallback, strlen(key->fallback), &node);
        if (reader->status == HPAC_OK)
            key->type->read(reader, key, key->path, node, record);
    }
}
