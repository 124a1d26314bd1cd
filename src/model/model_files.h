/* What reading and writing model files share. */
#ifndef HPAC_MODEL_MODEL_FILES_H
#define HPAC_MODEL_MODEL_FILES_H

#include <hpac/model.h>

#include <hdf5.h>

/* HPAC_OK when every parameter is finite (and not below 0, if so asked); else DATA, with the
 * layer's number and the index of the value. */
hpac_status hpac_weights_check(const hpac_weights *weights, size_t layer_count, bool not_negative);

/* A layer's kernel and bias as datasets of these names; nothing without parameters. */
hpac_status hpac_weights_write(hid_t at, const char *kernel, const char *bias,
                               const hpac_weights *weights);
/* Reads both into weights whose dimensions are set (hpac_weights_create_empty). */
hpac_status hpac_weights_read(hid_t at, const char *kernel, const char *bias,
                              hpac_weights *weights);

/* The state of a training, under hpac/training. */
hpac_status hpac_training_write(hid_t file, const hpac_model *model);
/* Reads it into model->training, if the file has it; the layers must be read already. On error
 * model->training owns what was read so far (hpac_model_fini). */
hpac_status hpac_training_read(hid_t file, hpac_model *model);

#endif
