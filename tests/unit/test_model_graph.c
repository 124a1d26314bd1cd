/* Models of Keras that are graphs, in HDF5 files and archives. */
#include <hpac/model.h>

#include "formula.h"
#include "model_file.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const hpac_shape input = {.rank = 3, .rows = 12, .cols = 11, .channels = 2};

/* In a graph that order is Keras's `model.layers`: by distance from the output, then as a search
 * from it comes to them. Here the shortcut is first in hpac's and last of the convolutions there.
 */
Test(model_graph, layers_of_a_graph_are_listed_in_the_order_of_keras)
{
    hpac_layer layers[] = {
        {.kind = HPAC_LAYER_CONV2D,
         .filters = 2,
         .kernel_rows = 1,
         .kernel_cols = 1,
         .name = "side/1"},
        {.kind = HPAC_LAYER_CONV2D,
         .filters = 2,
         .kernel_rows = 1,
         .kernel_cols = 1,
         .input_count = 1},
        {.kind = HPAC_LAYER_CONV2D, .filters = 2, .kernel_rows = 1, .kernel_cols = 1},
        {.kind = HPAC_LAYER_ADD, .input_count = 2, .inputs = {3, 1}},
        {.kind = HPAC_LAYER_FLATTEN},
        {.kind = HPAC_LAYER_DENSE,
         .units = 3,
         .activation = HPAC_ACTIVATION_SIGMOID,
         .name = "conv2d_1"},
    };
    hpac_model model = {.input = input, .layer_count = 6, .layers = layers};
    model.weights = hpac_weights_create(layers, 6, input);
    const char *path = scratch_path("graph.h5");
    cr_assert_eq(hpac_model_save(&model, path), HPAC_OK, "%s", hpac_error_message());
    char names[512];
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    read_texts(file, "model_weights", "layer_names", names);
    cr_expect_str_eq(names, "conv2d_2 conv2d_3 side_1 add flatten conv2d_1");
    H5Fclose(file);
    hpac_weights_destroy(model.weights, 6);
    model = load_model(path);
    cr_assert_eq(model.layer_count, 6);
    for (size_t i = 0; i < 6; i++) {
        cr_expect_eq(model.layers[i].kind, layers[i].kind);
        cr_expect_eq(model.layers[i].input_count, layers[i].input_count, "layer %zu", i + 1);
        cr_expect_arr_eq(model.layers[i].inputs, layers[i].inputs, sizeof layers[i].inputs);
    }
    cr_expect_str_eq(model.layers[0].name, "side_1");
    cr_expect_str_eq(model.layers[2].name, "conv2d_3");
    hpac_model_fini(&model);
}

static const struct {
    hpac_layer_kind kind;
    const char *name;
    size_t inputs[2];
} graph_of_keras[] = {
    {HPAC_LAYER_RESCALE, "rescaling", {0}},
    {HPAC_LAYER_RESCALE, "normalization", {1}},
    {HPAC_LAYER_CONV2D, "encoder_conv", {2}},
    {HPAC_LAYER_BATCH_NORM, "encoder_bn", {3}},
    {HPAC_LAYER_ACTIVATION, "encoder_re_lu", {4}},
    {HPAC_LAYER_CONV2D, "residual_conv", {5}},
    {HPAC_LAYER_ADD, "residual_sum", {5, 6}},
    {HPAC_LAYER_GLOBAL_AVGPOOL, "global_average_pooling2d", {7}},
    {HPAC_LAYER_RESHAPE, "reshape", {8}},
    {HPAC_LAYER_CONV2D, "conv2d", {9}},
    {HPAC_LAYER_MULTIPLY, "multiply", {7, 10}}, /* the factor is first in Keras */
    {HPAC_LAYER_ZERO_PAD, "zero_padding2d", {11}},
    {HPAC_LAYER_ZERO_PAD, "zero_padding2d_1", {11}},
    {HPAC_LAYER_DEPTHWISE_CONV2D, "depthwise_conv2d", {12}},
    {HPAC_LAYER_AVGPOOL, "average_pooling2d", {13}},
    {HPAC_LAYER_CONCAT, "concatenate", {14, 15}},
    {HPAC_LAYER_IMAGE_DROPOUT, "dropout", {16}},
    {HPAC_LAYER_SPATIAL_DROPOUT, "spatial_dropout2d", {17}},
    {HPAC_LAYER_GLOBAL_MAXPOOL, "global_max_pooling2d", {18}},
    {HPAC_LAYER_FLATTEN, "vector", {19}},
    {HPAC_LAYER_DENSE, "dense", {20}},
};

