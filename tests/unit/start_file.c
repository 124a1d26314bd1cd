#include "start_file.h"

#include "formula.h"
#include "model/model_files.h"
#include "tested_device.h"

#include <criterion/criterion.h>
#include <libdeflate.h>
#include <string.h>

const hpac_shape images = {3, 12, 10, 3};
const int rgb[] = {2, 0, 1};

float expected_value(const char *layer, hpac_role role, size_t index)
{
    char text[64];
    bool around_1 = role == HPAC_GAMMA || role == HPAC_MOVING_VARIANCE;
    int length = snprintf(text, sizeof text, "%s/%s", layer, hpac_role_name(role));
    uint32_t seed = libdeflate_crc32(0, text, (size_t)length) % 1000;
    return (float)around_1 + formula_symmetric(seed, index, 0.5);
}

size_t find_layer(const hpac_start *start, const char *name)
{
    size_t i = 0;
    while (i < start->model->layer_count && strcmp(start->names[i], name) != 0)
        i++;
    cr_assert_lt(i, start->model->layer_count, "no layer %s", name);
    return i;
}

void expect_stored(const hpac_start *start, const char *name, const char *keras)
{
    size_t layer = find_layer(start, name);
    const hpac_weights *weights = &start->weights[layer];
    cr_expect_eq(start->fits[layer], HPAC_START_LOADED, "%s", name);
    for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++)
        for (size_t k = 0; k < weights->tensors[role].count; k++) {
            cr_assert_not_null(weights->tensors[role].values, "%s", name);
            cr_assert_eq(weights->tensors[role].values[k], expected_value(keras, role, k),
                         "%s/%s %zu", name, hpac_role_name(role), k);
        }
}

hpac_model layers_of(hpac_shape input, size_t units)
{
    hpac_model model;
    assert_ok(hpac_model_load_layers(MODEL, input, &model));
    model.layers[model.layer_count - 1].units = units;
    assert_ok(hpac_layers_check(model.layers, model.layer_count, input, units, NULL));
    return model;
}

hpac_model layers_without_normalization(size_t channels, size_t units)
{
    hpac_shape input = images;
    hpac_model model = layers_of(images, units);
    input.channels = channels;
    memmove(model.layers, model.layers + 2, (model.layer_count - 2) * sizeof *model.layers);
    model.layer_count -= 2;
    for (size_t i = 0; i < model.layer_count; i++)
        for (size_t k = 0; k < model.layers[i].input_count; k++)
            model.layers[i].inputs[k] -= 2;
    model.input = input;
    assert_ok(hpac_layers_check(model.layers, model.layer_count, input, units, NULL));
    return model;
}

void refuses_weights(hpac_model model, const char *path, const char *expected)
{
    hpac_start start;
    char message[512];
    assert_ok(hpac_start_init(&start, &model, rgb));
    cr_expect_eq(hpac_start_read(&start, path), HPAC_ERR_DATA, "%s", expected);
    snprintf(message, sizeof message, "%s: %s", path, expected);
    cr_expect_eq(strncmp(hpac_error_message(), message, strlen(message)), 0,
                 "expected: %s\ngot: %s", message, hpac_error_message());
    hpac_start_fini(&start);
    hpac_model_fini(&model);
}
