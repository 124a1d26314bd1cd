/* The keys of a configuration, for the terminal: hpac help config [KEY]. */
#include "cli.h"

#include <hpac/config.h>

#include "base/nearest.h"
#include "base/text.h"
#include "config/config_schema.h"

#include <string.h>

enum { KEY_WIDTH = 26, FIELD_WIDTH = 8, PATH_NBYTES = 128 };

typedef struct key_search {
    const char *key; /* a path, its end or a section; NULL: all match */
    FILE *stream;
    bool (*matches)(const char *path, const char *key);
    size_t found;
    char first[PATH_NBYTES]; /* the first that matches */
    char text[1024];         /* printed last, of this path */
    char path[PATH_NBYTES];
    char names[1024]; /* below a section, for messages */
    hpac_nearest nearest;
} key_search;

static bool is_any(const char *path, const char *key)
{
    (void)path;
    (void)key;
    return true;
}

static bool is_exact(const char *path, const char *key)
{
    return strcmp(path, key) == 0;
}

static bool ends_with(const char *path, const char *key)
{
    size_t length = strlen(key), path_length = strlen(path);
    return path_length > length && path[path_length - length - 1] == '.' &&
           strcmp(path + path_length - length, key) == 0;
}

static bool is_below(const char *path, const char *section)
{
    size_t length = strlen(section);
    return strncmp(path, section, length) == 0 && path[length] == '.';
}

/* "schedule" of "train.schedule.type" */
static bool is_inside(const char *path, const char *section)
{
    for (const char *dot = strchr(path, '.'); dot; dot = strchr(dot + 1, '.'))
        if (is_below(dot + 1, section))
            return true;
    return is_below(path, section);
}

static void count(void *user, const hpac_config_key_note *note)
{
    key_search *search = user;
    if (!search->matches(note->path, search->key))
        return;
    if (search->found++ == 0)
        snprintf(search->first, sizeof search->first, "%s", note->path);
}

static size_t find(key_search *search, bool (*matches)(const char *path, const char *key))
{
    search->matches = matches;
    search->found = 0;
    hpac_config_visit_keys(count, search);
    return search->found;
}

/* "an integer in [1, 65536]; default 200. Images per step." The keys that all layers have are
 * described once. */
static void print_key(void *user, const hpac_config_key_note *note)
{
    key_search *search = user;
    char text[sizeof search->text];
    bool one_line = note->fallback && !strchr(note->fallback, '\n');
    if (!search->matches(note->path, search->key))
        return;
    snprintf(text, sizeof text, "%s%s%s%s%s", note->expected ? note->expected : "",
             one_line         ? "; default "
             : note->required ? "; required"
                              : "",
             one_line ? note->fallback : "", note->expected ? ". " : "", note->help);
    if (search->key && strcmp(text, search->text) == 0) {
        snprintf(text, sizeof text, "as %s", search->path);
    } else {
        snprintf(search->text, sizeof search->text, "%s", text);
        snprintf(search->path, sizeof search->path, "%s", note->path);
    }
    help_print_row(note->path, text, KEY_WIDTH, search->stream);
}

/* The quote that a value needs in a shell. */
static const char *quote_of(const char *value)
{
    return strpbrk(value, " *\"{[$") ? "'" : "";
}

/* A key of an element of a list: "model.conv2d.filters" with the element's other keys, and what
 * --set calls it. */
static bool print_element(const char *path, const char *value, FILE *stream)
{
    static const struct {
        const char *section, *list, *other, *element;
    } lists[] = {
        {"model.block.", "model:\n  - ", "block: NAME", "model.N"},
        {"model.", "model:\n  - ", "type: ", "model.N"},
        {"train.layers.N.", "train:\n    layers:\n    - ", "match: PATTERN", "train.layers.N"},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        size_t length = strlen(lists[i].section);
        const char *name = strrchr(path, '.') + 1;
        if (strncmp(path, lists[i].section, length) != 0)
            continue;
        bool first = strncmp(lists[i].other, name, strlen(name)) == 0;
        bool typed = !first && lists[i].other[strlen(lists[i].other) - 1] == ' ';
        int type = typed ? (int)(name - path - 7) : 0;
        fprintf(stream, "\nin a file:\n  %s{%s%.*s", lists[i].list, first ? "" : lists[i].other,
                type, path + 6);
        fprintf(stream,
                "%s%s: %s, ...}\nwith --set, N being the number in the list, from 1:\n"
                "  --set %s%s.%s=%s%s\n",
                first ? "" : ", ", name, value, quote_of(value), lists[i].element, name, value,
                quote_of(value));
        return true;
    }
    return false;
}

