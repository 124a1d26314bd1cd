/*
 * Layers, as configurations and Keras describe them, and their weights. A layer is one line of the
 * configuration, {type: conv2d, filters: 16, kernel: 3, activation: relu}, and one or two
 * operations of a network (op.h: conv2d, relu).
 */
#ifndef HPAC_LAYER_H
#define HPAC_LAYER_H

#include <hpac/op.h>
#include <hpac/status.h>

#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum hpac_layer_kind {
    HPAC_LAYER_CONV2D,
    HPAC_LAYER_MAXPOOL,
    HPAC_LAYER_DROPOUT,
    HPAC_LAYER_FLATTEN,
    HPAC_LAYER_DENSE,
    HPAC_LAYER_ACTIVATION, /* a separate layer: {type: relu} or {type: sigmoid} */
} hpac_layer_kind;

typedef enum hpac_activation {
    HPAC_ACTIVATION_LINEAR,
    HPAC_ACTIVATION_RELU,
    HPAC_ACTIVATION_SIGMOID,
} hpac_activation;

typedef enum hpac_initializer {
    /* VarianceScaling as in the reference notebooks: scale 1, fan-in, truncated normal. */
    HPAC_INIT_VARIANCE_SCALING,
    /* Keras's default: Glorot and Bengio (2010), uniform on +-sqrt(6 / (in + out)). */
    HPAC_INIT_GLOROT_UNIFORM,
} hpac_initializer;

typedef struct hpac_layer {
    hpac_layer_kind kind;
    size_t filters;                  /* conv2d */
    size_t kernel_rows, kernel_cols; /* conv2d: the kernel, stride 1; maxpool: window and stride */
    size_t units;                    /* dense */
    float rate;                      /* dropout: share of values set to 0, [0, 1) */
    hpac_activation activation;      /* conv2d, dense, activation */
    hpac_initializer initializer;    /* conv2d, dense */
} hpac_layer;

/* "conv2d", "relu", ...: the name in configurations. */
const char *hpac_layer_name(const hpac_layer *layer);

/* The output shape of a layer. Errors: CONFIG, with the layer's number (from 1) and both shapes:
 * a window larger than the image, dense before flatten, a convolution after it, an unknown kind or
 * activation, more than 2^31 values or weights. */
hpac_status hpac_layer_output_shape(const hpac_layer *layer, size_t number, hpac_shape in,
                                    hpac_shape *out);

/* Checks a stack: every layer fits the previous one, and the last is dense with `classes` units and
 * a sigmoid. Writes the output shape of each layer to shapes (layer_count), unless NULL. Errors:
 * CONFIG. */
hpac_status hpac_layers_check(const hpac_layer *layers, size_t layer_count, hpac_shape input,
                              size_t classes, hpac_shape *shapes);

/* A layer's options as text: "32, 3x3, relu", "0.25"; "" for a layer without options. */
void hpac_layer_describe(const hpac_layer *layer, char text[48]);

/* Prints a checked stack: one line per layer with options, output shape and parameters. */
void hpac_layers_print(const hpac_layer *layers, size_t layer_count, hpac_shape input,
                       FILE *stream);

/* Numbers in Keras's order. */
typedef struct hpac_tensor {
    size_t rank, dims[4], count;
    float *values; /* (count) owned */
} hpac_tensor;

/* The tensors of one layer; rank and count 0 and NULL where it has none. */
typedef struct hpac_weights {
    hpac_tensor tensors[HPAC_ROLE_COUNT];
} hpac_weights;

/* "kernel", "moving_mean": Keras's name. */
const char *hpac_role_name(hpac_role role);

/* The dimensions and counts of a layer on its input; values are NULL. */
hpac_weights hpac_layer_weights(const hpac_layer *layer, hpac_shape in);
/* How many tensors a layer has, and the numbers in all of them. */
size_t hpac_weights_tensor_count(const hpac_weights *weights);
size_t hpac_weights_parameter_count(const hpac_weights *weights);

/* Allocates the weights of `layers` on `input`, zeroed: an array of layer_count. The stack must
 * have passed hpac_layers_check. NULL: out of memory. */
hpac_weights *hpac_weights_create(const hpac_layer *layers, size_t layer_count, hpac_shape input);
/* The same with all values NULL, for readers that allocate them with malloc. */
hpac_weights *hpac_weights_create_empty(const hpac_layer *layers, size_t layer_count,
                                        hpac_shape input);
void hpac_weights_destroy(hpac_weights *weights, size_t layer_count); /* NULL is fine */

#ifdef __cplusplus
}
#endif

#endif
