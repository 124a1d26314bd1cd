/* Copies of model files to be edited by a test, and the check that a file is refused. */
#ifndef TESTS_MODEL_FILE_H
#define TESTS_MODEL_FILE_H

#include <hpac/model.h>

#include <hdf5.h>

#define KERAS2 "tests/golden/keras2_sequential.h5"
#define KERAS3 "tests/golden/keras3_sequential.h5"
#define FUNCTIONAL2 "tests/golden/keras2_functional.h5"
#define FUNCTIONAL3 "tests/golden/keras3_functional.h5"
#define GRAPH3 "tests/golden/keras3_graph.h5"
#define ARCHIVE3 "tests/golden/keras3_graph.keras"

/* The whole file, malloc'ed. */
unsigned char *read_bytes(const char *path, size_t *nbytes);

/* Opens a copy of a model file for editing. */
hid_t open_copy(const char *path);
/* Closes it and returns its path, which is the same for all copies of a test. */
const char *close_copy(hid_t file);

/* Sets an attribute to a text of variable length. */
void write_text(hid_t at, const char *name, const char *text);
/* The attribute model_config, for H5free_memory. */
char *read_config(hid_t file);
/* A copy of the file in which the first `from` of its model_config is `to`. */
const char *with_config(const char *path, const char *from, const char *to);

/* The texts of an attribute of the object at `path`, joined by spaces, read without hpac. */
void read_texts(hid_t at, const char *path, const char *name, char joined[512]);

/* Fails the test unless all tensors have the same bits. */
void assert_same_weights(const hpac_weights *a, const hpac_weights *b, size_t layer_count);

/* Loads a model, or fails the test. */
hpac_model load_model(const char *path);
/* Fails the test unless the file is refused with DATA, its path and `expected` in the message. */
void assert_refused(const char *path, const char *expected);

#endif
