/* Reading a tree of nodes by a table of keys, and reporting its problems. */
#include "config_schema.h"

#include "base/memory.h"
#include "base/text.h"
#include "net/layer_table.h"

#include <ctype.h>
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PATH HPAC_NEAREST_MAX /* no key has a longer path */
#define NAMES_NBYTES 256          /* of those of a section */

/* Whether a problem at this place ends so. The layers of a block are read for every use of it, and
 * a parameter by every layer that has it. */
static bool is_reported(const hpac_problems *problems, const char *place, const char *what)
{
    size_t nbytes = strlen(place), length = strlen(what);
    for (const char *text = problems->text; text && *text; text += strcspn(text, "\n")) {
        size_t size = strcspn(++text, "\n");
        if (size >= nbytes + length && memcmp(text, place, nbytes) == 0 &&
            memcmp(text + size - length, what, length) == 0)
            return true;
    }
    return false;
}

void hpac_reader_refuse(hpac_reader *reader, const char *path, const hpac_yaml_node *node,
                        const char *format, ...)
{
    char text[640], place[HPAC_YAML_PLACE_NBYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    /* "--set train.epochs=x" names the key already. */
    const hpac_yaml_source *source = &node->source;
    bool named = source->set && strlen(path) == source->key_nbytes &&
                 strncmp(source->name, path, source->key_nbytes) == 0;
    hpac_yaml_place(node, place);
    HPAC_AUTO_FREE char *line = NULL;
    if (asprintf(&line, "%s%s%s", named ? "" : path, named ? "" : ": ", text) < 0)
        reader->status = hpac_fail_memory(sizeof text);
    else if (!is_reported(&reader->problems, place,
                          strncmp(path, "blocks.", strlen("blocks.")) == 0 ? text : line))
        hpac_problems_add(&reader->problems, "%s: %s", place, line);
}

void hpac_reader_expected(hpac_reader *reader, const char *path, const hpac_yaml_node *node,
                          const char *expected)
{
    char shown[HPAC_SHOWN_NBYTES];
    hpac_reader_refuse(reader, path, node, "expected %s, not %s", expected,
                       hpac_yaml_show(node, shown));
}

static void describe(const hpac_key *key, FILE *stream)
{
    if (key->type->describe)
        key->type->describe(key, stream);
    else
        fputs(key->type->expected, stream);
}

/* Why a number that is in the range is refused: as float32 it is not. */
static const char *explain_number(const char *text)
{
    float value = strtof(text, NULL);
    double exact = strtod(text, NULL);
    return value > FLT_MAX && isfinite(exact) ? ", which is beyond float32 (3.4e+38)"
           : value == 0.0F && exact > 0       ? ", which is 0 in float32"
           : value == 1.0F && exact < 1       ? ", which is 1 in float32"
                                              : "";
}

/* Why a scalar that looks right is refused. */
static const char *explain(const hpac_key *key, const hpac_yaml_node *node)
{
    static const char *const yaml_1_1[] = {"yes", "no", "on", "off", "y", "n"};
    bool boolean = hpac_key_is_boolean(key);
    if (node->kind != HPAC_YAML_SCALAR)
        return "";
    if (!node->plain && (boolean || (key->type != &hpac_key_choice && key->type != &hpac_key_path)))
        return ", which is text because of its quotes";
    for (size_t i = 0; i < sizeof yaml_1_1 / sizeof *yaml_1_1; i++)
        if (boolean && strcasecmp(node->text, yaml_1_1[i]) == 0)
            return ", which YAML 1.2 does not read as a boolean";
    if (node->plain && node->text[0] == '$' && key->type != &hpac_key_path)
        return ", a parameter, which only layers of blocks have";
    if (key->choices == hpac_layer_activation_names && strcmp(node->text, "softmax") == 0)
        return ", which only the last dense layer has, as its `activation`";
    return key->type == &hpac_key_number ? explain_number(node->text) : "";
}

void hpac_reader_refuse_value(hpac_reader *reader, const hpac_key *key, const char *path,
                              const hpac_yaml_node *node)
{
    char text[256] = "", shown[HPAC_SHOWN_NBYTES];
    FILE *stream = fmemopen(text, sizeof text, "w");
    if (stream) {
        describe(key, stream);
        fclose(stream);
    }
    hpac_reader_refuse(reader, path, node, "expected %s, not %s%s", text,
                       hpac_yaml_show(node, shown), explain(key, node));
}

bool hpac_reader_refuse_duplicate(hpac_reader *reader, const char *path, const hpac_yaml_node *map,
                                  size_t index)
{
    const hpac_yaml_node *key = map->items[index].key;
    for (size_t i = 0; i < index; i++)
        if (strcmp(map->items[i].key->text, key->text) == 0) {
            hpac_reader_refuse(reader, path, key, "duplicate key, first in line %d",
                               map->items[i].key->line);
            return true;
        }
    return false;
}

/* Writes the value of ${NAME} or $NAME at *text, and moves *text behind it. */
static void expand_variable(hpac_reader *reader, const char *path, const hpac_yaml_node *node,
                            const char **text, FILE *stream)
{
    bool braces = (*text)[1] == '{';
    const char *name = *text + 1 + braces;
    size_t length = 0;
    while (isalnum((unsigned char)name[length]) || name[length] == '_')
        length++;
    char copy[256] = "";
    if (length < sizeof copy)
        memcpy(copy, name, length);
    *text = name + length + braces;
    const char *value = getenv(copy);
    if (!*copy || isdigit((unsigned char)*copy) || (braces && name[length] != '}')) {
        hpac_reader_refuse(reader, path, node,
                           "expected ${VARIABLE}, with letters, digits and underscores, or $$ for "
                           "a dollar sign");
        *text = "";
    } else if (value)
        fputs(value, stream);
    else
        hpac_reader_refuse(reader, path, node, "the environment variable %s is not set", copy);
}

char *hpac_reader_path(hpac_reader *reader, const char *path, const hpac_yaml_node *node)
{
    char *expanded = NULL;
    size_t nbytes, problems = reader->problems.count;
    const char *text = node->text, *home = getenv("HOME");
    FILE *stream = open_memstream(&expanded, &nbytes);
    if (!stream) {
        reader->status = hpac_fail_memory(strlen(text));
        return NULL;
    }
    if (reader->expand && text[0] == '~' && (text[1] == '/' || text[1] == '\0')) {
        if (home)
            fputs(home, stream);
        else
            hpac_reader_refuse(reader, path, node, "~ needs the environment variable HOME");
        text++;
    }
    while (*text)
        if (text[0] == '$' && text[1] != '$' && reader->expand) {
            expand_variable(reader, path, node, &text, stream);
        } else {
            fputc(*text, stream);
            text += text[0] == '$' && text[1] == '$' ? 2 : 1;
        }
    if (fclose(stream) != 0)
        reader->status = hpac_fail_memory(strlen(node->text));
    else if (reader->problems.count == problems && *expanded)
        return expanded;
    else if (reader->problems.count == problems)
        hpac_reader_expected(reader, path, node, "a path");
    free(expanded);
    return NULL;
}

int hpac_keys_find(const hpac_key_table *table, const char *path)
{
    for (int i = 0; i < table->count; i++)
        if (strcmp(table->keys[i].path, path) == 0)
            return i;
    return -1;
}

size_t hpac_key_choice_of(const hpac_key_table *table, const hpac_key *key, const void *record)
{
    int value;
    memcpy(&value, (const char *)record + table->keys[hpac_keys_find(table, key->of)].offset,
           sizeof value);
    return (size_t)value;
}

bool hpac_key_applies(const hpac_key_table *table, const hpac_key *key, const void *record)
{
    if (!key->of)
        return true;
    size_t choice = hpac_key_choice_of(table, key, record);
    return choice < 32 && (key->only >> choice & 1);
}

/* Whether a path lies below a section; "" is the root. */
static bool is_below(const char *path, const char *section)
{
    size_t length = strlen(section);
    return length == 0 || (strncmp(path, section, length) == 0 && path[length] == '.');
}

bool hpac_keys_has_section(const hpac_key_table *table, const char *path)
{
    for (int i = 0; i < table->count; i++)
        if (*path && is_below(table->keys[i].path, path))
            return true;
    return false;
}

const char *hpac_key_name(const char *name)
{
    static const struct {
        const char *name, *key;
    } synonyms[] = {
        {"lr", "learning_rate"},
        {"bs", "batch_size"},
        {"batch", "batch_size"},
        {"num_epochs", "epochs"},
        {"num_workers", "workers"},
        {"classes", "targets"},
        {"val_fold", "fold"},
        {"learningrate", "learning_rate"},
        {"pretrained", "initial_model"},
        {"weights", "initial_weights"},
        {"kind", "type"},
        {"kernel_size", "kernel"},
        {"pool_size", "size"},
        {"stride", "strides"},
    };
    for (size_t i = 0; i < sizeof synonyms / sizeof *synonyms; i++) {
        const char *other = synonyms[i].name, *c = name;
        while (*other && *other == (*c == '-' ? '_' : *c))
            other++, c++;
        if (!*other && !*c)
            return synonyms[i].key;
    }
    return name;
}

/* Lists the names of a section, "type, learning_rate, rho", and offers them as the nearest. */
static void list_section(const hpac_key_table *table, const char *section, hpac_nearest *nearest,
                         char names[NAMES_NBYTES])
{
    char name[MAX_PATH + 1] = "";
    *names = '\0';
    for (int i = 0; i < table->count; i++) {
        if (!is_below(table->keys[i].path, section))
            continue;
        const char *rest = table->keys[i].path + strlen(section) + (*section != '\0');
        size_t length = strcspn(rest, ".");
        /* The keys of a section follow each other in a table. */
        if (strncmp(name, rest, length) == 0 && name[length] == '\0')
            continue;
        snprintf(name, sizeof name, "%.*s", (int)length, rest);
        hpac_nearest_offer(nearest, name);
        hpac_text_append(names, NAMES_NBYTES, "%s%s", *names ? ", " : "", name);
    }
}

/* Suggests the nearest name of the section or, if none is near, of all, or lists the section. */
static void suggest(hpac_keys *keys, const char *section, const char *key, char *text,
                    size_t nbytes)
{
    hpac_nearest nearest = hpac_nearest_to(hpac_key_name(key));
    char names[NAMES_NBYTES];
    const char *path = "";
    list_section(keys->table, section, &nearest, names);
    bool here = *nearest.best;
    for (int i = 0; !here && i < keys->table->count; i++) {
        const char *candidate = keys->table->keys[i].path, *dot = strrchr(candidate, '.');
        if (hpac_nearest_offer(&nearest, dot ? dot + 1 : candidate))
            path = candidate;
    }
    char meant[2 * MAX_PATH];
    snprintf(meant, sizeof meant, "%s%s%s", section, *section ? "." : "", nearest.best);
    int index = hpac_keys_find(keys->table, here ? meant : path);
    if (index >= 0)
        keys->meant[index] = true;
    if (here)
        snprintf(text, nbytes, "did you mean %s%s?", keys->prefix, meant);
    else
        snprintf(text, nbytes, *path ? "did you mean %s?" : "expected one of %s",
                 *path ? path : names);
}

static void refuse_unknown(hpac_keys *keys, const char *section, const hpac_yaml_node *key)
{
    char shown[HPAC_SHOWN_NBYTES], path[3 * HPAC_SHOWN_NBYTES], text[320];
    hpac_yaml_show(key, shown);
    int quotes = shown[0] == '"';
    snprintf(path, sizeof path, "%s%s%s%.*s", keys->prefix, section, *section ? "." : "",
             (int)strlen(shown) - 2 * quotes, shown + quotes);
    if (strchr(key->text, '.'))
        snprintf(text, sizeof text, "expected sections as nested keys, without dots");
    else
        suggest(keys, section, key->text, text, sizeof text);
    hpac_reader_refuse(keys->reader, path, key, "unknown key; %s", text);
}

/* Whether a section may be left out: what its keys are without it is "none". */
static bool is_optional(const hpac_key_table *table, const char *section)
{
    for (int i = 0; i < table->count; i++)
        if (is_below(table->keys[i].path, section) &&
            (table->keys[i].required ||
             (table->keys[i].fallback && strcmp(table->keys[i].fallback, "0") != 0)))
            return false;
    return true;
}

/* An explicit none or null; nothing at all may be a mistake. */
static bool is_none(const hpac_yaml_node *node)
{
    return node->kind == HPAC_YAML_SCALAR && *node->text && node->plain &&
           (strcasecmp(node->text, "none") == 0 || hpac_yaml_is_null(node));
}

/* A value that removes what is optional, which an earlier source may have given. */
static bool removes(const hpac_keys *keys, int index, const char *path, const hpac_yaml_node *value)
{
    const hpac_key *key = index >= 0 ? &keys->table->keys[index] : NULL;
    return is_none(value) && (key ? !key->required && !key->fallback &&
                                        (key->type == &hpac_key_path || key->type == &hpac_key_list)
                                  : is_optional(keys->table, path));
}

static void expect_section(const hpac_keys *keys, const char *section, const char *path,
                           const hpac_yaml_node *value)
{
    hpac_nearest nearest = hpac_nearest_to("");
    char names[NAMES_NBYTES], expected[NAMES_NBYTES + 32];
    list_section(keys->table, section, &nearest, names);
    snprintf(expected, sizeof expected, "nested keys (%s)", names);
    hpac_reader_expected(keys->reader, path, value, expected);
}

static void read_section(hpac_keys *keys, const char *section, const hpac_yaml_node *map)
{
    for (size_t i = 0; i < map->count; i++) {
        const hpac_yaml_node *key = map->items[i].key, *value = map->items[i].value;
        char path[MAX_PATH + 1], shown_path[2 * MAX_PATH];
        int length = snprintf(path, sizeof path, "%s%s%s", section, *section ? "." : "", key->text);
        int index = hpac_keys_find(keys->table, path);
        bool inner = hpac_keys_has_section(keys->table, path);
        /* "a.b" quoted as one key is no path. */
        if (length >= (int)sizeof path || (index < 0 && !inner) || strchr(key->text, '.')) {
            refuse_unknown(keys, section, key);
            continue;
        }
        snprintf(shown_path, sizeof shown_path, "%s%s", keys->prefix, path);
        if (hpac_reader_refuse_duplicate(keys->reader, shown_path, map, i))
            continue;
        if (removes(keys, index, path, value))
            continue;
        if (index >= 0) {
            const hpac_key *known = &keys->table->keys[index];
            size_t problems = keys->reader->problems.count;
            keys->nodes[index] = value;
            known->type->read(keys->reader, known, shown_path, value, keys->record);
            keys->bad[index] = keys->reader->problems.count > problems;
        } else if (value->kind == HPAC_YAML_MAP) {
            read_section(keys, path, value);
        } else {
            expect_section(keys, path, shown_path, value);
        }
    }
}

/* The default, or the complaint that there is none. */
static void read_absent(const hpac_keys *keys, const hpac_key *key, const hpac_yaml_node *map,
                        bool given)
{
    static const hpac_yaml_source source = {.name = "the default"};
    hpac_reader *reader = keys->reader;
    hpac_yaml_node *node;
    bool applies = hpac_key_applies(keys->table, key, keys->record);
    const char *fallback = key->fallback;
    if (applies && key->fallbacks) /* they end with the last choice that it applies to */
        fallback = key->fallbacks[hpac_key_choice_of(keys->table, key, keys->record)];
    if (!applies) {
        memset((char *)keys->record + key->offset, 0, key->nbytes);
    } else if (fallback) {
        hpac_status status =
            hpac_yaml_parse(&reader->yaml, &source, fallback, strlen(fallback), &node);
        if (status != HPAC_OK)
            reader->status = status;
        else
            key->type->read(reader, key, key->path, node, keys->record);
    } else if (key->required && !given && *keys->prefix) {
        char owner[MAX_PATH]; /* "model.3" */
        snprintf(owner, sizeof owner, "%.*s", (int)strlen(keys->prefix) - 1, keys->prefix);
        hpac_reader_refuse(reader, owner, map, "%s is missing: %s", key->path, key->help);
    } else if (key->required && !given && map)
        hpac_problems_add(&reader->problems, "%s: %s is missing: %s", reader->source.name,
                          key->path, key->help);
}

/* "no option of train.optimizer.type adam, only of adadelta" */
static void refuse_other_choice(hpac_keys *keys, int index)
{
    const hpac_key *key = &keys->table->keys[index];
    int owner = key->of ? hpac_keys_find(keys->table, key->of) : -1;
    char names[NAMES_NBYTES] = "", path[2 * MAX_PATH];
    if (owner < 0 || keys->bad[owner] || hpac_key_applies(keys->table, key, keys->record))
        return;
    const char *const *choices = keys->table->keys[owner].choices;
    for (size_t i = 0; choices[i]; i++)
        if (key->only >> i & 1)
            hpac_text_append(names, NAMES_NBYTES, "%s%s", *names ? ", " : "", choices[i]);
    snprintf(path, sizeof path, "%s%s", keys->prefix, key->path);
    hpac_reader_refuse(keys->reader, path, keys->nodes[index], "no option of %s %s, only of %s",
                       key->of, choices[hpac_key_choice_of(keys->table, key, keys->record)], names);
    keys->bad[index] = true;
}

void hpac_keys_read(hpac_keys *keys, const hpac_yaml_node *map)
{
    if (map)
        read_section(keys, "", map);
    for (int i = 0; i < keys->table->count; i++) {
        if (!keys->nodes[i] || keys->bad[i])
            read_absent(keys, &keys->table->keys[i], map, keys->nodes[i] || keys->meant[i]);
        else
            refuse_other_choice(keys, i);
    }
}

void hpac_keys_print_reference(const hpac_key_table *table, const char *section, const char *prefix,
                               FILE *stream)
{
    const char *heading = "\n| key | expected | default | |\n|---|---|---|---|\n";
    for (int i = 0; i < table->count; i++) {
        const hpac_key *key = &table->keys[i];
        if (!key->help || strncmp(key->path, section, strlen(section)) != 0)
            continue;
        fprintf(stream, "%s| `%s%s` | ", heading, prefix, key->path);
        heading = "";
        describe(key, stream);
        const char *quote = key->fallback ? "`" : "";
        fprintf(stream, " | %s%s%s | %s |\n", quote,
                key->fallback   ? key->fallback
                : key->required ? "required"
                                : "none",
                quote, key->help);
    }
}

void hpac_keys_visit(const hpac_key_table *table, const char *prefix,
                     void (*visit)(void *user, const hpac_config_key_note *note), void *user)
{
    for (int i = 0; i < table->count; i++) {
        const hpac_key *key = &table->keys[i];
        char path[MAX_PATH + 1], expected[320] = "";
        FILE *stream = key->help ? fmemopen(expected, sizeof expected, "w") : NULL;
        if (!stream)
            continue;
        describe(key, stream);
        fclose(stream);
        snprintf(path, sizeof path, "%s%s", prefix, key->path);
        visit(user, &(hpac_config_key_note){path, expected, key->fallback, key->required, key->help,
                                            key->example});
    }
}
