/*
 * The little of HDF5 that model files need: groups, text and number attributes, float datasets.
 *
 * Errors name the object by its path in the file ("model_weights/dense/kernel:0") and what was
 * expected; the caller puts the file's name in front. HDF5's own error printing is to be silenced
 * around all calls; its reason is part of the message.
 */
#ifndef HPAC_MODEL_HDF5_IO_H
#define HPAC_MODEL_HDF5_IO_H

#include <hpac/status.h>

#include <hdf5.h>
#include <stdbool.h>

/* What printed HDF5's errors before they were silenced. */
typedef struct hpac_hdf5_printing {
    H5E_auto2_t function;
    void *data;
} hpac_hdf5_printing;

hpac_hdf5_printing hpac_hdf5_silence(void);
void hpac_hdf5_restore(hpac_hdf5_printing printing);

/* hpac_fail(DATA) with "<path of at>/<name>: <text>" and the reason HDF5 gave, if any. */
hpac_status hpac_hdf5_fail(hid_t at, const char *name, const char *text);

/* Opens the model file `path` for reading; model files are replaced, never changed, so that no lock
 * is needed. Messages are "HDF5: <text>". */
hpac_status hpac_hdf5_open(const char *path, const char *text, hid_t *file);
/* Writes a file that HDF5 keeps in memory (H5Pset_fapl_core) to `path`, atomically: a full disk
 * meets our own write and not HDF5, which does not survive one. Errors: those of file.h. */
hpac_status hpac_hdf5_write_image(hid_t file, const char *path);

/* Writing. A name with slashes makes the groups on its way. Attributes hang on `at`. */
hpac_status hpac_hdf5_create_group(hid_t at, const char *name, hid_t *group);
hpac_status hpac_hdf5_write_text(hid_t at, const char *name, const char *text);
hpac_status hpac_hdf5_write_names(hid_t at, const char *name, const char *const *names,
                                  size_t count);
/* A scalar when count is 1, else a vector. */
hpac_status hpac_hdf5_write_numbers(hid_t at, const char *name, hid_t type, hsize_t count,
                                    const void *values);
hpac_status hpac_hdf5_write_floats(hid_t at, const char *name, int rank, const hsize_t *dims,
                                   const float *values);

/* Reading. */
bool hpac_hdf5_has_group(hid_t at, const char *name);
bool hpac_hdf5_has_attribute(hid_t at, const char *name);
hpac_status hpac_hdf5_open_group(hid_t at, const char *name, hid_t *group);
/* `*text` is malloc'ed and the caller's. Text of fixed and of variable length are both read. */
hpac_status hpac_hdf5_read_text(hid_t at, const char *name, char **text);
/* `*names` is one malloc'ed block, pointers and texts; an empty list of any type is no names. */
hpac_status hpac_hdf5_read_names(hid_t at, const char *name, char ***names, size_t *count);
/* The attribute must hold exactly `count` numbers of the class and size of `type`. */
hpac_status hpac_hdf5_read_numbers(hid_t at, const char *name, hid_t type, hsize_t count,
                                   void *values);
/* Elements of a vector attribute; -1 if there is none. */
hssize_t hpac_hdf5_count_numbers(hid_t at, const char *name);

/* Reads a dataset that must be float32, of these dimensions and wholly in the file. With values
 * NULL it is only checked, so that a buffer allocated afterwards is no larger than the file. */
hpac_status hpac_hdf5_read_floats(hid_t at, const char *name, int rank, const hsize_t *dims,
                                  float *values);

#endif