/* How a key is given: in a file, each section indented, and with --set. */
static void print_usage(const hpac_config_key_note *note, FILE *stream)
{
    const char *value = note->example ? note->example : note->fallback ? note->fallback : "VALUE";
    const char *path = note->path, *dot;
    bool in_list = strncmp(path, "model.", 6) == 0 && strcmp(path, "model.file") != 0 &&
                   strcmp(path, "model.layers") != 0;
    in_list |= strncmp(path, "train.layers.", 13) == 0;
    if (in_list && print_element(path, value, stream))
        return;
    fputs("\nin a file:\n", stream);
    int depth = 1;
    for (; (dot = strchr(path, '.')); path = dot + 1, depth++)
        fprintf(stream, "%*s%.*s:\n", 2 * depth, "", (int)(dot - path), path);
    fprintf(stream, "%*s%s: %s\nwith --set:\n  --set %s%s=%s%s\n", 2 * depth, "", path, value,
            quote_of(value), note->path, value, quote_of(value));
}

/* A layer, or lines. */
static void print_lines(const hpac_config_key_note *note, FILE *stream)
{
    fputs("\nin a file:\n", stream);
    if (strncmp(note->path, "model.", 6) == 0) {
        fprintf(stream, "  model:\n  - %s\n", note->example);
        return;
    }
    for (const char *line = note->example; *line; line += strcspn(line, "\n") + 1)
        fprintf(stream, "  %.*s\n", (int)strcspn(line, "\n"), line);
}

/* The key in detail. */
static void print_detail(void *user, const hpac_config_key_note *note)
{
    const key_search *search = user;
    FILE *stream = search->stream;
    if (!search->matches(note->path, search->key))
        return;
    int length = fprintf(stream, "%s - ", note->path);
    help_wrap(note->help, 0, (size_t)length, stream);
    if (!note->expected) {
        print_lines(note, stream);
        return;
    }
    bool one_line = !note->fallback || !strchr(note->fallback, '\n');
    fputc('\n', stream);
    help_print_row("expected", note->expected, FIELD_WIDTH, stream);
    help_print_row("default",
                   !one_line        ? "the network of the reference notebooks:"
                   : note->fallback ? note->fallback
                   : note->required ? "none: the key is required"
                                    : "none",
                   FIELD_WIDTH, stream);
    if (one_line)
        print_usage(note, stream);
    else
        fprintf(stream, "\n%s:\n%s", note->path, note->fallback);
}

/* The first key of a section, as an example. */
static void print_first(void *user, const hpac_config_key_note *note)
{
    const key_search *search = user;
    if (strcmp(note->path, search->first) == 0 && note->expected)
        print_usage(note, search->stream);
}

static void print_all(key_search *search)
{
    help_wrap("Keys of a configuration: what is expected, the default, the meaning. hpac help "
              "config KEY shows one in detail, or those of a section, such as data.split. "
              "model.TYPE.KEY is a key of the layers of a type; --set takes their number instead: "
              "--set model.4.rate=0.1.",
              0, 0, search->stream);
    fputc('\n', search->stream);
    search->matches = is_any;
    hpac_config_visit_keys(print_key, search);
}

/* One key, and those below it. */
static void print_one(key_search *search, const char *path)
{
    char key[PATH_NBYTES];
    snprintf(key, sizeof key, "%s", path);
    search->key = key;
    search->matches = is_exact;
    hpac_config_visit_keys(print_detail, search);
    if (find(search, is_below) > 0) {
        fputc('\n', search->stream);
        hpac_config_visit_keys(print_key, search);
    }
}

/* A name that a message or --set has, as the help texts have it: model.3.rate and
 * blocks.residual.layers.2.rate are the key rate of a layer, train.layers.1 is train.layers.N. */
