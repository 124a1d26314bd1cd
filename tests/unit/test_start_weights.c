/* Weights of files, fitted to the layers of a model. The files
 * (tools/reference/make_start_weights.py) are of one network, whose weights are functions of their
 * names. */
#include "model/model_files.h"
#include "model/start_weights.h"
#include "formula.h"
#include "model_file.h"
#include "scratch.h"
#include "start_file.h"
#include "tested_device.h"

#include <criterion/criterion.h>
#include <hpac/labels.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

TestSuite(start_weights);

/* The layers of the file with weights, as a model calls them, and as the script does. */
static const struct {
    const char *name, *keras;
    bool head;
} stored[] = {
    {"stem_conv", "stem_conv", false},         {"stem_bn", "stem_bn", false},
    {"encoder_conv", "conv", false},           {"encoder_bn", "bn", false},
    {"encoder_depthwise", "depthwise", false}, {"head", "head", true},
};
enum { STORED = sizeof stored / sizeof *stored };

static void expect_all_of(const char *path)
{
    hpac_model model = layers_of(images, 5);
    hpac_start start;
    assert_ok(hpac_start_init(&start, &model, rgb));
    assert_ok(hpac_start_read(&start, path));
    for (size_t i = 0; i < STORED; i++)
        expect_stored(&start, stored[i].name, stored[i].keras);
    cr_expect_eq(hpac_start_count(&start, HPAC_START_LOADED), STORED);
    cr_expect_eq(hpac_start_count(&start, HPAC_START_DRAWN), 0);
    cr_assert_not_null(start.unused[0], "%s", path); /* its means are the configuration's */
    cr_expect_str_eq(start.unused[0], "normalization");
    cr_expect_null(start.unused[1]);
    hpac_start_fini(&start);
    hpac_model_fini(&model);
}

Test(start_weights, are_found_by_names_in_each_layout)
{
    expect_all_of(KERAS2_WEIGHTS);
    expect_all_of(KERAS3_WEIGHTS);
    expect_all_of(MODEL);
    expect_all_of("tests/golden/start_model.h5");
}

/* Means and variances among the weights are the layer's; of images of any size. */
Test(start_weights, normalization_of_a_file_is_part_of_its_layers)
{
    const char *const files[] = {MODEL, "tests/golden/start_model.h5"};
    for (size_t f = 0; f < 4; f++) { /* in whole, and the layers alone */
        hpac_model model;
        assert_ok(f < 2 ? hpac_model_load_sized(files[f], images, &model)
                        : hpac_model_load_layers(files[f - 2], images, &model));
        cr_assert_eq(model.layers[1].kind, HPAC_LAYER_RESCALE);
        for (size_t c = 0; c < 3; c++) {
            uint32_t mean = libdeflate_crc32(0, "normalization/mean", 18) % 1000;
            uint32_t variance = libdeflate_crc32(0, "normalization/variance", 22) % 1000;
            cr_expect_eq(model.layers[1].mean[c], formula_symmetric(mean, c, 0.5));
            cr_expect_eq(model.layers[1].deviation[c],
                         (float)sqrt((double)(1 + formula_symmetric(variance, c, 0.5))));
        }
        cr_expect(model.input.rows == 12 && model.input.cols == 10 && model.input.channels == 3);
        hpac_model_fini(&model);
    }
}

/* By position, with names of hpac's own; a model read in whole. */
Test(start_weights, of_a_model_are_taken_in_the_order_of_its_layers)
{
    hpac_model model = layers_of(images, 5), found;
    hpac_start start;
    assert_ok(hpac_model_load_sized(MODEL, images, &found));
    for (size_t i = 0; i < model.layer_count; i++)
        snprintf(model.layers[i].name, HPAC_LAYER_NAME_NBYTES, "layer/%zu", i);
    assert_ok(hpac_start_init(&start, &model, rgb));
    assert_ok(hpac_start_take_model(&start, &found));
    expect_stored(&start, "layer_3", "stem_conv");
    expect_stored(&start, "layer_5", "conv");
    hpac_start_fini(&start);
    hpac_model_fini(&model);
    hpac_model_fini(&found);
}

/* ---- another head ---- */

