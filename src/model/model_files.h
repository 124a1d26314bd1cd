/* What reading and writing model files share. */
#ifndef HPAC_MODEL_MODEL_FILES_H
#define HPAC_MODEL_MODEL_FILES_H

#include <hpac/model.h>

#include "hdf5_io.h"

/* HPAC_OK when every parameter is finite, and no variance below 0 (nor, if so asked, any other);
 * else DATA, with the index of the value and, of several layers, the number of the layer. */
hpac_status hpac_tensor_check(const hpac_tensor *tensor, hpac_role role, bool not_negative);
hpac_status hpac_weights_check(const hpac_weights *weights, size_t layer_count, bool not_negative);

/* "kernel, bias": the tensors that a layer has. */
void hpac_weights_list(const hpac_weights *weights, char text[96]);

/* The datasets of a layer's tensors: "PREFIX/kernelSUFFIX", ... */
typedef struct hpac_tensor_names {
    char text[HPAC_ROLE_COUNT][192];
} hpac_tensor_names;
void hpac_tensor_names_make(const char *prefix, const char *suffix, hpac_tensor_names *names);

/* Writes the tensors that have values, with `trained` only what the optimizer changes. */
hpac_status hpac_weights_write(hid_t at, const hpac_tensor_names *names, bool trained,
                               const hpac_weights *weights);

/* Checks that they are those of the model's layers, with `trained` only what the optimizer changes,
 * and finite. */
hpac_status hpac_model_check_weights(const hpac_model *model, const hpac_weights *weights,
                                     bool trained, bool not_negative);

/* hpac_model_load for images of another size than the file's; `size` is read for rows and columns
 * alone. A weight that depends on it must be that of this size. The last layer may be any. */
hpac_status hpac_model_load_sized(const char *path, hpac_shape size, hpac_model *model);
/* Reads the layers of a model file (hpac_model_load) alone, as they are on images of another shape
 * than the file's, into model->layers and model->keras; model->weights stays NULL. Unlike there,
 * the last layer may be any. On error `model` is zeroed. Errors: DATA, naming the file. */
hpac_status hpac_model_load_layers(const char *path, hpac_shape input, hpac_model *model);

/* The configuration of the run that wrote a file (hpac/config), malloc'ed; NULL of a file of Keras.
 * Errors: DATA, naming the object in the file. */
hpac_status hpac_model_read_config(const char *path, char **yaml);

/* Whether the states that the training's options ask for are there, fit and are finite. */
hpac_status hpac_training_check(const hpac_model *model);
/* The state of a training, under hpac/training. */
hpac_status hpac_training_write(hid_t file, const hpac_model *model);
/* Reads it into model->training, if the file has it; the layers must be read already. On error
 * model->training owns what was read so far (hpac_model_fini). */
hpac_status hpac_training_read(hid_t file, hpac_model *model);

/* Keras's description of a model, the JSON in the attribute `model_config`. Written is the form of
 * Keras 2, which Keras 3 reads too: Sequential, or Functional where layers have names or inputs.
 * Read are Sequential and Functional models of Keras 2 (from 2.0 on) and Keras 3. */

/* The name of the input layer in files that hpac writes. */
#define HPAC_KERAS_INPUT_NAME "input_1"

/* Whether a model is written as a graph. */
bool hpac_keras_is_graph(const hpac_model *model);

/* The names of layers in files: their own, with _ for /, or those that Keras would give, "conv2d",
 * "conv2d_1", "dense", ...: a list of malloc'ed texts, all different, with NULL at the end. Errors:
 * INTERNAL (memory). */
hpac_status hpac_keras_name_layers(const hpac_model *model, char ***names);

/* A name of a file as configurations allow it (config_model.c): letters, digits, _ . - and /, of
 * which the first is a letter, at most 63, and zeros behind. */
void hpac_keras_clean_name(const char *name, char clean[HPAC_LAYER_NAME_NBYTES]);

/* The indices (layer_count) of the layers in the order of Keras's `model.layers`, in which it reads
 * the weights of a file. Errors: INTERNAL (memory). */
hpac_status hpac_keras_order_layers(const hpac_model *model, size_t **order);

/* Layers and input as Keras's JSON; malloc'ed, NULL when out of memory. */
char *hpac_keras_config_write(const hpac_model *model, char *const *names);

/* "Keras 3.15.1", by metadata.json, which may be NULL; malloc'ed, NULL when out of memory. */
char *hpac_keras_writer(const char *metadata);

/* Where a file has the weights of a layer. */
typedef struct hpac_keras_source {
    char *name;       /* of the layer: its own, behind those of models around it */
    char *group;      /* in .h5 files: its own name, or that of the outermost model around it */
    char *inner;      /* its name in that model; NULL: it is not in one */
    char *vars;       /* in model.weights.h5: "layers/conv2d_1/vars" */
    bool has_moments; /* Normalization: mean and variance are weights */
} hpac_keras_source;

typedef struct hpac_keras_sources {
    size_t count;
    hpac_keras_source *items;
} hpac_keras_sources;
void hpac_keras_sources_fini(hpac_keras_sources *sources);

/* hpac_fail(DATA) for numbers of a rescale that are for another number of channels, with what to do
 * about it. */
hpac_status hpac_keras_refuse_channels(const char *what, size_t found, size_t channels);

/* Reads Keras's JSON into the input, layers and traits of a zeroed model, and the sources of the
 * layers' weights; an input that the model has already is taken instead of the file's, or with 0
 * channels its size alone. On error, too, both are the caller's to free. Errors: DATA, naming the
 * layer and option by Keras's names, and what was expected. */
hpac_status hpac_keras_config_read(const char *json, hpac_model *model,
                                   hpac_keras_sources *sources);

#endif
