/*
 * The kinds of layers: one row each, which configurations, tables, the network and model files all
 * read. Adding a layer starts with a row (docs/adding-a-layer.md).
 */
#ifndef HPAC_NET_LAYER_TABLE_H
#define HPAC_NET_LAYER_TABLE_H

#include <hpac/layer.h>

#include <stdbool.h>

/* The type of a key: what its member of hpac_layer is, and which values are valid. */
typedef enum hpac_layer_key_type {
    HPAC_LAYER_KEY_SIZE,        /* size_t in [1, max]; with `word` also 0 */
    HPAC_LAYER_KEY_PAIR,        /* size_t[2], each in [1, max]: rows, cols */
    HPAC_LAYER_KEY_RATE,        /* float in [0, 1) */
    HPAC_LAYER_KEY_ACTIVATION,  /* hpac_activation; linear by default */
    HPAC_LAYER_KEY_INITIALIZER, /* hpac_initializer; variance_scaling by default */
    HPAC_LAYER_KEY_PADDING,     /* hpac_padding; valid by default */
    HPAC_LAYER_KEY_POSITIVE,    /* float > 0 */
    HPAC_LAYER_KEY_DECAY,       /* float >= 0 */
    HPAC_LAYER_KEY_FLAG,        /* bool */
    HPAC_LAYER_KEY_UNLESS,      /* bool that is true when the key is false: no_bias of `bias` */
    HPAC_LAYER_KEY_ZEROS,       /* size_t[4]: top, bottom, left, right */
    HPAC_LAYER_KEY_SHAPE,       /* size_t[3]: rows, cols, channels */
    HPAC_LAYER_KEY_NUMBERS,     /* float[HPAC_OP_MAX_RESCALED], `rescaled` of them */
} hpac_layer_key_type;

/* A key without a default is required, unless it is optional. */
typedef struct hpac_layer_key {
    const char *keras; /* in files of Keras: "kernel_size"; NULL ends a list of keys */
    const char *name;  /* in configurations: "kernel"; NULL: in files of Keras only */
    hpac_layer_key_type type;
    size_t offset; /* in hpac_layer */
    size_t max;
    const char *word;     /* 0 in configurations */
    const char *fallback; /* the default as YAML; NULL: that of the type, or none */
    const char *example;  /* a value as YAML, for the layer's example; NULL: not in it */
    bool optional;        /* not given it is 0, which means what the help says */
    bool brief;           /* written only with another value than the default */
    const char *help;
} hpac_layer_key;

/* An option of Keras that hpac does not have. */
typedef struct hpac_keras_option {
    const char *key; /* NULL ends a list of options */
    /* As JSON: the value that hpac's layers compute, which is also Keras's default; "=KEY": that of
     * another key; NULL: any, without effect on predictions. */
    const char *value;
    bool written; /* by hpac, since all versions of Keras from 2.0 on know it */
} hpac_keras_option;

typedef struct hpac_layer_row {
    const char *name; /* in configurations; NULL: a second class of Keras for the same layer */
    const char *help;
    hpac_layer blank; /* what the type alone determines */
    hpac_op_kind op;
    size_t min_inputs, max_inputs; /* 0: 1 */
    /* Completes the operation: `out`, which is as `in` before, and what else the kind needs; `in`
     * and `sides` are set. NULL: nothing. Errors: CONFIG. */
    hpac_status (*complete)(const hpac_layer *layer, hpac_op *op);
    /* Writes rank and dimensions of the tensors that the layer has, zeroed before. NULL: none. */
    void (*tensors)(const hpac_layer *layer, hpac_shape in, hpac_tensor tensors[HPAC_ROLE_COUNT]);
    const char *keras_class; /* "MaxPooling2D" */
    const char *keras_name;  /* "max_pooling2d": Keras's default name of the first such layer */
    hpac_layer_key keys[12];
    hpac_keras_option options[12];
} hpac_layer_row;

extern const hpac_layer_row hpac_layer_rows[];
extern const size_t hpac_layer_row_count;

/* In the order of their enumerators; a NULL at the end. */
extern const char *const hpac_activation_names[];
extern const char *const hpac_layer_activation_names[]; /* those of a layer of their own */
extern const char *const hpac_initializer_names[];
extern const char *const hpac_padding_names[];

/* The row of a layer; never NULL for a layer of a checked stack (hpac_layers_check). */
const hpac_layer_row *hpac_layer_row_of(const hpac_layer *layer);
/* By the name in configurations, or by Keras's class; NULL: none. */
const hpac_layer_row *hpac_layer_row_by_name(const char *name);
const hpac_layer_row *hpac_layer_row_by_class(const char *keras_class);

/* HPAC_OK when `weights` (layer_count) have the dimensions of the layers of a checked graph, and
 * memory (with `trained` only for what the optimizer changes); else INTERNAL, with the layer's
 * number. */
hpac_status hpac_weights_fit(const hpac_weights *weights, const hpac_layer *layers,
                             size_t layer_count, hpac_shape input, bool trained);

/* The operation of a layer on inputs of these shapes (hpac_layer_input_count). Errors: CONFIG,
 * without the layer's number. */
hpac_status hpac_layer_op(const hpac_layer *layer, const hpac_shape *inputs, hpac_op *op);

/* That of an activation which is not linear. */
hpac_op hpac_activation_op(hpac_activation activation, hpac_shape shape);

/* "(126, 126, 16)" of an image, "(64)" of a vector. */
typedef struct hpac_shape_text {
    char text[48];
} hpac_shape_text;
hpac_shape_text hpac_shape_describe(hpac_shape shape);

#endif
