/*
 * The options of Keras's layers that our layers do not have: which values are ours, and which are
 * refused.
 */
#ifndef HPAC_MODEL_KERAS_OPTIONS_H
#define HPAC_MODEL_KERAS_OPTIONS_H

#include <hpac/status.h>

#include <jansson.h>

/* How JSON is shown in messages. */
#define HPAC_KERAS_SHOWN (JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9))

/* hpac_fail(DATA) for an option of a layer, with its value (NULL: missing) and the expected one. */
hpac_status hpac_keras_refuse(const char *layer, const char *class_name, const char *key,
                              json_t *value, const char *expected);

/* Checks all options in a layer's `config` that its reader does not read. An option nobody here
 * knows must be null or false. Errors: DATA, with layer, option and the expected value. */
hpac_status hpac_keras_options_check(const char *layer, const char *class_name, json_t *config);

#endif
