#include "linear_model.h"

#include <hpac/model.h>

#include "formula.h"
#include "layers.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { TARGETS = LINEAR_MODEL_TARGETS, CHANNELS = LINEAR_MODEL_CHANNELS, LAYERS = 2 };

const int linear_model_targets[TARGETS] = {7, 0, 3};

static hpac_layer layers[LAYERS] = {FLATTEN, OUTPUT(TARGETS)};

static float weight(uint32_t seed, size_t pixel, size_t target)
{
    return formula_symmetric(seed, pixel * TARGETS + target, 0.5);
}

const char *linear_model_save(const char *name, uint32_t seed, const int *numbers)
{
    hpac_model model = {.input = {3, PICTURE_ROWS, PICTURE_COLS, CHANNELS},
                        .layers = layers,
                        .layer_count = LAYERS,
                        .target_count = numbers ? TARGETS : 0};
    model.weights = hpac_weights_create(layers, LAYERS, model.input);
    cr_assert_not_null(model.weights);
    for (size_t i = 0; i < PICTURE_PIXELS * CHANNELS; i++)
        for (size_t t = 0; t < TARGETS; t++)
            model.weights[1].tensors[HPAC_KERNEL].values[i * TARGETS + t] = weight(seed, i, t);
    if (numbers)
        memcpy(model.targets, numbers, TARGETS * sizeof *numbers);
    cr_assert_eq(hpac_model_save(&model, scratch_path(name)), HPAC_OK, "%s", hpac_error_message());
    hpac_weights_destroy(model.weights, LAYERS);
    return scratch_path(name);
}

double linear_model_probability(uint32_t seed, size_t row, size_t target)
{
    double z = 0;
    size_t i = 0;
    for (int y = 0; y < PICTURE_ROWS; y++)
        for (int x = 0; x < PICTURE_COLS; x++)
            for (int channel = 0; channel < CHANNELS; channel++, i++)
                z += picture_byte(row, channel, y, x) / 255.0 * (double)weight(seed, i, target);
    return 1 / (1 + exp(-z));
}