static void generalize(const char *key, char text[PATH_NBYTES])
{
    static const char rules[] = "train.layers", blocks[] = "blocks";
    const char *number = strpbrk(key, "0123456789"), *rest = number ? number : "";
    rest += strspn(rest, "0123456789");
    bool element = number && number > key && number[-1] == '.' && (!*rest || *rest == '.');
    if (is_below(key, rules)) {
        rest = key + strlen(rules) + 1;
        rest += element || *rest == 'N' ? strcspn(rest, ".") : 0;
        snprintf(text, PATH_NBYTES, "%s.N%s%s", rules, *rest && *rest != '.' ? "." : "", rest);
    } else if (element && *rest) {
        snprintf(text, PATH_NBYTES, "%s", rest + 1);
    } else if (is_below(key, blocks)) {
        rest = key + strlen(blocks) + 1;
        rest += strcspn(rest, ".");
        snprintf(text, PATH_NBYTES, "%s.NAME%.*s", blocks,
                 (int)(element ? number - 1 - rest : (long)strlen(rest)), rest);
    } else {
        snprintf(text, PATH_NBYTES, "%.*s",
                 (int)(element ? (size_t)(number - key) - 1 : strlen(key)), key);
    }
}

static void offer(key_search *search, const char *name, size_t length)
{
    char text[PATH_NBYTES];
    snprintf(text, sizeof text, "%.*s", (int)length, name);
    hpac_nearest_offer(&search->nearest, text);
}

/* Offers the names in a section, which is search->key. */
static void offer_inner(void *user, const hpac_config_key_note *note)
{
    key_search *search = user;
    if (!is_below(note->path, search->key))
        return;
    const char *name = note->path + strlen(search->key) + 1;
    size_t length = strcspn(name, ".");
    offer(search, name, length);
    if (strncmp(search->path, name, length) == 0 && search->path[length] == '\0')
        return; /* a section, which is listed */
    snprintf(search->path, sizeof search->path, "%.*s", (int)length, name);
    hpac_text_append(search->names, sizeof search->names, "%s%s", *search->names ? ", " : "",
                     search->path);
}

/* Offers paths, sections, and the last names of both. */
static void offer_all(void *user, const hpac_config_key_note *note)
{
    key_search *search = user;
    size_t length = strlen(note->path);
    for (const char *dot = note->path + length; dot; dot = memrchr(note->path, '.', length)) {
        length = (size_t)(dot - note->path);
        const char *before = memrchr(note->path, '.', length);
        offer(search, note->path, length);
        if (before)
            offer(search, before + 1, (size_t)(dot - before - 1));
    }
}

/* The nearest key of the section, if the key begins with one, or else of all. */
static hpac_status refuse(const char *generic_key, const char *key)
{
    const char *dot = strrchr(generic_key, '.');
    const char *name = hpac_key_name(dot ? dot + 1 : generic_key);
    char section[PATH_NBYTES];
    snprintf(section, sizeof section, "%.*s", dot ? (int)(dot - generic_key) : 0, generic_key);
    key_search search = {.key = section, .nearest = hpac_nearest_to(name)};
    if (dot)
        hpac_config_visit_keys(offer_inner, &search);
    if (*search.nearest.best)
        return hpac_fail(HPAC_ERR_CONFIG, "unknown key \"%s\"; did you mean %s.%s?", key, section,
                         search.nearest.best);
    if (*search.names)
        return hpac_fail(HPAC_ERR_CONFIG, "unknown key \"%s\"; %s has %s", key, section,
                         search.names);
    search.nearest = hpac_nearest_to(dot ? generic_key : name);
    hpac_config_visit_keys(offer_all, &search);
    if (*search.nearest.best)
        return hpac_fail(HPAC_ERR_CONFIG, "unknown key \"%s\"; did you mean %s?", key,
                         search.nearest.best);
    return hpac_fail(HPAC_ERR_CONFIG, "unknown key \"%s\"; see hpac help config", key);
}

hpac_status help_print_config(const char *key, FILE *stream)
{
    char text[PATH_NBYTES];
    key_search search = {.key = key, .stream = stream};
    if (!key) {
        print_all(&search);
        return HPAC_OK;
    }
    generalize(key, text);
    search.key = text;
    if (find(&search, is_exact) > 0 || find(&search, ends_with) == 1) {
        print_one(&search, search.first);
        return HPAC_OK;
    }
    bool section = search.found == 0;
    if (section && find(&search, is_inside) == 0)
        return refuse(text, key);
    hpac_config_visit_keys(print_key, &search);
    if (section)
        hpac_config_visit_keys(print_first, &search);
    return HPAC_OK;
}
