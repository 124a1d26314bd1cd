/*
 * Keras's description of a model (the JSON in the attribute `model_config`) and hpac's layers.
 *
 * Written is the form of Keras 2, which Keras 3 reads too. Read are Sequential and linear
 * functional models of Keras 2 (from 2.0 on) and Keras 3.
 */
#ifndef HPAC_MODEL_KERAS_CONFIG_H
#define HPAC_MODEL_KERAS_CONFIG_H

#include <hpac/model.h>

/* The names Keras would give to the layers of a model, "conv2d", "conv2d_1", "dense", ...: a list
 * of malloc'ed texts with NULL at the end. Errors: INTERNAL (memory). */
hpac_status hpac_keras_name_layers(const hpac_model *model, char ***names);

/* Layers and input as Keras's JSON; malloc'ed, NULL when out of memory. */
char *hpac_keras_config_write(const hpac_model *model, char *const *names);

/* Reads Keras's JSON into the input, layers and traits of a zeroed model and a list of the layers'
 * names in the file; on error, too, both are the caller's to free. Errors: DATA, naming the layer
 * and option by Keras's names, and what was expected. */
hpac_status hpac_keras_config_read(const char *json, hpac_model *model, char ***names);

#endif