Test(start_weights, a_head_of_other_outputs_is_drawn)
{
    hpac_model model = layers_of(images, 3), found;
    hpac_start start;
    assert_ok(hpac_start_init(&start, &model, rgb));
    assert_ok(hpac_start_read(&start, KERAS3_WEIGHTS));
    size_t head = model.layer_count - 1;
    cr_expect_eq(start.fits[head], HPAC_START_NEW_HEAD);
    cr_expect_null(start.weights[head].tensors[HPAC_KERNEL].values);
    cr_expect_null(start.weights[head].tensors[HPAC_BIAS].values);
    cr_expect_eq(start.head_units, 5);
    cr_expect_eq(hpac_start_count(&start, HPAC_START_LOADED), STORED - 1);
    hpac_start_fini(&start);

    assert_ok(hpac_model_load_sized(MODEL, images, &found));
    assert_ok(hpac_start_init(&start, &model, rgb));
    assert_ok(hpac_start_take_model(&start, &found));
    cr_expect_eq(start.fits[head], HPAC_START_NEW_HEAD);
    hpac_start_fini(&start);
    hpac_model_fini(&model);
    hpac_model_fini(&found);
}

static void rename_layer(hpac_layer *layer, const char *name)
{
    snprintf(layer->name, sizeof layer->name, "%s", name);
}

Test(start_weights, layers_that_the_file_does_not_have_are_drawn)
{
    hpac_model model = layers_of(images, 5);
    hpac_start start;
    rename_layer(&model.layers[model.layer_count - 1], "classes");
    assert_ok(hpac_start_init(&start, &model, rgb));
    assert_ok(hpac_start_read(&start, KERAS2_WEIGHTS));
    cr_expect_eq(start.fits[find_layer(&start, "classes")], HPAC_START_DRAWN);
    cr_expect_eq(start.fits[find_layer(&start, "pool")], HPAC_START_NONE);
    cr_expect_str_eq(start.unused[0], "normalization");
    cr_expect_str_eq(start.unused[1], "head");
    cr_expect_null(start.unused[2]);
    hpac_start_fini(&start);
    hpac_model_fini(&model);
}

/* Inside of a model a layer is found by its own name, if no other has it. */
Test(start_weights, names_may_leave_out_the_model_around)
{
    hpac_model model = layers_of(images, 5);
    hpac_start start;
    for (size_t i = 0; i < model.layer_count; i++)
        if (strncmp(model.layers[i].name, "encoder_", 8) == 0)
            memmove(model.layers[i].name, model.layers[i].name + 8,
                    strlen(model.layers[i].name) - 7);
    assert_ok(hpac_start_init(&start, &model, rgb));
    assert_ok(hpac_start_read(&start, KERAS2_WEIGHTS));
    expect_stored(&start, "conv", "conv");
    expect_stored(&start, "bn", "bn");
    hpac_start_fini(&start);
    hpac_model_fini(&model);
}

/* encoder/conv of the file is the layer encoder_conv, and no other one beside it. */
Test(start_weights, a_layer_of_the_file_is_that_of_one_layer)
{
    hpac_model model = layers_of(images, 5);
    hpac_start start;
    rename_layer(&model.layers[3], "conv"); /* before, and of other shape */
    assert_ok(hpac_start_init(&start, &model, rgb));
    assert_ok(hpac_start_read(&start, KERAS2_WEIGHTS));
    cr_expect_eq(start.fits[3], HPAC_START_DRAWN);
    expect_stored(&start, "encoder_conv", "conv");
    cr_expect_str_eq(start.unused[1], "stem_conv");
    hpac_start_fini(&start);
    hpac_model_fini(&model);
}

/* Renames weights of the group of a model in the file: FROM/kernel:0 becomes TO/kernel:0. */
static const char *rename_stored(const char *group_name, const char *from, const char *to)
{
    hid_t file = open_copy(KERAS2_WEIGHTS), links = H5Pcreate(H5P_LINK_CREATE);
    hid_t group = H5Gopen2(file, group_name, H5P_DEFAULT);
    char **names = NULL;
    assert_ok(hpac_hdf5_read_names(group, "weight_names", &names));
    H5Pset_create_intermediate_group(links, 1);
    for (size_t i = 0; names[i]; i++) {
        char name[128];
        if (strncmp(names[i], from, strlen(from)) != 0)
            continue;
        snprintf(name, sizeof name, "%s%s", to, names[i] + strlen(from));
        cr_assert_geq(H5Lmove(group, names[i], group, name, links, H5P_DEFAULT), 0);
        free(names[i]);
        names[i] = strdup(name);
    }
    H5Adelete(group, "weight_names");
    assert_ok(hpac_hdf5_write_names(group, "weight_names", (const char *const *)names,
                                    hpac_names_count(names)));
    hpac_names_free(&names);
    H5Pclose(links);
    H5Gclose(group);
    return close_copy(file);
}

