/*
 * YAML text as a tree of nodes that know where they stand.
 *
 * libfyaml reads the text; the tree is our own, so that every node has its line, an alias is simply
 * the node it means, and an override can put a value anywhere:
 *
 *     hpac_yaml yaml = {0};
 *     status = hpac_yaml_parse(&yaml, source, text, nbytes, &root);
 *     status = hpac_yaml_put(&yaml, &root, "data.split.fold", value);
 *     hpac_yaml_fini(&yaml);                                   // frees all nodes
 */
#ifndef HPAC_CONFIG_CONFIG_YAML_H
#define HPAC_CONFIG_CONFIG_YAML_H

#include <hpac/status.h>

#include <stdbool.h>
#include <stddef.h>

/* Where a text comes from, for messages. Borrowed by the nodes. */
typedef struct hpac_yaml_source {
    const char *name; /* "configs/demo.yaml" or "--set train.epochs=x" */
    const char *path; /* a --set: the key it sets, "train.epochs"; NULL for a file */
} hpac_yaml_source;

typedef enum hpac_yaml_kind {
    HPAC_YAML_SCALAR,
    HPAC_YAML_LIST,
    HPAC_YAML_MAP,
} hpac_yaml_kind;

typedef struct hpac_yaml_node hpac_yaml_node;

typedef struct hpac_yaml_item {
    const hpac_yaml_node *key; /* a scalar; NULL in lists */
    hpac_yaml_node *value;
} hpac_yaml_item;

struct hpac_yaml_node {
    hpac_yaml_kind kind;
    bool plain;            /* scalar: not quoted, so that it may be a number, true, null */
    const char *text;      /* scalar */
    hpac_yaml_item *items; /* list, map: (count) */
    int count, capacity;
    const hpac_yaml_source *source;
    int line; /* from 1 */
};

/* Owns the nodes of any number of parsed texts. */
typedef struct hpac_yaml {
    struct hpac_yaml_block *blocks;
} hpac_yaml;

/* Reads one document. An empty one has *root NULL. Errors: CONFIG for what is not YAML, is not
 * UTF-8, has tags, NUL characters, keys that are not text, more than one document, or nests deeper
 * than 32. */
hpac_status hpac_yaml_parse(hpac_yaml *yaml, const hpac_yaml_source *source, const char *text,
                            size_t nbytes, hpac_yaml_node **root);
void hpac_yaml_fini(hpac_yaml *yaml);

/* Puts `value` at a path of keys joined by dots; elements of lists are counted from 1. What the
 * path lacks is made, what is there is replaced; nodes that aliases share are copied first. Errors:
 * CONFIG for an empty key or an element the list does not have; INTERNAL. */
hpac_status hpac_yaml_put(hpac_yaml *yaml, hpac_yaml_node **root, const char *path,
                          hpac_yaml_node *value);

/* The source of "--set <set>", of which the first `path_nbytes` are the path. Freed with the nodes.
 * NULL: no memory. */
const hpac_yaml_source *hpac_yaml_source_create(hpac_yaml *yaml, const char *set,
                                                size_t path_nbytes);

/* The value of a key in a map, NULL if there is none or `map` is not a map. */
hpac_yaml_node *hpac_yaml_get(const hpac_yaml_node *map, const char *key);

/* An unquoted null, ~ or nothing at all. */
bool hpac_yaml_is_null(const hpac_yaml_node *node);

/* "configs/demo.yaml:7" or "--set train.epochs=x", cut if long. */
#define HPAC_YAML_PLACE_NBYTES 320
void hpac_yaml_place(const hpac_yaml_node *node, char place[HPAC_YAML_PLACE_NBYTES]);

/* The next code point of UTF-8 text, moving *text behind it; -1, and one byte on, if it is not
 * UTF-8. text < end. */
long hpac_utf8_next(const char **text, const char *end);

#endif
