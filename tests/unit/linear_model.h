/* The smallest model, every pixel of a picture (picture_directory.h) into every output, and what it
 * must predict, by a formula in double. */
#ifndef LINEAR_MODEL_H
#define LINEAR_MODEL_H

#include "picture_directory.h"

enum { LINEAR_MODEL_CHANNELS = 2, LINEAR_MODEL_TARGETS = 3 };

extern const int linear_model_targets[LINEAR_MODEL_TARGETS];

/* Writes the model whose weights follow from the seed to scratch_path(name), with these class
 * numbers (NULL: none); returns the path. */
const char *linear_model_save(const char *name, uint32_t seed, const int *numbers);

double linear_model_probability(uint32_t seed, size_t row, size_t target);

#endif