/* Two models of the file have a layer "conv"; the configuration's may be either. */
Test(start_weights, a_name_of_several_layers_is_refused)
{
    const char *path = rename_stored("stem_conv", "stem_conv/", "conv/");
    for (int other = 0; other < 2; other++) { /* whether another layer takes one of them */
        hpac_model model = layers_of(images, 5);
        rename_layer(&model.layers[3], other ? "stem_conv" : "first");
        rename_layer(&model.layers[5], "conv");
        refuses_weights(
            model, path,
            "layer 6, conv: may be 2 layers of the file (stem_conv, encoder_conv); rename it "
            "to one of them, or to none to draw its weights");
    }
}

/* "my conv" of a file is my_conv in YAML, and 2conv layer_2conv. */
Test(start_weights, names_are_those_that_yaml_allows)
{
    static const char *const pairs[][2] = {{"my conv", "my_conv"}, {"2 \xc3\xbc", "layer_2___"}};
    for (size_t i = 0; i < 2; i++) {
        char scope[64];
        hpac_model model = layers_of(images, 5);
        hpac_start start;
        snprintf(scope, sizeof scope, "%s/", pairs[i][0]);
        const char *path = rename_stored("encoder", "conv/", scope);
        rename_layer(&model.layers[5], i == 0 ? "encoder_my_conv" : pairs[i][1]);
        assert_ok(hpac_start_init(&start, &model, rgb));
        assert_ok(hpac_start_read(&start, path));
        expect_stored(&start, model.layers[5].name, "conv");
        hpac_start_fini(&start);
        hpac_model_fini(&model);
    }
}

/* ---- files ---- */

Test(start_weights, other_shapes_are_refused)
{
    hpac_model model = layers_of(images, 5);
    model.layers[3].kernel_rows = 2;
    refuses_weights(model, KERAS2_WEIGHTS,
                    "layer 4, stem_conv (conv2d): kernel (3, 3, 3, 6), expected (2, 3, 3, 6)");
    model = layers_of(images, 5);
    model.layers[3].no_bias = true;
    refuses_weights(model, KERAS3_WEIGHTS,
                    "layer 4, conv2d: layers/conv2d/vars: 2 tensors, expected 1 (kernel)");
    model = layers_of(images, 5); /* a head of other inputs is no new head */
    rename_layer(&model.layers[model.layer_count - 1], "stem_bn");
    rename_layer(&model.layers[4], "other");
    refuses_weights(model, KERAS2_WEIGHTS,
                    "layer 12, dense: stem_bn: 3 tensors, expected 2 (kernel, bias)");
    model = layers_of(images, 5);
    for (size_t i = 0; i < model.layer_count; i++)
        model.layers[i].name[0] = 'x';
    refuses_weights(
        model, KERAS2_WEIGHTS,
        "no layer of the model has the name of one of the file (normalization, stem_conv, "
        "stem_bn, encoder_conv, ... (7)); expected xtem_conv, xtem_bn, xncoder_conv, xncoder_bn, "
        "... (6)");
}

static hpac_model model_of(const hpac_layer *layers, size_t count, size_t channels)
{
    hpac_model model = {.input = images, .layer_count = count};
    model.input.channels = channels;
    model.layers = malloc(count * sizeof *layers);
    memcpy(model.layers, layers, count * sizeof *layers);
    assert_ok(hpac_layers_check(layers, count, model.input, 3, NULL));
    return model;
}

#define CONVOLUTION(name_, filters_, size, ...)                                                    \
    {                                                                                              \
        .kind = HPAC_LAYER_CONV2D, .filters = (filters_), .kernel_rows = (size),                   \
        .kernel_cols = (size), .name = name_, __VA_ARGS__                                          \
    }
