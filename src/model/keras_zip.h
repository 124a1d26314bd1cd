/* Keras 3's .keras files: a zip archive of config.json, metadata.json and model.weights.h5. */
#ifndef HPAC_MODEL_KERAS_ZIP_H
#define HPAC_MODEL_KERAS_ZIP_H

#include "hdf5_io.h"

/* Whether the file begins as zip archives do. */
bool hpac_is_zip(const char *path);

typedef struct hpac_keras_zip {
    char *config;   /* config.json */
    char *metadata; /* metadata.json; NULL: there is none */
    hid_t weights;  /* model.weights.h5, in memory */
} hpac_keras_zip;

/* Reads an archive; on error, too, hpac_keras_zip_close. Errors: DATA. */
hpac_status hpac_keras_zip_open(const char *path, hpac_keras_zip *archive);
void hpac_keras_zip_close(hpac_keras_zip *archive);

#endif