#define GRAPH_COUNT (sizeof graph_of_keras / sizeof *graph_of_keras)

static void check_graph(const hpac_model *model, const char *path)
{
    cr_assert_eq(model->layer_count, GRAPH_COUNT);
    for (size_t i = 0; i < GRAPH_COUNT; i++) {
        cr_expect_eq(model->layers[i].kind, graph_of_keras[i].kind, "%s, layer %zu", path, i + 1);
        cr_expect_str_eq(model->layers[i].name, graph_of_keras[i].name);
        for (size_t k = 0; k < hpac_layer_input_count(&model->layers[i]); k++)
            cr_expect_eq(hpac_layer_input(&model->layers[i], i, k), graph_of_keras[i].inputs[k],
                         "%s, layer %zu, input %zu", path, i + 1, k);
    }
    const hpac_layer *first = model->layers, *activation = &first[5];
    cr_expect(first[0].deviation[1] == 4 && first[0].mean[1] == -2);
    cr_expect(first[1].deviation[1] == 2 && first[1].mean[0] == 0.5f);
    cr_expect_eq(activation[-1].activation, HPAC_ACTIVATION_RELU6);
    cr_expect_eq(activation->activation, HPAC_ACTIVATION_SILU);
    cr_expect(first[14].padding == HPAC_PADDING_SAME && first[14].stride_rows == 2);
}

/* formula.py's tensors in Keras's order, of models inside in that of model.get_weights(). */
static void check_graph_weights(const hpac_model *model)
{
    const hpac_tensor *variance = &model->weights[3].tensors[HPAC_MOVING_VARIANCE];
    for (size_t i = 0; i < variance->count; i++)
        cr_expect(variance->values[i] > 0.9f && variance->values[i] < 1.1f);
    cr_expect_eq(model->weights[3].tensors[HPAC_GAMMA].values[0], formula_symmetric(1, 0, 0.05));
}

/* A graph with models inside, and what it is when hpac has written it. */
Test(model_graph, graph_of_keras_is_flattened_and_written_as_one)
{
    hpac_model model = load_model(GRAPH3);
    check_graph(&model, GRAPH3);
    check_graph_weights(&model);
    const char *path = scratch_path("graph.h5");
    cr_assert_eq(hpac_model_save(&model, path), HPAC_OK, "%s", hpac_error_message());
    hpac_model again = load_model(path);
    check_graph(&again, path);
    assert_same_weights(again.weights, model.weights, GRAPH_COUNT);
    hpac_model_fini(&again);
    hpac_model_fini(&model);
}

/* The archive of Keras 3 and its .h5 are the same model. */
Test(model_graph, archive_of_keras_3_is_its_model)
{
    hpac_model model = load_model(GRAPH3), zipped = load_model(ARCHIVE3);
    check_graph(&zipped, ARCHIVE3);
    assert_same_weights(zipped.weights, model.weights, GRAPH_COUNT);
    cr_expect(strncmp(zipped.written_by, "Keras 3.", 8) == 0, "%s", zipped.written_by);
    hpac_model_fini(&zipped);
    hpac_model_fini(&model);
}

/* Weights are found by counting the layers of a class, here up to 11, whatever their names: the
 * tensors have the numbers of formula.py in the order of the layers. */
Test(model_graph, archive_numbers_the_layers_of_a_class)
{
    hpac_model model = load_model("tests/golden/keras3_counted.keras");
    cr_assert_eq(model.layer_count, 17);
    hpac_weights *expected = hpac_weights_create(model.layers, model.layer_count, model.input);
    formula_fill_weights(expected, model.layers, model.layer_count);
    assert_same_weights(model.weights, expected, model.layer_count);
    hpac_weights_destroy(expected, model.layer_count);
    hpac_model_fini(&model);
}

/* ---- damaged archives ---- */

enum { LOCAL_HEADER = 30, CENTRAL_HEADER = 46, CRC_IN_LOCAL = 14, CRC_IN_CENTRAL = 16 };

