/*
 * The schema: tables of all keys, from which configurations are read, written, printed and
 * documented. Two kinds of record have keys: hpac_config (config_schema.c) and hpac_layer
 * (config_model.c).
 */
#ifndef HPAC_CONFIG_CONFIG_SCHEMA_H
#define HPAC_CONFIG_CONFIG_SCHEMA_H

#include "config_yaml.h"

#include <hpac/config.h>

#include "base/nearest.h"

#include <stdint.h>

typedef struct hpac_key hpac_key;
typedef struct hpac_reader hpac_reader;

typedef struct hpac_key_type {
    /* Checks `node` and stores it in `record`; problems go to hpac_reader_refuse. */
    void (*read)(hpac_reader *reader, const hpac_key *key, const char *path,
                 const hpac_yaml_node *node, void *record);
    /* As YAML on one line; nothing for a text that is not set. */
    void (*write)(const hpac_key *key, const void *record, FILE *stream);
    /* The expected value: "an integer in [1, 65536]". */
    void (*describe)(const hpac_key *key, FILE *stream);
    const char *expected; /* instead of describe */
} hpac_key_type;

extern const hpac_key_type hpac_key_integer; /* int, size_t, uint64_t in [min, max], or word; with
                                                `pair` size_t[2]: a number or [rows, cols] */
extern const hpac_key_type hpac_key_number;  /* float; range */
extern const hpac_key_type hpac_key_choice;  /* an enum or bool, an index into choices */
extern const hpac_key_type hpac_key_path;    /* char *, owned, with ~ and ${VARIABLE} expanded */
extern const hpac_key_type hpac_key_list;    /* int[], indices into choices (max), none twice */
extern const hpac_key_type hpac_key_weights; /* train.positive_weights */
extern const hpac_key_type hpac_key_model;   /* model */
extern const hpac_key_type hpac_key_pattern; /* char[nbytes], in a text */
extern const hpac_key_type hpac_key_rules;   /* train.layers */

typedef enum hpac_range {
    HPAC_RANGE_POSITIVE,     /* > 0 */
    HPAC_RANGE_NOT_NEGATIVE, /* >= 0 */
    HPAC_RANGE_FRACTION,     /* [0, 1) */
    HPAC_RANGE_ANY,          /* finite */
} hpac_range;

struct hpac_key {
    const char *path; /* "train.batch_size" */
    const hpac_key_type *type;
    size_t offset, nbytes; /* of the value in its record; 0 bytes: checked, but not stored */
    uint64_t min, max;     /* integer. list: max choices. choice: min is the value of the first */
    bool pair;
    const char *word; /* integer: for word_value. list: for all choices, which may then be given by
                         number, too; without it, an integer N is the first N choices */
    int word_value;
    hpac_range range;             /* number */
    const char *const *choices;   /* choice: ends with NULL. list: (max) */
    const char *noun;             /* list: what a choice is: "class" */
    size_t count_offset;          /* list: of the size_t that counts its elements */
    const char *of;               /* the path of a choice before it: the key is only of some ... */
    unsigned only;                /* ... of its values, a bit each; otherwise it is 0 */
    const char *const *fallbacks; /* the default by that value; `fallback` is their description */
    const char *fallback;         /* the default as YAML; NULL: none */
    bool required;
    const char *help;    /* a sentence or two */
    const char *example; /* a value as YAML for help texts; NULL: the default */
};

#define HPAC_KEY_MAX 72

typedef struct hpac_key_table {
    const hpac_key *keys;
    int count; /* at most HPAC_KEY_MAX */
} hpac_key_table;

extern const hpac_key_table hpac_config_keys;
extern const char *const hpac_key_booleans[];  /* false, true */
extern const char *const hpac_key_negations[]; /* true, false: stored is the opposite */
bool hpac_key_is_boolean(const hpac_key *key);
/* A decimal integer of 64 bits and nothing else. */
bool hpac_key_scan_integer(const hpac_yaml_node *node, uint64_t *value);

/* A configuration being read. */
struct hpac_reader {
    hpac_yaml yaml;
    hpac_problems problems;
    hpac_status status;      /* INTERNAL once memory is out */
    hpac_yaml_source source; /* the file */
    bool expand;             /* ~ and ${VARIABLE} in paths */
    bool incomplete; /* the model lacks layers of blocks with problems, which are reported */
};

/* A map read by a table of keys into a record. */
typedef struct hpac_keys {
    hpac_reader *reader;
    const hpac_key_table *table;
    const char *prefix; /* precedes paths in messages: "" or "model.3." */
    void *record;
    const hpac_yaml_node *nodes[HPAC_KEY_MAX]; /* as read; NULL: not given */
    bool bad[HPAC_KEY_MAX];
    bool meant[HPAC_KEY_MAX]; /* not given, but by a misspelled name that is reported */
} hpac_keys;

/* The value of the choice that a key is of. */
size_t hpac_key_choice_of(const hpac_key_table *table, const hpac_key *key, const void *record);
/* Whether a record has the key: all but those of other values of that choice. */
bool hpac_key_applies(const hpac_key_table *table, const hpac_key *key, const void *record);

/* Reads the map, and the defaults where keys are not given or bad. */
void hpac_keys_read(hpac_keys *keys, const hpac_yaml_node *map);
/* The index of a key in a table by its path, or -1. */
int hpac_keys_find(const hpac_key_table *table, const char *path);
/* Whether keys of a table lie below this path: "data" and "data.split" are sections. */
bool hpac_keys_has_section(const hpac_key_table *table, const char *path);
/* The last part of a key's path for the name that other tools give it ("lr", "num-epochs"), or the
 * name itself. */