#define HEAD                                                                                       \
    {.kind = HPAC_LAYER_GLOBAL_AVGPOOL},                                                           \
    {                                                                                              \
        .kind = HPAC_LAYER_DENSE, .units = 3, .activation = HPAC_ACTIVATION_SIGMOID                \
    }

/* A convolution of the image for other channels than red, green and blue; one for these that does
 * not read the image; a dense layer of other outputs that is not the last one. */
Test(start_weights, only_first_convolutions_and_heads_may_differ)
{
    const hpac_layer six_channels[] = {CONVOLUTION("encoder_conv", 6, 3, .no_bias = true), HEAD};
    const hpac_layer second[] = {CONVOLUTION("first", 4, 1, .no_bias = true),
                                 CONVOLUTION("stem_conv", 6, 3, .no_bias = false), HEAD};
    const hpac_layer inner[] = {
        CONVOLUTION("other", 6, 3, .no_bias = true),
        {.kind = HPAC_LAYER_GLOBAL_AVGPOOL},
        {.kind = HPAC_LAYER_DENSE, .units = 7, .name = "head"},
        {.kind = HPAC_LAYER_DENSE, .units = 3, .activation = HPAC_ACTIVATION_SIGMOID}};
    refuses_weights(model_of(six_channels, 3, 4), KERAS2_WEIGHTS,
                    "layer 1, encoder_conv (conv2d): kernel (3, 3, 6, 6), expected (3, 3, 4, 6)");
    refuses_weights(model_of(second, 4, 4), KERAS2_WEIGHTS,
                    "layer 2, stem_conv (conv2d): kernel (3, 3, 3, 6), expected (3, 3, 4, 6)");
    refuses_weights(model_of(inner, 4, 4), KERAS2_WEIGHTS,
                    "layer 3, head (dense): kernel (6, 5), expected (6, 7)");
}

Test(start_weights, other_files_are_refused)
{
    refuses_weights(layers_of(images, 5), "nowhere.h5", "cannot open");
    refuses_weights(layers_of(images, 5), "README.md", "not an HDF5 file or zip archive");
    hid_t file = open_copy(KERAS2_WEIGHTS);
    cr_assert_geq(H5Ldelete(file, "stem_bn/stem_bn/beta:0", H5P_DEFAULT), 0);
    refuses_weights(layers_of(images, 5), close_copy(file),
                    "layer 5, batch_norm: stem_bn/stem_bn/beta:0: no such dataset");
    file = open_copy(KERAS2_WEIGHTS);
    hid_t values = H5Dopen2(file, "head/head/bias:0", H5P_DEFAULT);
    const float nan_values[] = {0, 1, NAN, 2, 3};
    H5Dwrite(values, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, nan_values);
    H5Dclose(values);
    refuses_weights(
        layers_of(images, 5), close_copy(file),
        "layer 12, dense: head/head/bias:0: bias value 2 is nan, expected a finite number");
    file = open_copy(KERAS2_WEIGHTS);
    const char *names[4000];
    for (size_t i = 0; i < 4000; i++)
        names[i] = "encoder";
    H5Adelete(file, "layer_names");
    assert_ok(hpac_hdf5_write_names(file, "layer_names", names, 4000));
    refuses_weights(layers_of(images, 5), close_copy(file), "more than 8192 layers");
}

/* Splits the names of an attribute in two lists, as Keras does with long ones. */
static void split_names(hid_t at, const char *name)
{
    char **names = NULL, part[64];
    assert_ok(hpac_hdf5_read_names(at, name, &names));
    size_t count = hpac_names_count(names), half = count / 2;
    H5Adelete(at, name);
    for (int i = 0; i < 2; i++) {
        snprintf(part, sizeof part, "%s%d", name, i);
        assert_ok(hpac_hdf5_write_names(at, part, (const char *const *)names + (i ? half : 0),
                                        i ? count - half : half));
    }
    hpac_names_free(&names);
}

Test(start_weights, long_lists_of_names_come_in_parts)
{
    hid_t file = open_copy(KERAS2_WEIGHTS), group = H5Gopen2(file, "encoder", H5P_DEFAULT);
    split_names(file, "layer_names");
    split_names(group, "weight_names");
    H5Gclose(group);
    expect_all_of(close_copy(file));
}

