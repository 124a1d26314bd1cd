/* The options of Keras's layers that our layers do not have: values without effect on predictions
 * are accepted, others refused. */
#ifndef HPAC_MODEL_KERAS_OPTIONS_H
#define HPAC_MODEL_KERAS_OPTIONS_H

#include "keras_config.h"

#include "net/layer_table.h"

#include <jansson.h>

/* How JSON is printed in messages. */
#define HPAC_KERAS_SHOWN (JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9))

/* A layer of a file. */
typedef struct hpac_keras_layer {
    const char *name, *class_name;
    json_t *config;
    const hpac_layer_row *row; /* NULL: an InputLayer */
} hpac_keras_layer;

/* hpac_fail(DATA) for an option of a layer, with its value and the expected one. */
hpac_status hpac_keras_refuse(const hpac_keras_layer *layer, const char *key, const char *expected);

/* Checks all options of a layer that are not keys of its row, and adds to `traits` what only bears
 * on training. An unknown option must be null or false. Errors: DATA, with layer, option and the
 * expected value. */
hpac_status hpac_keras_options_check(const hpac_keras_layer *layer, hpac_keras_traits *traits);

#endif
