/* The files of tests/golden/start* (tools/reference/make_start_weights.py): one network, whose
 * weights are functions of their names, in each layout. */
#ifndef TESTS_START_FILE_H
#define TESTS_START_FILE_H

#include "model/start_weights.h"

#define MODEL "tests/golden/start_model.keras"
#define KERAS2_WEIGHTS "tests/golden/start_keras2.h5"
#define KERAS3_WEIGHTS "tests/golden/start.weights.h5"

extern const hpac_shape images; /* 12 x 10 x 3 */
extern const int rgb[3];        /* indices into hpac_channel_names */

/* A weight by the name that the script has for its layer. */
float expected_value(const char *layer, hpac_role role, size_t index);

/* The index of the model's layer of this name. */
size_t find_layer(const hpac_start *start, const char *name);
/* Expects the layer called `name` to have the weights of `keras`. */
void expect_stored(const hpac_start *start, const char *name, const char *keras);

/* The layers of the network on images of another shape, with so many outputs. */
hpac_model layers_of(hpac_shape input, size_t units);
/* The same without the two that normalize three channels: pad, stem, ... */
hpac_model layers_without_normalization(size_t channels, size_t units);

/* Expects the file to be refused with DATA, its path and behind it `expected`. Frees the model. */
void refuses_weights(hpac_model model, const char *path, const char *expected);

#endif