static const char *const members[] = {"config.json", "metadata.json", "model.weights.h5"};
enum { MEMBERS = sizeof members / sizeof *members };

/* The headers of a member: one before its data, one in the directory at the end. */
static void find_member(unsigned char *bytes, size_t nbytes, const char *name,
                        unsigned char *headers[2])
{
    unsigned char *first = memmem(bytes, nbytes, name, strlen(name));
    cr_assert_not_null(first);
    unsigned char *second =
        memmem(first + 1, nbytes - (size_t)(first + 1 - bytes), name, strlen(name));
    cr_assert_not_null(second);
    headers[0] = first - LOCAL_HEADER;
    headers[1] = second - CENTRAL_HEADER;
    cr_assert(memcmp(headers[0], "PK\3\4", 4) == 0 && memcmp(headers[1], "PK\1\2", 4) == 0);
}

static size_t read_size(const unsigned char *at)
{
    return at[0] | (size_t)at[1] << 8 | (size_t)at[2] << 16 | (size_t)at[3] << 24;
}

/* A changed byte anywhere in the data of a member, and a wrong CRC: the error names the file and
 * the member. */
Test(model_graph, damaged_member_of_an_archive_is_refused)
{
    size_t nbytes;
    unsigned char *bytes = read_bytes(ARCHIVE3, &nbytes);
    for (size_t i = 0; i < MEMBERS; i++) {
        unsigned char *headers[2];
        char named[64];
        snprintf(named, sizeof named, ": %s: cannot be read: ", members[i]);
        find_member(bytes, nbytes, members[i], headers);
        unsigned char *data = headers[0] + LOCAL_HEADER + strlen(members[i]);
        size_t count = read_size(headers[1] + 20);
        for (size_t k = 0; k < count; k += 1 + count / 64) {
            data[k] ^= 0x10;
            assert_refused(scratch_write("damaged.keras", bytes, nbytes), named);
            data[k] ^= 0x10;
        }
        headers[1][CRC_IN_CENTRAL] ^= 1;
        assert_refused(scratch_write("damaged.keras", bytes, nbytes), named);
        headers[0][CRC_IN_LOCAL] ^= 1; /* in both */
        assert_refused(scratch_write("damaged.keras", bytes, nbytes), named);
        headers[1][CRC_IN_CENTRAL] ^= 1;
        headers[0][CRC_IN_LOCAL] ^= 1;
    }
    free(bytes);
}

/* Of the rest, names and headers, some bytes say nothing that matters: what is not refused is the
 * same model. */
Test(model_graph, damaged_headers_of_an_archive_change_nothing_unseen)
{
    hpac_model whole = load_model(ARCHIVE3), model;
    size_t nbytes, refused = 0, checked = 0;
    unsigned char *bytes = read_bytes(ARCHIVE3, &nbytes), *headers[2];
    for (size_t i = 0; i < MEMBERS; i++) {
        find_member(bytes, nbytes, members[i], headers);
        for (size_t k = 0; k < LOCAL_HEADER + CENTRAL_HEADER; k++, checked++) {
            unsigned char *at = k < LOCAL_HEADER ? &headers[0][k] : &headers[1][k - LOCAL_HEADER];
            *at ^= 0x41;
            hpac_status status =
                hpac_model_load(scratch_write("damaged.keras", bytes, nbytes), &model);
            *at ^= 0x41;
            cr_assert(status == HPAC_OK || status == HPAC_ERR_DATA, "%s", hpac_error_message());
            refused += status != HPAC_OK;
            if (status != HPAC_OK)
                continue;
            assert_same_weights(model.weights, whole.weights, GRAPH_COUNT);
            hpac_model_fini(&model);
        }
    }
    cr_expect_gt(refused, checked / 3);
    free(bytes);
    hpac_model_fini(&whole);
}

Test(model_graph, archive_cut_short_is_refused)
{
    size_t nbytes;
    unsigned char *bytes = read_bytes(ARCHIVE3, &nbytes);
    for (size_t count = 4; count < nbytes; count += 97)
        assert_refused(scratch_write("short.keras", bytes, count), "a damaged zip archive: ");
    assert_refused(scratch_write("short.keras", bytes, nbytes - 1), "a damaged zip archive: ");
    free(bytes);
}