/* DenseNet's conv1/conv; Keras 3 and hpac write _ in place of /. */
Test(start_weights, names_of_files_may_have_slashes)
{
    hid_t file = open_copy(KERAS2_WEIGHTS), groups = H5Pcreate(H5P_LINK_CREATE);
    char **names = NULL;
    assert_ok(hpac_hdf5_read_names(file, "layer_names", &names));
    for (size_t i = 0; names[i]; i++)
        if (strcmp(names[i], "stem_conv") == 0)
            names[i][4] = '/';
    H5Adelete(file, "layer_names");
    assert_ok(hpac_hdf5_write_names(file, "layer_names", (const char *const *)names,
                                    hpac_names_count(names)));
    H5Pset_create_intermediate_group(groups, 1);
    cr_assert_geq(H5Lmove(file, "stem_conv", file, "stem/conv", groups, H5P_DEFAULT), 0);
    hid_t group = H5Gopen2(file, "stem/conv", H5P_DEFAULT);
    static const char *const tensors[] = {"stem/conv/kernel:0", "stem/conv/bias:0"};
    cr_assert_geq(H5Lmove(group, "stem_conv", group, "stem/conv", groups, H5P_DEFAULT), 0);
    H5Adelete(group, "weight_names");
    assert_ok(hpac_hdf5_write_names(group, "weight_names", tensors, 2));
    H5Gclose(group);
    H5Pclose(groups);
    hpac_names_free(&names);
    expect_all_of(close_copy(file));
}

/* Old files of keras.applications have names without groups, res2a_branch2a_W_1:0. */
Test(start_weights, old_names_of_tensors_count_by_their_order)
{
    static const char *const names[] = {"stem_conv_W_1:0", "stem_conv_b_1:0"};
    hid_t file = open_copy(KERAS2_WEIGHTS), group = H5Gopen2(file, "stem_conv", H5P_DEFAULT);
    cr_assert_geq(H5Lmove(group, "stem_conv/kernel:0", group, names[0], H5P_DEFAULT, H5P_DEFAULT),
                  0);
    cr_assert_geq(H5Lmove(group, "stem_conv/bias:0", group, names[1], H5P_DEFAULT, H5P_DEFAULT), 0);
    H5Adelete(group, "weight_names");
    assert_ok(hpac_hdf5_write_names(group, "weight_names", names, 2));
    H5Gclose(group);
    expect_all_of(close_copy(file));
}

/* Keras 3's first versions have no names: there the groups are called by their classes. */
Test(start_weights, without_names_groups_have_those_of_classes)
{
    hid_t file = open_copy(KERAS3_WEIGHTS);
    hid_t vars = H5Gopen2(file, "layers/conv2d/vars", H5P_DEFAULT);
    hpac_model model = layers_of(images, 5);
    hpac_start start;
    H5Adelete(vars, "name");
    H5Gclose(vars);
    rename_layer(&model.layers[3], "conv2d");
    assert_ok(hpac_start_init(&start, &model, rgb));
    assert_ok(hpac_start_read(&start, close_copy(file)));
    expect_stored(&start, "conv2d", "stem_conv");
    hpac_start_fini(&start);
    hpac_model_fini(&model);
}

/* Damage of one byte is found, or is in a number; nothing crashes. */
static void read_damaged(const char *path)
{
    enum { ROUNDS = 60 };
    size_t nbytes, refused = 0;
    unsigned char *bytes = read_bytes(path, &nbytes);
    hpac_model model = layers_of(images, 5);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        unsigned char *at = &bytes[formula_hash(round, 7) % (uint32_t)nbytes], old = *at;
        *at ^= (unsigned char)(formula_hash(round, 99) % 255 + 1);
        const char *damaged = scratch_write("damaged.h5", bytes, nbytes);
        hpac_start start;
        *at = old;
        assert_ok(hpac_start_init(&start, &model, rgb));
        hpac_status status = hpac_start_read(&start, damaged);
        cr_expect(status == HPAC_OK || status == HPAC_ERR_DATA, "%s, round %u", path, round);
        refused += status != HPAC_OK;
        hpac_start_fini(&start);
    }
    cr_expect_gt(refused, 0);
    hpac_model_fini(&model);
    free(bytes);
}

Test(start_weights, damaged_files_do_not_crash)
{
    read_damaged(KERAS2_WEIGHTS);
    read_damaged(KERAS3_WEIGHTS);
}
