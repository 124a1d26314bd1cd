/*
 * The weights that a training starts from: those of a file, fitted to the layers of a model.
 *
 *     HPAC_AUTO(hpac_start_fini) hpac_start start = {0};
 *     HPAC_TRY(hpac_start_init(&start, &model, config->data.channel_order));
 *     HPAC_TRY(hpac_start_read(&start, "densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5"));
 *     ... start.weights[i] where start.fits[i] is LOADED or CONVERTED
 *
 * A tensor of another shape than the layer's is an error but for two that transfer learning needs:
 *
 * 1. The first convolution of a network for 3 channels feeds 1, 2 or 4: its kernels become those
 *    of the data set's channels by their colors (channel_mix.h). A file of Keras does not say what
 *    its channels are; without file_channels they are red, green and blue.
 * 2. The last layer is dense with another number of outputs: it keeps the weights that were drawn.
 */
#ifndef HPAC_MODEL_START_WEIGHTS_H
#define HPAC_MODEL_START_WEIGHTS_H

#include "channel_mix.h"

#include <hpac/model.h>

typedef enum hpac_start_fit {
    HPAC_START_NONE,      /* a layer without weights */
    HPAC_START_DRAWN,     /* the file does not have it: the weights are drawn */
    HPAC_START_LOADED,    /* as in the file */
    HPAC_START_CONVERTED, /* to other channels, or another order of them */
    HPAC_START_NEW_HEAD,  /* drawn, since the file has another number of outputs */
} hpac_start_fit;

typedef struct hpac_start {
    const hpac_model *model; /* layers and input; borrowed */
    const int
        *channel_order; /* (channels of the input) indices into hpac_channel_names; borrowed */
    int file_channels[HPAC_MAX_CHANNELS]; /* of the file, likewise, in its order */
    size_t file_channel_count;            /* 0: not known; as many as the input has are the same */
    char **names;          /* (layer_count) of the layers in files, NULL behind; owned */
    hpac_weights *weights; /* (layer_count) values only where they are from the file; owned */
    hpac_start_fit *fits;  /* (layer_count) owned */
    char **unused;         /* the file's layers that no layer took, NULL behind; owned */
    size_t head_units;     /* of NEW_HEAD: the outputs in the file */
    bool reads_image;      /* a convolution of the image was taken of the file */
} hpac_start;

/* To be finished whatever the status. The model must be a checked one. Errors: INTERNAL. */
hpac_status hpac_start_init(hpac_start *start, const hpac_model *model, const int *channel_order);
void hpac_start_fini(hpac_start *start); /* a zeroed one is fine */

/* The channels of the file (count; 1 to HPAC_MAX_CHANNELS), before weights are taken of it. */
void hpac_start_set_channels(hpac_start *start, const int *channels, size_t count);

/* Takes the weights of a file (weights_file.h) by the names of its layers, _ standing for /, each
 * for one layer; a layer without a name has Keras's: conv2d, conv2d_1, dense. Errors: DATA, naming
 * file and layer: another shape, a name that several layers of the file have, no layer with the
 * name of one of the model's, what weights_file.h refuses. */
hpac_status hpac_start_read(hpac_start *start, const char *path);

/* Takes the weights of a model with the same layers, or the first of them, in their order; they are
 * moved out of it.
 * Errors: DATA, naming the layer, for another shape. */
hpac_status hpac_start_take_model(hpac_start *start, hpac_model *found);

/* How many layers have this fit. */
size_t hpac_start_count(const hpac_start *start, hpac_start_fit fit);

#endif
