/*
 * Keras's description of a model (the JSON in the attribute `model_config`) and our layers.
 *
 * Written is the form of Keras 2, which Keras 3 reads too. Read are Sequential and linear
 * functional models of Keras 2 (from 2.0 on) and Keras 3.
 */
#ifndef HPAC_MODEL_KERAS_CONFIG_H
#define HPAC_MODEL_KERAS_CONFIG_H

#include <hpac/model.h>

/* The name Keras would give layer `index` of a stack: "conv2d", "conv2d_1", "dense", ... */
typedef struct hpac_keras_name {
    char text[40];
} hpac_keras_name;
hpac_keras_name hpac_keras_layer_name(const hpac_layer *layers, size_t index);

/* The stack as Keras's JSON; malloc'ed, NULL when memory is out. */
char *hpac_keras_config_write(const hpac_layer *layers, size_t layer_count, hpac_shape input);

typedef struct hpac_keras_config {
    hpac_shape input;
    size_t layer_count;
    hpac_layer *layers; /* (layer_count) owned */
    char **names;       /* (layer_count) owned: Keras's names, under which the weights are stored */
    hpac_keras_traits traits;
} hpac_keras_config;

/* Reads Keras's JSON. On error `config` is left zeroed. Errors: DATA, naming the layer and option
 * by Keras's names, and what was expected. */
hpac_status hpac_keras_config_read(const char *json, hpac_keras_config *config);
void hpac_keras_config_fini(hpac_keras_config *config);

#endif
