/* The keys of a configuration, for the terminal: hpac help config [KEY]. */
#include "cli.h"

#include <hpac/config.h>

#include "base/nearest.h"

#include <string.h>

enum { KEY_WIDTH = 26, FIELD_WIDTH = 8 };

typedef struct key_search {
    const char *key; /* NULL: all match */
    FILE *stream;
    size_t found;
    bool exact; /* a key has this path */
    hpac_nearest nearest;
} key_search;

/* The key itself, one of its section, or one of this last name. */
static bool matches(const char *path, const char *key)
{
    size_t length = key ? strlen(key) : 0, path_length = strlen(path);
    return !key || strcmp(path, key) == 0 ||
           (strncmp(path, key, length) == 0 && path[length] == '.') ||
           (path_length > length && strcmp(path + path_length - length, key) == 0 &&
            path[path_length - length - 1] == '.');
}

static void count(void *user, const hpac_config_key_note *note)
{
    key_search *search = user;
    search->found += matches(note->path, search->key);
    search->exact = search->exact || strcmp(note->path, search->key) == 0;
    const char *dot = strrchr(note->path, '.');
    hpac_nearest_offer(&search->nearest, note->path);
    hpac_nearest_offer(&search->nearest, dot ? dot + 1 : note->path);
}

/* "an integer in [1, 65536]; default 200. Images per step." */
static void print_key(void *user, const hpac_config_key_note *note)
{
    const key_search *search = user;
    char text[1024];
    bool one_line = note->fallback && !strchr(note->fallback, '\n');
    if (!matches(note->path, search->key))
        return;
    snprintf(text, sizeof text, "%s%s%s%s%s", note->expected ? note->expected : "",
             one_line         ? "; default "
             : note->required ? "; required"
                              : "",
             one_line ? note->fallback : "", note->expected ? ". " : "", note->help);
    help_print_row(note->path, text, KEY_WIDTH, search->stream);
}

/* How a key is given: in a file, each section indented, and with --set. */
static void print_usage(const hpac_config_key_note *note, FILE *stream)
{
    const char *value = note->fallback ? note->fallback : "VALUE", *path = note->path;
    const char *dot = strncmp(path, "model.", 6) == 0 ? strchr(path + 6, '.') : NULL;
    if (dot) { /* of a type of layers */
        path += 6;
        fprintf(stream,
                "\nin a file:\n  model:\n    - {type: %.*s, %s: %s, ...}\n"
                "with --set, N being the number of the layer, from 1:\n  --set model.N.%s=%s\n",
                (int)(dot - path), path, dot + 1, value, dot + 1, value);
        return;
    }
    fputs("\nin a file:\n", stream);
    int depth = 1;
    for (; (dot = strchr(path, '.')); path = dot + 1, depth++)
        fprintf(stream, "%*s%.*s:\n", 2 * depth, "", (int)(dot - path), path);
    fprintf(stream, "%*s%s: %s\nwith --set:\n  --set %s=%s\n", 2 * depth, "", path, value,
            note->path, value);
}

/* The key in detail: the only one that matches, or that of this very path. */
static void print_detail(void *user, const hpac_config_key_note *note)
{
    const key_search *search = user;
    FILE *stream = search->stream;
    bool wanted =
        search->exact ? strcmp(note->path, search->key) == 0 : matches(note->path, search->key);
    if (!wanted)
        return;
    int length = fprintf(stream, "%s - ", note->path);
    help_wrap(note->help, 0, (size_t)length, stream);
    if (!note->expected)
        return;
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

static void print_below(void *user, const hpac_config_key_note *note)
{
    const key_search *search = user;
    if (strcmp(note->path, search->key) != 0)
        print_key(user, note);
}

static void print_all(key_search *search)
{
    help_wrap("Keys of a configuration: what is expected, the default, the meaning. hpac help "
              "config KEY shows one in detail, or those of a section, such as data.split. "
              "model.TYPE.KEY is a key of the layers of a type; --set takes their number instead: "
              "--set model.4.rate=0.1.",
              0, 0, search->stream);
    fputc('\n', search->stream);
    hpac_config_visit_keys(print_key, search);
}

hpac_status help_print_config(const char *key, FILE *stream)
{
    key_search search = {.key = key, .stream = stream};
    if (!key) {
        print_all(&search);
        return HPAC_OK;
    }
    search.nearest = hpac_nearest_to(key);
    hpac_config_visit_keys(count, &search);
    if (search.found == 0 && *search.nearest.best)
        return hpac_fail(HPAC_ERR_CONFIG, "unknown key \"%s\"; did you mean %s?", key,
                         search.nearest.best);
    if (search.found == 0)
        return hpac_fail(HPAC_ERR_CONFIG, "unknown key \"%s\"; see hpac help config", key);
    bool detail = search.exact || search.found == 1;
    if (detail)
        hpac_config_visit_keys(print_detail, &search);
    if (detail && search.found > 1)
        fputc('\n', stream);
    if (search.found > 1)
        hpac_config_visit_keys(search.exact ? print_below : print_key, &search);
    return HPAC_OK;
}
