/*
 * The weights in a file by the names of their layers, whatever the layers are: files of whole
 * models (.h5, .keras) and of weights alone, in Keras 2's layout (layer_names and weight_names, as
 * keras.applications distributes them) and in Keras 3's (.weights.h5).
 */
#ifndef HPAC_MODEL_WEIGHTS_FILE_H
#define HPAC_MODEL_WEIGHTS_FILE_H

#include "hdf5_io.h"
#include "keras_zip.h"

#include <hpac/layer.h>

/* What a layer may be called, the most certain name first: its own at the top of the file; with
 * those of the models around it, "encoder_conv"; its own inside of them. As configurations have
 * them (hpac_keras_clean_name), with _ for /. */
#define HPAC_STORED_NAMES 3

/* A layer of a file that has weights. */
typedef struct hpac_stored_layer {
    char *names[HPAC_STORED_NAMES]; /* owned */
    char *group;                    /* owned: its path in the file */
    char **tensors;                 /* owned: datasets in the group in Keras's order, NULL behind */
    size_t tensor_count, tensor_capacity;
    bool used; /* taken by hpac_weights_file_match */
} hpac_stored_layer;

typedef struct hpac_weights_file {
    hpac_keras_zip archive; /* of a .keras file */
    hid_t file;             /* 0 of such */
    hpac_stored_layer *layers;
    size_t count, capacity;
} hpac_weights_file;

/* Opens a file and lists its layers; to be closed whatever the status. Errors: DATA, naming the
 * object in the file. Like hdf5_io.h for use in hpac_file_probe. */
hpac_status hpac_weights_file_open(const char *path, hpac_weights_file *file);
void hpac_weights_file_close(hpac_weights_file *file);

/* Pairs names (count; NULL ones are skipped) with layers: matches[i] is the layer of names[i] or
 * NULL, and no layer is that of two. More certain names of layers go first. Errors: DATA for a name
 * that several layers have, of which one at least is left, naming them. */
hpac_status hpac_weights_file_match(hpac_weights_file *file, char *const *names, size_t count,
                                    hpac_stored_layer **matches);

/* Reads all tensors of a layer in their own shapes into those that `expected` has, in order.
 * Errors: DATA, also for another number of tensors and values that are not finite. */
hpac_status hpac_weights_file_read(const hpac_weights_file *file, const hpac_stored_layer *layer,
                                   const hpac_weights *expected, hpac_weights *found);

#endif
