/*
 * A configuration as a list of keys and values. It is the form in which hpac writes config.yaml
 * that is read here, a key or an item of a list on each line:
 *
 *     train:
 *       epochs: 10
 *     model:
 *       - {type: flatten}
 */
#include "report_internal.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 16

typedef struct walker {
    hpac_status (*on_key)(void *user, const char *path, const char *value);
    void *user;
    const char *keys[DEPTH_MAX]; /* (depth) that the line stands in */
    size_t indents[DEPTH_MAX];
    size_t depth;
    char *items; /* of the list that is being read, owned; NULL: none is */
} walker;

static void join_path(const walker *walk, char *path, size_t nbytes)
{
    size_t length = 0;
    path[0] = '\0';
    for (size_t i = 0; i < walk->depth && length < nbytes; i++)
        length += (size_t)snprintf(path + length, nbytes - length, "%s%s", i > 0 ? "." : "",
                                   walk->keys[i]);
}

static hpac_status call_back(const walker *walk, const char *value)
{
    char path[256];
    join_path(walk, path, sizeof path);
    return walk->on_key(walk->user, path, value);
}

static hpac_status end_list(walker *walk)
{
    if (!walk->items)
        return HPAC_OK;
    hpac_status status = call_back(walk, walk->items);
    free(walk->items);
    walk->items = NULL;
    return status;
}

static hpac_status add_item(walker *walk, const char *item)
{
    char *items = NULL;
    if (asprintf(&items, "%s%s%s", walk->items ? walk->items : "", walk->items ? "; " : "", item) <
        0)
        return hpac_fail_memory(strlen(item));
    free(walk->items);
    walk->items = items;
    return HPAC_OK;
}

/* "key: value" or "key:", which is cut at the colon. A line that is neither is left out. */
static hpac_status add_key(walker *walk, char *line, size_t indent)
{
    while (walk->depth > 0 && walk->indents[walk->depth - 1] >= indent)
        walk->depth--;
    char *colon = line + strcspn(line, ":");
    if (!*colon || walk->depth == DEPTH_MAX)
        return HPAC_OK;
    *colon = '\0';
    walk->keys[walk->depth] = line;
    walk->indents[walk->depth++] = indent;
    const char *value = colon + 1 + strspn(colon + 1, " ");
    return *value ? call_back(walk, value) : HPAC_OK;
}

static hpac_status read_line(walker *walk, char *line)
{
    size_t indent = strspn(line, " ");
    line += indent;
    if (!*line || *line == '#')
        return HPAC_OK;
    if (strncmp(line, "- ", 2) == 0)
        return add_item(walk, line + 2);
    hpac_status status = end_list(walk);
    return status == HPAC_OK ? add_key(walk, line, indent) : status;
}

hpac_status report_config_walk(const char *text,
                               hpac_status (*on_key)(void *user, const char *path,
                                                     const char *value),
                               void *user)
{
    char *copy = strdup(text), *rest = copy;
    if (!copy)
        return hpac_fail_memory(strlen(text));
    walker walk = {.on_key = on_key, .user = user};
    hpac_status status = HPAC_OK;
    for (char *line; status == HPAC_OK && (line = strsep(&rest, "\n"));)
        status = read_line(&walk, line);
    if (status == HPAC_OK)
        status = end_list(&walk);
    free(walk.items);
    free(copy);
    return status;
}

typedef struct wanted_key {
    const char *path;
    char *value; /* owned */
} wanted_key;

static hpac_status on_wanted(void *user, const char *path, const char *value)
{
    wanted_key *wanted = user;
    if (!wanted->value && strcmp(path, wanted->path) == 0)
        wanted->value = strdup(value);
    return HPAC_OK;
}

char *report_config_value(const char *text, const char *path)
{
    wanted_key wanted = {.path = path};
    if (report_config_walk(text, on_wanted, &wanted) == HPAC_OK)
        return wanted.value;
    free(wanted.value);
    return NULL;
}
