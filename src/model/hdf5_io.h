/*
 * The little of HDF5 that model files need: groups, text and number attributes, float datasets.
 *
 * Errors are DATA, with the path of the object in the file ("model_weights/dense/kernel:0"), what
 * was expected, and HDF5's own reason; the caller puts the file's name in front and calls between
 * H5E_BEGIN_TRY and H5E_END_TRY, so that HDF5 does not print.
 */
#ifndef HPAC_MODEL_HDF5_IO_H
#define HPAC_MODEL_HDF5_IO_H

#include "base/memory.h"

/* Calls and types mean in later releases what they meant in 1.10, the oldest that is supported. */
#define H5_USE_110_API
#include <hdf5.h>

/* The file, group, dataset, type, ... is closed at the end of the variable's scope; 0: none. */
#define HPAC_AUTO_HDF5 HPAC_AUTO(hpac_hdf5_close)
void hpac_hdf5_close(hid_t *id);

/* hpac_fail(DATA) with "<path of at>/<name>: <text>" and the reason HDF5 gave, if any. */
hpac_status hpac_hdf5_fail(hid_t at, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Opens a file for reading that has HDF5's signature. Model files are replaced, never changed, so
 * that no lock is needed. */
hpac_status hpac_hdf5_open_file(const char *path, hid_t *file);
/* Opens a file in memory, which HDF5 never writes: a copy of `path`, or with NULL an empty one. */
hpac_status hpac_hdf5_open_in_memory(const char *path, hid_t *file);
/* Writes a file in memory to `path`, atomically: a full disk fails hpac's own write and not HDF5's,
 * which does not survive it. Errors: those of file.h. */
hpac_status hpac_hdf5_write_image(hid_t file, const char *path);

/* ---- writing; attributes belong to `at` ---- */

hpac_status hpac_hdf5_create_group(hid_t at, const char *name, hid_t *group);
hpac_status hpac_hdf5_write_text(hid_t at, const char *name, const char *text);
hpac_status hpac_hdf5_write_names(hid_t at, const char *name, const char *const *names,
                                  size_t count);
/* A scalar when count is 1, else a vector. */
hpac_status hpac_hdf5_write_numbers(hid_t at, const char *name, hid_t type, size_t count,
                                    const void *values);
/* A float32 dataset; groups in its name are created. */
hpac_status hpac_hdf5_write_floats(hid_t at, const char *name, size_t rank, const size_t *dims,
                                   const float *values);

/* ---- reading ---- */

hpac_status hpac_hdf5_open_group(hid_t at, const char *name, hid_t *group);
/* Text of fixed and of variable length are both read; `*text` is malloc'ed and, like the names
 * below, the caller's also on error. */
hpac_status hpac_hdf5_read_text(hid_t at, const char *name, char **text);
/* A list of names, NULL at the end; an empty list of any type has none. Keras splits a list that is
 * too long for an attribute into "<name>0", "<name>1", ... */
hpac_status hpac_hdf5_read_names(hid_t at, const char *name, char ***names);
size_t hpac_names_count(char *const *names);
void hpac_names_free(char ***names); /* for HPAC_AUTO; a NULL list is fine */
/* The attribute must hold exactly `count` numbers of the class and size of `type`. */
hpac_status hpac_hdf5_read_numbers(hid_t at, const char *name, hid_t type, size_t count,
                                   void *values);
/* The dimensions of a dataset, at most 4. */
hpac_status hpac_hdf5_read_shape(hid_t at, const char *name, size_t *rank, size_t dims[4]);
/* Reads a dataset of floats of any width, which must have these dimensions and be wholly in the
 * file. All is checked before memory is allocated, so that a file cannot ask for more than it has.
 * `*values` is malloc'ed and the caller's. */
hpac_status hpac_hdf5_read_floats(hid_t at, const char *name, size_t rank, const size_t *dims,
                                  float **values);

#endif
