/* The parameters of a stack of layers as groups and datasets. */
#ifndef HPAC_MODEL_MODEL_WEIGHTS_H
#define HPAC_MODEL_MODEL_WEIGHTS_H

#include <hpac/model.h>

#include <hdf5.h>

/* The dimensions of a layer's kernel on its input; returns their number, 0 for layers without. */
int hpac_model_kernel_dims(const hpac_layer *layer, hpac_shape in, hsize_t dims[4]);

/* The same of its bias: 0 or 1. */
int hpac_model_bias_dims(const hpac_layer *layer, hsize_t dims[1]);

/* HPAC_OK when every parameter is finite (and not below 0, if so asked); else DATA, with the
 * layer's number and the index of the value. */
hpac_status hpac_model_check_finite(const hpac_weights *weights, size_t layer_count,
                                    bool not_negative);

/* The state of a training, under hpac/training. */
hpac_status hpac_model_write_training(hid_t file, const hpac_model *model);
/* Reads it into model->training; the layers must be read already. On error, and when the file has
 * none, model->training stays NULL or owns what was read so far (hpac_model_fini). */
hpac_status hpac_model_read_training(hid_t file, hpac_model *model);

#endif
