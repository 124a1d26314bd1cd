/*
 * Layers, as configurations and Keras describe them, and their weights. A layer is one line of the
 * configuration, {type: conv2d, filters: 16, kernel: 3, activation: relu}, and one or two
 * operations of a network (op.h: conv2d, relu). Layers are a graph: each reads the one before it,
 * or those that it names, which stand before it; the last one is the output.
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
    HPAC_LAYER_ACTIVATION, /* a separate layer: {type: relu}, {type: activation, activation: silu}
                            */
    HPAC_LAYER_DEPTHWISE_CONV2D,
    HPAC_LAYER_BATCH_NORM,
    HPAC_LAYER_AVGPOOL,
    HPAC_LAYER_GLOBAL_AVGPOOL,
    HPAC_LAYER_GLOBAL_MAXPOOL,
    HPAC_LAYER_ZERO_PAD,
    HPAC_LAYER_ADD,
    HPAC_LAYER_MULTIPLY,
    HPAC_LAYER_CONCAT,
    HPAC_LAYER_SPATIAL_DROPOUT,
    HPAC_LAYER_RESHAPE,
    HPAC_LAYER_RESCALE,
    HPAC_LAYER_IMAGE_DROPOUT, /* stochastic depth */
} hpac_layer_kind;

typedef enum hpac_activation {
    HPAC_ACTIVATION_LINEAR,
    HPAC_ACTIVATION_RELU,
    HPAC_ACTIVATION_SIGMOID,
    HPAC_ACTIVATION_RELU6,
    HPAC_ACTIVATION_SILU,
    HPAC_ACTIVATION_GELU, /* by the error function, Keras's approximate=False */
    HPAC_ACTIVATION_SOFTPLUS,
    HPAC_ACTIVATION_TANH,
    HPAC_ACTIVATION_SOFTMAX, /* exp(x) / sum of exp(x) over the classes; of the last layer only */
} hpac_activation;

/* How kernels are drawn: from (seed, tensor, index) alone. All but zeros are Keras's
 * VarianceScaling of some scale, fan and distribution (src/net/initializer.c). */
typedef enum hpac_initializer {
    HPAC_INIT_VARIANCE_SCALING, /* as in the reference notebooks: 1, fan-in, truncated normal */
    HPAC_INIT_GLOROT_UNIFORM,   /* Keras's default */
    HPAC_INIT_GLOROT_NORMAL,
    HPAC_INIT_HE_NORMAL,
    HPAC_INIT_HE_UNIFORM,
    HPAC_INIT_LECUN_NORMAL,
    HPAC_INIT_LECUN_UNIFORM,
    HPAC_INIT_ZEROS,
} hpac_initializer;

typedef enum hpac_padding {
    HPAC_PADDING_VALID, /* none */
    HPAC_PADDING_SAME,  /* ceil(size / stride) outputs; the odd one of the zeros comes last */
} hpac_padding;

#define HPAC_LAYER_MAX_INPUTS (HPAC_OP_MAX_SIDES + 1)
#define HPAC_LAYER_NAME_NBYTES 64 /* with the NUL */
#define HPAC_MAX_LAYERS 2048

/* Of numbers that a kind has and that are 0, the default is meant: stride, dilation and groups 1,
 * the stride of pools their window, the depth multiplier 1, momentum 0.99, epsilon 1e-3. */
typedef struct hpac_layer {
    hpac_layer_kind kind;
    size_t filters;                      /* conv2d */
    size_t kernel_rows, kernel_cols;     /* convolutions: the kernel; pools: the window */
    size_t stride_rows, stride_cols;     /* likewise */
    size_t dilation_rows, dilation_cols; /* convolutions */
    hpac_padding padding;                /* convolutions, pools */
    size_t groups;                       /* conv2d */
    size_t depth_multiplier;             /* depthwise_conv2d: filters of each input channel */
    bool no_bias;                        /* convolutions, dense */
    bool no_scale, no_center;            /* batch_norm: without gamma, without beta */
    float momentum, epsilon;             /* batch_norm */
    size_t zeros[4];                     /* zero_pad: top, bottom, left, right */
    bool keep_dims;                      /* global pools: (1, 1, channels), not a vector */
    size_t shape[3];                     /* reshape: rows, cols, channels */
    float mean[HPAC_OP_MAX_RESCALED], deviation[HPAC_OP_MAX_RESCALED]; /* rescale: (channels) */
    size_t rescaled;                                                   /* rescale: channels */
    size_t units;                                                      /* dense */
    float rate; /* dropouts: share of values, channels or images, set to 0, [0, 1) */
    hpac_activation activation;           /* convolutions, dense, activation */
    hpac_initializer initializer;         /* convolutions, dense */
    float l2;                             /* convolutions, dense: weight decay of the kernel */
    char name[HPAC_LAYER_NAME_NBYTES];    /* "": none */
    size_t input_count;                   /* 0: the layer before it, or the image */
    size_t inputs[HPAC_LAYER_MAX_INPUTS]; /* numbers of layers, from 1; 0: the image */
} hpac_layer;

/* "conv2d", "relu", ...: the name in configurations. */
const char *hpac_layer_name(const hpac_layer *layer);

/* Makes options that have their default 0, so that layers that compute the same have the same. */
void hpac_layer_normalize(hpac_layer *layer);

/* How many layers, or the image, a layer reads. */
size_t hpac_layer_input_count(const hpac_layer *layer);
/* The number of one of them: of a layer from 1, 0 for the image. `index` is the layer's own, from
 * 0; `input` in 0 .. count - 1. */
size_t hpac_layer_input(const hpac_layer *layer, size_t index, size_t input);

/* The output shapes of all layers, into shapes (layer_count). Errors: CONFIG, with the layer's
 * number (from 1), name and the shapes: a window larger than the image, dense before flatten,
 * inputs of different shapes; *bad is then its index. */
hpac_status hpac_layers_shapes(const hpac_layer *layers, size_t layer_count, hpac_shape input,
                               hpac_shape *shapes, size_t *bad);

/* Checks a graph: every layer fits those that it reads, every output is read, and the last layer is
 * dense with `classes` units and a sigmoid or softmax. Writes the output shape of each layer to
 * shapes (layer_count), unless NULL. Errors: CONFIG. */
hpac_status hpac_layers_check(const hpac_layer *layers, size_t layer_count, hpac_shape input,
                              size_t classes, hpac_shape *shapes);
/* The same of at least one layer, with the index of the layer that is wrong. */
hpac_status hpac_layers_find_bad(const hpac_layer *layers, size_t layer_count, hpac_shape input,
                                 size_t classes, hpac_shape *shapes, size_t *bad);

#define HPAC_LAYER_TEXT_NBYTES 96
/* A layer's options as text: "32, 3x3, relu", "0.25"; "" for a layer without options. */
void hpac_layer_describe(const hpac_layer *layer, char text[HPAC_LAYER_TEXT_NBYTES]);

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
/* How many tensors a layer has. */
size_t hpac_weights_tensor_count(const hpac_weights *weights);
/* How many numbers all of them have. */
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
