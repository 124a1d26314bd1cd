/*
 * YAML text as a tree of nodes that know their line: the one reader for configurations, sweeps and
 * reports.
 *
 *     HPAC_AUTO(hpac_yaml_fini) hpac_yaml yaml = {0};               // frees all nodes
 *     HPAC_TRY(hpac_yaml_parse(&yaml, &source, text, nbytes, &root));
 *     HPAC_TRY(hpac_yaml_put(&yaml, &root, "train.epochs", 12, value));
 *
 * libfyaml parses the text. The tree is our own, so that an override can put a value of another
 * text anywhere and messages still name where it came from.
 */
#ifndef HPAC_CONFIG_CONFIG_YAML_H
#define HPAC_CONFIG_CONFIG_YAML_H

#include <hpac/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Where a text comes from, for messages. The name is borrowed by the nodes. */
typedef struct hpac_yaml_source {
    const char *name;  /* "configs/demo.yaml"; of a --set "train.epochs=x" */
    bool set;          /* a --set, which has no lines */
    size_t key_nbytes; /* of a --set: of the name up to the = */
} hpac_yaml_source;

typedef enum hpac_yaml_kind { HPAC_YAML_SCALAR, HPAC_YAML_LIST, HPAC_YAML_MAP } hpac_yaml_kind;

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
    size_t count, capacity;
    size_t expanded_count; /* nodes in it, itself included, each alias counted as what it means */
    hpac_yaml_source source;
    int line; /* from 1 */
    /* A layer of a block: what the model names the block by, and the layer's number in it, from 1
     * (config_blocks.c). */
    const hpac_yaml_node *block_use;
    size_t block_layer;
    hpac_yaml_node *next;
};

/* Owns the nodes of any number of parsed texts. */
typedef struct hpac_yaml {
    hpac_yaml_node *nodes;
} hpac_yaml;

/* Reads one document. An empty one has *root NULL. Duplicate keys are kept. Errors: CONFIG for what
 * is not YAML, is not UTF-8, has tags, NUL characters, keys that are not text, more than one
 * document, nests deeper than 32 or expands to more than a million nodes; INTERNAL. */
hpac_status hpac_yaml_parse(hpac_yaml *yaml, const hpac_yaml_source *source, const char *text,
                            size_t nbytes, hpac_yaml_node **root);
void hpac_yaml_fini(hpac_yaml *yaml);

/* Puts `value` at a path (nbytes) of keys joined by dots; elements of lists are counted from 1.
 * Missing sections are made, a value that is there is replaced; shared nodes are copied first.
 * Errors: CONFIG for an empty key or an element the list does not have; INTERNAL. */
hpac_status hpac_yaml_put(hpac_yaml *yaml, hpac_yaml_node **root, const char *path, size_t nbytes,
                          hpac_yaml_node *value);

/* A new node from where another one is, without items or with the text (length) of a scalar, which
 * is copied. */
hpac_status hpac_yaml_add(hpac_yaml *yaml, hpac_yaml_kind kind, const hpac_yaml_node *like,
                          const char *text, size_t length, hpac_yaml_node **node);
/* Appends to a list (key NULL) or map that is not shared. */
hpac_status hpac_yaml_append(hpac_yaml_node *parent, const hpac_yaml_node *key,
                             hpac_yaml_node *value);

/* The value of a key in a map, NULL if there is none or `map` is not a map. */
hpac_yaml_node *hpac_yaml_get(const hpac_yaml_node *map, const char *key);

/* An unquoted null, ~ or nothing at all. */
bool hpac_yaml_is_null(const hpac_yaml_node *node);
bool hpac_yaml_is_word(const hpac_yaml_node *node, const char *word);

/* "configs/demo.yaml:7" or "--set train.epochs=x", cut if long. Returns `place`. */
#define HPAC_YAML_PLACE_NBYTES 320
const char *hpac_yaml_place(const hpac_yaml_node *node, char place[HPAC_YAML_PLACE_NBYTES]);

/* What a node is, for messages: "\"abc\"" cut and without control characters, "a list of 3",
 * "nothing", ... Returns `shown`. */
#define HPAC_SHOWN_NBYTES 80
const char *hpac_yaml_show(const hpac_yaml_node *node, char shown[HPAC_SHOWN_NBYTES]);

/* A value on one line, without the quotes it may need in YAML: "[red, {a: 1}]". */
void hpac_yaml_print(const hpac_yaml_node *node, FILE *stream);

#endif
