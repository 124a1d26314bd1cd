/* What the parts that read and write Keras's JSON share. */
#ifndef HPAC_MODEL_KERAS_JSON_H
#define HPAC_MODEL_KERAS_JSON_H

#include "model_files.h"

#include "net/layer_table.h"

#include <jansson.h>

/* A layer of a file. */
typedef struct hpac_keras_layer {
    const char *name, *class_name;
    json_t *config;
    const hpac_layer_row *row; /* set by hpac_keras_layer_read */
} hpac_keras_layer;

/* What becomes of a layer. */
typedef enum hpac_keras_note {
    HPAC_KERAS_PLAIN,
    HPAC_KERAS_SKIPPED, /* nothing: InputLayer, Activation("linear") */
    HPAC_KERAS_MOMENTS, /* Normalization whose mean and variance are among the weights */
} hpac_keras_note;

/* Reads a layer on its (first) input. Errors: DATA, without the layer's name. */
hpac_status hpac_keras_layer_read(hpac_keras_layer *at, hpac_shape in, hpac_keras_traits *traits,
                                  hpac_layer *layer, hpac_keras_note *note);

/* Options that no key of the layer table can express: those of `keras_class` that
 * hpac_keras_read_own reads. */
bool hpac_keras_own_key(const char *keras_class, const char *key);
hpac_status hpac_keras_read_own(const hpac_keras_layer *at, hpac_shape in, hpac_layer *layer,
                                hpac_keras_note *note);

/* The layers whose outputs a layer reads, by name. */
typedef struct hpac_keras_references {
    const char *names[HPAC_LAYER_MAX_INPUTS];
    size_t count;
    bool good;
    bool inference; /* called with training=False */
} hpac_keras_references;

/* Reads "inbound_nodes": 1 to HPAC_LAYER_MAX_INPUTS layers, called once. Errors: DATA. */
hpac_status hpac_keras_find_references(json_t *layer, hpac_keras_references *found);
/* The one name under "input_layers" or "output_layers" of a model. Errors: DATA, with the key. */
hpac_status hpac_keras_find_end(json_t *config, const char *key, const char **name);

/* Names the layers by `sources`, if somebody chose a name or a layer reads another one than that
 * before it. */
void hpac_keras_set_names(hpac_model *model, const hpac_keras_sources *sources);

extern const hpac_layer_row hpac_keras_input_row; /* InputLayer */

/* Keras's classes, by hpac_initializer. */
#define HPAC_KERAS_INITIALIZER_COUNT (HPAC_INIT_ZEROS + 1)
extern const char *const hpac_keras_initializers[HPAC_KERAS_INITIALIZER_COUNT];

/* An integer in [1, INT_MAX]. */
bool hpac_keras_read_size(json_t *value, void *size);
/* hpac_fail(DATA) with a value as JSON and the expected one. */
hpac_status hpac_keras_refuse_value(json_t *value, const char *what, const char *expected);

#endif
