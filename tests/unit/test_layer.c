/* Shapes and parameter counts of layers, against the reference notebooks and Keras's rules. */
#include <hpac/layer.h>

#include "layers.h"

#include <criterion/criterion.h>
#include <string.h>

static const hpac_shape gray128 = {.rank = 3, .rows = 128, .cols = 128, .channels = 1};

/* The improved model of the reference notebooks, with `classes` outputs. */
static void make_improved(hpac_layer layers[8], size_t classes)
{
    const hpac_layer stack[8] = {
        CONV2D(16), CONV2D(32), MAXPOOL,       DROPOUT(0.25f),
        FLATTEN,    DENSE(64),  DROPOUT(0.5f), OUTPUT(classes),
    };
    memcpy(layers, stack, sizeof stack);
}

static size_t count_parameters(size_t classes)
{
    hpac_layer layers[8];
    hpac_shape shapes[8], in = gray128;
    make_improved(layers, classes);
    cr_assert_eq(hpac_layers_check(layers, 8, gray128, classes, shapes), HPAC_OK, "%s",
                 hpac_error_message());
    size_t count = 0;
    for (int i = 0; i < 8; i++) {
        hpac_weights weights = hpac_layer_weights(&layers[i], in);
        count += hpac_weights_parameter_count(&weights);
        in = shapes[i];
    }
    return count;
}

Test(layer, improved_model_has_the_parameters_of_keras)
{
    cr_assert_eq(count_parameters(28), 7879196);
    cr_assert_eq(count_parameters(3), 7877571);
}

Test(layer, shapes_of_the_improved_model)
{
    hpac_layer layers[8];
    hpac_shape shapes[8];
    make_improved(layers, 28);
    cr_assert_eq(hpac_layers_check(layers, 8, gray128, 28, shapes), HPAC_OK);
    cr_assert(shapes[0].rows == 126 && shapes[0].cols == 126 && shapes[0].channels == 16);
    cr_assert(shapes[1].rows == 124 && shapes[1].cols == 124 && shapes[1].channels == 32);
    cr_assert(shapes[2].rows == 62 && shapes[2].cols == 62 && shapes[2].channels == 32);
    cr_assert(shapes[4].rank == 1 && shapes[4].channels == 123008);
    cr_assert(shapes[7].rank == 1 && shapes[7].channels == 28);
}

static void expect_refusal(const hpac_layer *layers, size_t count, hpac_shape input,
                           const char *part)
{
    hpac_shape shapes[8];
    cr_assert_eq(hpac_layers_check(layers, count, input, 3, shapes), HPAC_ERR_CONFIG);
    cr_assert(strstr(hpac_error_message(), part), "\"%s\" lacks \"%s\"", hpac_error_message(),
              part);
}

Test(layer, impossible_stacks_are_refused_with_number_and_shapes)
{
    const hpac_layer dense = {
        .kind = HPAC_LAYER_DENSE, .units = 3, .activation = HPAC_ACTIVATION_SIGMOID};
    const hpac_layer flatten = {.kind = HPAC_LAYER_FLATTEN};
    const hpac_layer conv = {
        .kind = HPAC_LAYER_CONV2D, .filters = 2, .kernel_rows = 3, .kernel_cols = 3};
    const hpac_layer pool = {.kind = HPAC_LAYER_MAXPOOL, .kernel_rows = 2, .kernel_cols = 2};
    const hpac_layer dropout = {.kind = HPAC_LAYER_DROPOUT, .rate = 1.0f};
    const hpac_shape small = {.rank = 3, .rows = 4, .cols = 4, .channels = 2};

    expect_refusal((hpac_layer[]){dense}, 1, small, "layer 1 (dense): expected a vector");
    expect_refusal((hpac_layer[]){flatten, conv, dense}, 3, small, "got a vector (32)");
    expect_refusal((hpac_layer[]){conv, conv, flatten, dense}, 4, small,
                   "layer 2 (conv2d): a window of 3 x 3 does not fit into (2, 2, 2)");
    expect_refusal((hpac_layer[]){pool, pool, pool, flatten, dense}, 5, small, "layer 3 (maxpool)");
    expect_refusal((hpac_layer[]){dropout, flatten, dense}, 3, small, "rate 1");
    expect_refusal((hpac_layer[]){{.kind = HPAC_LAYER_ACTIVATION}}, 1, small,
                   "layer 1 (linear): not a layer of its own");
    expect_refusal((hpac_layer[]){conv, flatten}, 2, small, "the last layer must be dense with 3");
    expect_refusal(NULL, 0, small, "no layers");
}