const char *hpac_key_name(const char *name);

/* "configs/demo.yaml:7: train.epochs: <format>" as a problem, unless it is reported already. */
void hpac_reader_refuse(hpac_reader *reader, const char *path, const hpac_yaml_node *node,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The same as "expected <expected>, not <node>". */
void hpac_reader_expected(hpac_reader *reader, const char *path, const hpac_yaml_node *node,
                          const char *expected);
/* The same with the key's description. */
void hpac_reader_refuse_value(hpac_reader *reader, const hpac_key *key, const char *path,
                              const hpac_yaml_node *node);
/* Refuses a key that its map has before `index` already; true if so. */
bool hpac_reader_refuse_duplicate(hpac_reader *reader, const char *path, const hpac_yaml_node *map,
                                  size_t index);

/* A path with ~ and ${VARIABLE} expanded, malloc'ed; NULL, and a problem, when that is not
 * possible. */
char *hpac_reader_path(hpac_reader *reader, const char *path, const hpac_yaml_node *node);

/* A value for a key, from another document than the configuration's own. */
typedef struct hpac_config_value {
    const char *path; /* "train.epochs", "model.3.rate" */
    hpac_yaml_node *node;
} hpac_config_value;

/* The sources of a configuration: later ones override earlier ones. */
typedef struct hpac_config_parts {
    const char *document; /* the file's name, which names the configuration too */
    const char *text;     /* of that file */
    size_t nbytes;
    const hpac_config_value *values; /* (value_count); the nodes are not changed */
    int value_count;
    const char *const *sets; /* (set_count) "key=value" of the command line */
    int set_count;
    bool expand; /* ~ and ${VARIABLE} in paths; not in files that hpac wrote */
} hpac_config_parts;

/* Reads and checks a configuration. On CONFIG either `problems` has a line for each problem, to be
 * freed by the caller, or none, and the message says why nothing could be read. */
hpac_status hpac_config_assemble(const hpac_config_parts *parts, hpac_problems *problems,
                                 hpac_config *config);
/* Replaces the blocks that the model names by their layers (config_blocks.c). Problems are noted,
 * and reader->incomplete is set then. */
hpac_status hpac_blocks_expand(hpac_reader *reader, hpac_yaml_node **root);
/* Whether a scalar can be the name of a layer, and whether one of the first `count` layers has the
 * name that another reads, or input; otherwise false, and a problem. */
bool hpac_model_check_name(hpac_reader *reader, const char *path, const hpac_yaml_node *name);
bool hpac_model_check_input(hpac_reader *reader, const char *path, const hpac_yaml_node *named,
                            const hpac_yaml_node *model, size_t count);

/* ---- config_model_file.c ---- */

/* Whether the model is a map, {file: NAME}, in place of a list of layers. */
bool hpac_model_is_file(const hpac_yaml_node *root);
/* Puts a value at "model.file" or "model.layers"; a list of layers is replaced by a map. */
hpac_status hpac_model_file_put(hpac_reader *reader, const char *path, hpac_yaml_node *value,
                                hpac_yaml_node **root);
/* Replaces such a map by the layers of the file, and those that it has behind them. Problems are
 * noted, and *expanded is false then; what the input of the model depends on must be in the tree.
 */
hpac_status hpac_model_file_expand(hpac_reader *reader, hpac_yaml_node **root, bool *expanded);

/* "configs/demo.yaml" is called "demo". malloc'ed; NULL: no memory. */
char *hpac_config_name_of(const char *path);
/* The text of a file, malloc'ed; `what` it is precedes messages. Errors: CONFIG. */
hpac_status hpac_config_read_file(const char *what, const char *path, char **text, size_t *nbytes);

/* The value of a key as YAML on one line, malloc'ed: any key of the schema, "model.3" or
 * "model.3.rate". "" for what the configuration does not have; NULL when memory is out. */
char *hpac_config_value_text(const hpac_config *config, const char *path);

/* Checks a configuration as if it were read from its text: members may have been changed since.
 * Errors: those of hpac_config_parse; INTERNAL without a name. */
hpac_status hpac_config_check(const hpac_config *config);

/* One key of a layer ("rate", "type"), or nothing if its type has none of this name; NULL: all, as
 * {type: conv2d, ...}. The units of the last layer are written as `classes`. */
void hpac_layer_write(const hpac_config *config, size_t index, const char *name, FILE *stream);
/* Resolves `units: classes` and checks the stack against the prepared image. */
void hpac_model_finish(hpac_reader *reader, const hpac_yaml_node *model, hpac_config *config);
/* The layer types, the keys of blocks and of the elements of train.layers, and the keys of a table
 * that begin with `section` ("" for all) and have a help text, `prefix` preceding their paths, as
 * parts of docs/configuration.md. */
void hpac_layers_print_reference(FILE *stream);
void hpac_blocks_print_reference(FILE *stream);
void hpac_rules_print_reference(FILE *stream);
void hpac_keys_print_reference(const hpac_key_table *table, const char *section, const char *prefix,
                               FILE *stream);
/* Visits the keys of a table that have a help text; `prefix` precedes their paths. */
void hpac_keys_visit(const hpac_key_table *table, const char *prefix,
                     void (*visit)(void *user, const hpac_config_key_note *note), void *user);
/* Visits the keys of the elements of train.layers, and of blocks. */
void hpac_rules_visit(void (*visit)(void *user, const hpac_config_key_note *note), void *user);
void hpac_blocks_visit(void (*visit)(void *user, const hpac_config_key_note *note), void *user);
/* Visits the types of layers, and after each type its keys. */
void hpac_layers_visit(void (*visit)(void *user, const hpac_config_key_note *note), void *user);

#endif
