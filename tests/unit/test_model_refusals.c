/* Model files that are refused: options hpac lacks, damaged files, files of other kinds. */
#include <hpac/model.h>

#include "base/file.h"

#include "formula.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char keras2[] = "tests/golden/keras2_sequential.h5";
static const char keras3[] = "tests/golden/keras3_sequential.h5";
static const char functional2[] = "tests/golden/keras2_functional.h5";
static const char functional3[] = "tests/golden/keras3_functional.h5";

/* ---- making bad files ---- */

static unsigned char *read_bytes(const char *path, size_t *nbytes)
{
    unsigned char *bytes;
    cr_assert_eq(hpac_file_read(path, 1 << 24, &bytes, nbytes), HPAC_OK, "%s",
                 hpac_error_message());
    return bytes;
}

static const char *copy_of(const char *path)
{
    size_t nbytes;
    unsigned char *bytes = read_bytes(path, &nbytes);
    const char *copy = scratch_write("bad.h5", bytes, nbytes);
    free(bytes);
    return copy;
}

static hid_t open_copy(const char *path)
{
    hid_t file = H5Fopen(copy_of(path), H5F_ACC_RDWR, H5P_DEFAULT);
    cr_assert_geq(file, 0);
    return file;
}

static const char *close_copy(hid_t file)
{
    cr_assert_geq(H5Fclose(file), 0);
    return scratch_path("bad.h5");
}

static void write_text(hid_t at, const char *name, const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, H5T_VARIABLE);
    if (H5Aexists(at, name) > 0)
        H5Adelete(at, name);
    hid_t attribute = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    cr_assert_geq(H5Awrite(attribute, type, &text), 0);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
}

static char *read_config(hid_t file)
{
    hid_t attribute = H5Aopen(file, "model_config", H5P_DEFAULT), type = H5Aget_type(attribute);
    char *text = NULL;
    cr_assert_geq(H5Aread(attribute, type, &text), 0);
    H5Tclose(type);
    H5Aclose(attribute);
    return text;
}

/* A copy of the file in which the first `from` of its model_config is `to`. */
static const char *with_config(const char *path, const char *from, const char *to)
{
    hid_t file = open_copy(path);
    char *config = read_config(file), *place = strstr(config, from), *edited;
    cr_assert_not_null(place, "%s: no %s in %s", path, from, config);
    cr_assert_gt(
        asprintf(&edited, "%.*s%s%s", (int)(place - config), config, to, place + strlen(from)), 0);
    write_text(file, "model_config", edited);
    free(edited);
    H5free_memory(config);
    return close_copy(file);
}

static void assert_refused(const char *path, const char *expected)
{
    hpac_model model;
    memset(&model, 0xAB, sizeof model);
    cr_assert_eq(hpac_model_load(path, &model), HPAC_ERR_DATA, "not refused, or otherwise: %s",
                 expected);
    const char *message = hpac_error_message();
    cr_assert_not_null(strstr(message, path), "%s", message);
    cr_assert_not_null(strstr(message, expected), "message: %s\nexpected in it: %s", message,
                       expected);
    hpac_model zero = {0};
    cr_assert_eq(memcmp(&model, &zero, sizeof zero), 0, "the model was not left zeroed");
}

/* ---- the JSON ---- */

typedef struct config_case {
    const char *path, *from, *to, *expected;
} config_case;

static const config_case refused_configs[] = {
    {keras2, "\"valid\"", "\"same\"",
     "model_config: layer \"conv2d\" (Conv2D): padding \"same\", expected \"valid\""},
    {keras2, "\"strides\": [1, 1]", "\"strides\": [2, 2]",
     "layer \"conv2d\" (Conv2D): strides [2,2], expected [1,1]"},
    {keras2, "\"strides\": [2, 3]", "\"strides\": [1, 1]",
     "layer \"max_pooling2d\" (MaxPooling2D): strides [1,1], expected the pool_size"},
    {keras2, "\"channels_last\"", "\"channels_first\"",
     "(Conv2D): data_format \"channels_first\", expected \"channels_last\""},
    {keras3, "\"dilation_rate\": [1, 1]", "\"dilation_rate\": [2, 2]",
     "(Conv2D): dilation_rate [2,2], expected [1,1]"},
    {keras3, "\"groups\": 1", "\"groups\": 3", "(Conv2D): groups 3, expected 1"},
    {keras3, "\"use_bias\": true", "\"use_bias\": false",
     "(Conv2D): use_bias false, expected true"},
    {keras3, "\"activation\": \"relu\"", "\"activation\": \"elu\"",
     "(Conv2D): activation \"elu\", expected \"linear\", \"relu\" or \"sigmoid\""},
    {keras3, "\"activation\": \"relu\"", "\"activation\": {\"class_name\": \"LeakyReLU\"}",
     "(Conv2D): activation {\"class_name\":\"LeakyReLU\"}, expected"},
    {keras3, "\"activation\": \"sigmoid\"", "\"activation\": \"softmax\"",
     "layer \"dense_1\" (Dense): activation \"softmax\""},
    {keras3, "\"activation\": \"sigmoid\"", "\"activation\": \"linear\"",
     "the last layer must be dense with 3 units (one per target) and activation sigmoid"},
    {keras2, "\"trainable\": true, \"dtype\": \"float32\", \"filters\"",
     "\"trainable\": true, \"dtype\": \"int8_from_float32\", \"filters\"",
     "(Conv2D): dtype \"int8_from_float32\", expected a floating-point type"},
    {keras3, "\"noise_shape\": null", "\"noise_shape\": [1, 2]",
     "layer \"dropout\" (Dropout): noise_shape [1,2], expected null"},
    {keras3, "\"rate\": 0.25", "\"rate\": 1.0", "(Dropout): rate 1.0, expected a number in [0, 1)"},
    {keras3, "\"rate\": 0.25", "\"rate\": \"0.25\"",
     "(Dropout): rate \"0.25\", expected a number in [0, 1)"},
    {keras3, "\"filters\": 3", "\"filters\": 3.0", "filters 3.0, expected a positive integer"},
    {keras3, "\"filters\": 3", "\"filters\": -3", "filters -3, expected a positive integer"},
    {keras3, "\"filters\": 3", "\"filters\": 3000000000", "expected a positive integer"},
    {keras3, "\"filters\": 3,", "", "filters is missing, expected a positive integer"},
    {keras3, "\"filters\": 3", "\"filters\": 4",
     "kernel: shape (3, 2, 2, 3), expected (3, 2, 2, 4)"},
    {keras3, "\"units\": 16", "\"units\": 2147483647", "more than 2^31 values"},
    {keras3, "\"kernel_size\": [3, 2]", "\"kernel_size\": [3]",
     "kernel_size [3], expected two positive integers"},
    {keras3, "\"kernel_size\": [3, 2]", "\"kernel_size\": [300, 2]",
     "layer 1 (conv2d): a window of 300 x 2 does not fit into (10, 9, 2)"},
    {keras3, "\"Conv2D\"", "\"SeparableConv2D\"",
     "layer \"conv2d\" (SeparableConv2D): expected Conv2D, MaxPooling2D, Dropout, Flatten, Dense"},
    {keras3, "\"Flatten\"", "\"GlobalAveragePooling2D\"", "(GlobalAveragePooling2D): expected"},
    {keras3, "\"class_name\": \"Flatten\", ", "", "expected class_name and a config with a name"},
    {keras3, "[null, 10, 9, 2]", "[null, null, null, 2]",
     "input shape [null,null,null,2], expected (batch, rows, cols, channels)"},
    {keras3, "[null, 10, 9, 2]", "[null, 2147483647, 2147483647, 2147483647]", "input shape"},
    {keras3, "\"sparse\": false", "\"sparse\": true", "(InputLayer): sparse true, expected false"},
    {keras3, "\"Sequential\"", "\"WideDeepModel\"",
     "class_name WideDeepModel, expected Sequential or Functional"},
    {keras3, "{\"class_name\"", "[\"class_name\"", "model_config: not JSON (line 1"},
    {keras3, "\"layers\"", "\"no_layers\"", "expected a list of layers"},
    {functional2, "[\"flatten\", 0, 0, {}]", "[\"flatten\", 0, 0, {\"training\": true}]",
     "layer \"dense\": inbound_nodes, expected one plain call on \"flatten\""},
    {functional2, "[\"flatten\", 0, 0, {}]", "[\"conv2d\", 0, 0, {}]",
     "expected one plain call on \"flatten\""},
    {functional2, "[[\"flatten\", 0, 0, {}]]", "[[\"flatten\", 0, 0, {}], [\"conv2d\", 0, 0, {}]]",
     "expected one plain call on \"flatten\""},
    {functional2, "\"output_layers\": [[\"activation_2\", 0, 0]]",
     "\"output_layers\": [[\"activation_2\", 0, 0], [\"dense\", 0, 0]]",
     "output_layers: expected one, the last layer \"activation_2\""},
    {functional2, "\"input_layers\": [[", "\"input_layers\": [[\"a\", 0, 0], [",
     "input_layers: expected one"},
    {functional3, "\"kwargs\": {}", "\"kwargs\": {\"training\": true}",
     "inbound_nodes, expected one plain call"},
    {functional3, "\"negative_slope\": 0.0", "\"negative_slope\": 0.1",
     "(ReLU): negative_slope 0.1, expected 0.0"},
    {functional3, "\"max_value\": null", "\"max_value\": 6.0", "(ReLU): max_value 6.0, expected"},
};

Test(model_refusals, options_that_hpac_lacks)
{
    for (size_t i = 0; i < sizeof refused_configs / sizeof *refused_configs; i++) {
        const config_case *refused = &refused_configs[i];
        assert_refused(with_config(refused->path, refused->from, refused->to), refused->expected);
    }
}

/* Spellings of other versions of Keras that mean what hpac does. */
static const config_case accepted_configs[] = {
    {keras2, "\"groups\": 1, ", "", NULL},
    {keras2, "\"strides\": [2, 3]", "\"strides\": null", NULL},
    {keras2, "\"activation\": \"relu\"",
     "\"activation\": {\"class_name\": \"function\", \"config\": \"relu\"}", NULL},
    {keras3, "\"noise_shape\": null", "\"noise_shape\": null, \"some_new_option\": false", NULL},
    {keras3, "\"dtype\": \"float32\"", "\"dtype\": null", NULL},
    {functional2, "[\"flatten\", 0, 0, {}]", "[\"flatten\", 0, 0, {\"training\": null}]", NULL},
    {functional2, "\"Functional\"", "\"Model\"", NULL},
};

Test(model_refusals, spellings_of_other_versions_are_not_refused)
{
    for (size_t i = 0; i < sizeof accepted_configs / sizeof *accepted_configs; i++) {
        const config_case *accepted = &accepted_configs[i];
        hpac_model model;
        const char *path = with_config(accepted->path, accepted->from, accepted->to);
        cr_assert_eq(hpac_model_load(path, &model), HPAC_OK, "%s: %s", accepted->to,
                     hpac_error_message());
        hpac_model_fini(&model);
    }
}

/* Older versions of h5py wrote text of fixed length, with or without a NUL at its end. */
Test(model_refusals, text_of_fixed_length_is_read)
{
    for (size_t more = 0; more < 2; more++) {
        hid_t file = open_copy(keras2), space = H5Screate(H5S_SCALAR), type = H5Tcopy(H5T_C_S1);
        char *config = read_config(file);
        H5Tset_size(type, strlen(config) + more);
        H5Tset_strpad(type, more ? H5T_STR_NULLTERM : H5T_STR_NULLPAD);
        H5Adelete(file, "model_config");
        hid_t attribute = H5Acreate2(file, "model_config", type, space, H5P_DEFAULT, H5P_DEFAULT);
        cr_assert_geq(H5Awrite(attribute, type, config), 0);
        H5Aclose(attribute);
        H5Tclose(type);
        H5Sclose(space);
        H5free_memory(config);
        hpac_model model;
        cr_assert_eq(hpac_model_load(close_copy(file), &model), HPAC_OK, "%s",
                     hpac_error_message());
        cr_assert_eq(model.layer_count, 6);
        hpac_model_fini(&model);
    }
}

/* Keras before 2.2.3 wrote the bare list, the input's shape in the first layer. */
Test(model_refusals, bare_list_of_old_keras_is_read)
{
    hid_t file = open_copy(keras2);
    char *config = read_config(file), *edited;
    char *first = strstr(config, "{\"class_name\": \"Conv2D\""), *end = strrchr(config, ']');
    cr_assert(first && end);
    cr_assert_gt(asprintf(&edited, "{\"class_name\": \"Sequential\", \"config\": [%.*s]}",
                          (int)(end - first), first),
                 0);
    write_text(file, "model_config", edited);
    free(edited);
    H5free_memory(config);
    assert_refused(close_copy(file), "input shape is missing");
    const char *path = with_config(scratch_path("bad.h5"), "\"config\": {\"name\": \"conv2d\"",
                                   "\"config\": {\"batch_input_shape\": [null, 10, 9, 2], "
                                   "\"name\": \"conv2d\"");
    hpac_model model;
    cr_assert_eq(hpac_model_load(path, &model), HPAC_OK, "%s", hpac_error_message());
    cr_assert_eq(model.layer_count, 6);
    hpac_model_fini(&model);
}

/* ---- the datasets ---- */

#define KERNEL "model_weights/dense/sequential/dense/kernel"

/* Puts another dataset in the place of the dense kernel (36, 16). */
static hid_t replace_kernel(hid_t file, hid_t type, int rank, const hsize_t *dims, hid_t creation)
{
    cr_assert_geq(H5Ldelete(file, KERNEL, H5P_DEFAULT), 0);
    hid_t space = H5Screate_simple(rank, dims, NULL);
    hid_t dataset = H5Dcreate2(file, KERNEL, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    cr_assert_geq(dataset, 0);
    H5Sclose(space);
    return dataset;
}

/* The rows of the dense kernel: what flatten makes of (10, 9, 2). */
static hsize_t kernel_rows(void)
{
    hsize_t dims[2];
    hid_t file = open_copy(keras3), dataset = H5Dopen2(file, KERNEL, H5P_DEFAULT);
    cr_assert_geq(dataset, 0);
    hid_t space = H5Dget_space(dataset);
    cr_assert_eq(H5Sget_simple_extent_dims(space, dims, NULL), 2);
    H5Sclose(space);
    H5Dclose(dataset);
    close_copy(file);
    return dims[0];
}

Test(model_refusals, weights_of_another_shape_or_type)
{
    hsize_t dims[3] = {kernel_rows(), 16, 1};
    float *values = calloc(dims[0] * 16, sizeof *values);
    struct {
        hid_t type;
        int rank;
        bool compressed, written;
        float first;
        const char *expected;
    } cases[] = {
        {H5T_IEEE_F32LE, 3, false, true, 0, "kernel: shape ("},
        {H5T_STD_I32LE, 2, false, true, 0, "kernel: expected a dataset of float16, float32 or"},
        {H5T_IEEE_F32LE, 2, true, true, 0,
         "expected an uncompressed, contiguous dataset stored in this file"},
        {H5T_IEEE_F32LE, 2, false, false, 0,
         "expected an uncompressed, contiguous dataset stored in this file"},
        {H5T_IEEE_F32LE, 2, false, true, NAN, "layer 5: kernel value 0 is nan, expected a finite"},
        {H5T_IEEE_F32LE, 2, false, true, INFINITY, "layer 5: kernel value 0 is inf, expected a"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hid_t file = open_copy(keras3), creation = H5Pcreate(H5P_DATASET_CREATE);
        if (cases[i].compressed) {
            H5Pset_chunk(creation, 2, dims);
            H5Pset_deflate(creation, 6);
        }
        hid_t dataset = replace_kernel(file, cases[i].type, cases[i].rank, dims, creation);
        values[0] = cases[i].first;
        if (cases[i].written)
            cr_assert_geq(
                H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
        H5Dclose(dataset);
        H5Pclose(creation);
        assert_refused(close_copy(file), cases[i].expected);
    }
    free(values);
}

/* The values of a big-endian machine are the same numbers. */
Test(model_refusals, big_endian_weights_are_not_refused)
{
    hsize_t dims[2] = {kernel_rows(), 16};
    float *values = calloc(dims[0] * 16, sizeof *values);
    values[5] = 0.375f;
    hid_t file = open_copy(keras3);
    hid_t dataset = replace_kernel(file, H5T_IEEE_F32BE, 2, dims, H5P_DEFAULT);
    cr_assert_geq(H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
    H5Dclose(dataset);
    free(values);
    hpac_model model;
    cr_assert_eq(hpac_model_load(close_copy(file), &model), HPAC_OK, "%s", hpac_error_message());
    cr_assert(model.weights[4].kernel[5] == 0.375f);
    hpac_model_fini(&model);
}

/* Weights in other files are not followed: nobody chose to open those. */
Test(model_refusals, weights_in_other_files)
{
    hsize_t dims[2] = {kernel_rows(), 16};
    size_t nbytes = dims[0] * 16 * sizeof(float);
    void *zeros = calloc(1, nbytes);
    const char *raw = scratch_write("raw", zeros, nbytes);
    free(zeros);
    hid_t file = open_copy(keras3), creation = H5Pcreate(H5P_DATASET_CREATE);
    cr_assert_geq(H5Pset_external(creation, raw, 0, nbytes), 0);
    H5Dclose(replace_kernel(file, H5T_IEEE_F32LE, 2, dims, creation));
    H5Pclose(creation);
    assert_refused(close_copy(file),
                   "expected an uncompressed, contiguous dataset stored in this file");

    size_t whole_nbytes;
    unsigned char *whole = read_bytes(keras3, &whole_nbytes);
    const char *other = scratch_write("other.h5", whole, whole_nbytes);
    free(whole);
    file = open_copy(keras3);
    cr_assert_geq(H5Ldelete(file, KERNEL, H5P_DEFAULT), 0);
    cr_assert_geq(H5Lcreate_external(other, KERNEL, file, KERNEL, H5P_DEFAULT, H5P_DEFAULT), 0);
    assert_refused(close_copy(file),
                   "expected an uncompressed, contiguous dataset stored in this file");

    file = open_copy(keras3);
    cr_assert_geq(H5Ldelete(file, "model_weights/dense", H5P_DEFAULT), 0);
    cr_assert_geq(H5Lcreate_external(other, "model_weights/dense", file, "model_weights/dense",
                                     H5P_DEFAULT, H5P_DEFAULT),
                  0);
    assert_refused(close_copy(file), "model_weights/dense: a link into another file");
}

Test(model_refusals, missing_objects)
{
    const char *groups[] = {"model_weights", "model_weights/dense", KERNEL};
    const char *group_messages[] = {"model_weights: no such group",
                                    "model_weights/dense: no such group",
                                    "model_weights/dense/sequential/dense/kernel: no such dataset"};
    for (int i = 0; i < 3; i++) {
        hid_t file = open_copy(keras3);
        cr_assert_geq(H5Ldelete(file, groups[i], H5P_DEFAULT), 0);
        assert_refused(close_copy(file), group_messages[i]);
    }
    const char *attributes[][3] = {
        {"/", "model_config", "model_config: no such attribute"},
        {"model_weights", "layer_names", "model_weights/layer_names: no such attribute"},
        {"model_weights/dense", "weight_names",
         "model_weights/dense/weight_names: no such attribute"},
    };
    for (int i = 0; i < 3; i++) {
        hid_t file = open_copy(keras3);
        cr_assert_geq(H5Adelete_by_name(file, attributes[i][0], attributes[i][1], H5P_DEFAULT), 0);
        assert_refused(close_copy(file), attributes[i][2]);
    }
}

Test(model_refusals, names_that_do_not_fit)
{
    hid_t file = open_copy(keras3), group = H5Gopen2(file, "model_weights", H5P_DEFAULT);
    write_text(group, "layer_names", "dense");
    H5Gclose(group);
    assert_refused(close_copy(file), "layer_names: the layer \"conv2d\" of model_config is "
                                     "listed 0 times, expected once");
    file = open_copy(keras3);
    group = H5Gopen2(file, "model_weights/dense", H5P_DEFAULT);
    write_text(group, "weight_names", "sequential/dense/kernel");
    H5Gclose(group);
    assert_refused(close_copy(file), "weight_names: 1 names, expected 2 (kernel, bias)");
    file = open_copy(keras3);
    H5Adelete(file, "model_config");
    group = H5Gopen2(file, "model_weights", H5P_DEFAULT);
    H5Gclose(group);
    hid_t space = H5Screate(H5S_SCALAR);
    H5Aclose(H5Acreate2(file, "model_config", H5T_STD_I32LE, space, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
    assert_refused(close_copy(file), "model_config: expected one string");
}

/* ---- hpac's own part ---- */

static const hpac_layer tiny[] = {
    {.kind = HPAC_LAYER_FLATTEN},
    {.kind = HPAC_LAYER_DENSE, .units = 2, .activation = HPAC_ACTIVATION_SIGMOID},
};
static const hpac_shape tiny_input = {3, 4, 3, 1};

/* A resume file. */
static const char *save_tiny(void)
{
    hpac_layer layers[2];
    memcpy(layers, tiny, sizeof tiny);
    hpac_training_state training = {
        .optimizer = {1.0f, 0.95f, 1e-7f},
        .square_average = hpac_weights_create(tiny, 2, tiny_input),
        .delta_average = hpac_weights_create(tiny, 2, tiny_input),
    };
    hpac_model model = {.input = tiny_input,
                        .layer_count = 2,
                        .layers = layers,
                        .weights = hpac_weights_create(tiny, 2, tiny_input),
                        .targets = {4, 9},
                        .target_count = 2,
                        .training = &training};
    formula_fill_weights(model.weights, tiny, 2);
    const char *path = scratch_path("tiny.h5");
    cr_assert_eq(hpac_model_save(&model, path), HPAC_OK, "%s", hpac_error_message());
    hpac_weights_destroy(model.weights, 2);
    hpac_weights_destroy(training.square_average, 2);
    hpac_weights_destroy(training.delta_average, 2);
    return path;
}

static void replace_targets(hid_t file, const int *targets, hsize_t count)
{
    hid_t space = H5Screate_simple(1, &count, NULL);
    cr_assert_geq(H5Adelete_by_name(file, "hpac", "targets", H5P_DEFAULT), 0);
    hid_t attribute = H5Acreate_by_name(file, "hpac", "targets", H5T_STD_I32LE, space, H5P_DEFAULT,
                                        H5P_DEFAULT, H5P_DEFAULT);
    cr_assert_geq(H5Awrite(attribute, H5T_NATIVE_INT, targets), 0);
    H5Aclose(attribute);
    H5Sclose(space);
}

Test(model_refusals, training_state_of_before_an_epochs_times_were_kept)
{
    hid_t file = open_copy(save_tiny());
    const char *names[] = {"epoch_train_s", "epoch_waited_s", "epoch_timed_image_count"};
    for (int i = 0; i < 3; i++)
        cr_assert_geq(H5Adelete_by_name(file, "hpac/training", names[i], H5P_DEFAULT), 0);
    hpac_model model;
    cr_assert_eq(hpac_model_load(close_copy(file), &model), HPAC_OK, "%s", hpac_error_message());
    cr_assert_not_null(model.training);
    cr_expect(model.training->epoch_train_s == 0 && model.training->epoch_timed_image_count == 0);
    hpac_model_fini(&model);
}

Test(model_refusals, bad_training_state)
{
    const char *path = save_tiny();
    const char *names[] = {"seed", "epoch", "best_loss", "true_positives", "learning_rate"};
    for (int i = 0; i < 5; i++) {
        char expected[128];
        hid_t file = open_copy(path);
        cr_assert_geq(H5Adelete_by_name(file, "hpac/training", names[i], H5P_DEFAULT), 0);
        snprintf(expected, sizeof expected, "hpac/training/%s: no such attribute", names[i]);
        assert_refused(close_copy(file), expected);
    }
    hid_t file = open_copy(path), space = H5Screate(H5S_SCALAR);
    H5Adelete_by_name(file, "hpac/training", "epoch", H5P_DEFAULT);
    H5Aclose(H5Acreate_by_name(file, "hpac/training", "epoch", H5T_IEEE_F64LE, space, H5P_DEFAULT,
                               H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
    assert_refused(close_copy(file), "hpac/training/epoch: expected 1 integers of 4 bytes");

    file = open_copy(path);
    H5Ldelete(file, "hpac/training/2/delta_average/bias", H5P_DEFAULT);
    assert_refused(close_copy(file), "hpac/training/2/delta_average/bias: no such dataset");

    file = open_copy(path);
    hid_t dataset = H5Dopen2(file, "hpac/training/2/square_average/bias", H5P_DEFAULT);
    const float negative[2] = {0, -1};
    H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, negative);
    H5Dclose(dataset);
    assert_refused(close_copy(file), "square_average: layer 2: bias value 1 is -1, expected a "
                                     "finite, not negative number");
}

Test(model_refusals, bad_targets)
{
    const char *path = save_tiny();
    const int twice[] = {4, 4}, outside[] = {4, 28}, three[] = {1, 2, 3};
    hid_t file = open_copy(path);
    replace_targets(file, twice, 2);
    assert_refused(close_copy(file), "hpac/targets: 4, expected different classes in 0..27");
    file = open_copy(path);
    replace_targets(file, outside, 2);
    assert_refused(close_copy(file), "hpac/targets: 28, expected different classes in 0..27");
    file = open_copy(path);
    replace_targets(file, three, 3);
    assert_refused(close_copy(file), "hpac/targets: expected 2, one per output");
}

/* ---- files of other kinds, and damaged ones ---- */

Test(model_refusals, files_of_other_kinds)
{
    assert_refused(scratch_path("missing.h5"), "cannot be opened: No such file or directory");
    assert_refused(scratch_folder(), "not a file");
    assert_refused(scratch_write_text("empty.h5", ""), "not an HDF5 file");
    assert_refused(scratch_write_text("text.h5", "layers: 3\n"), "not an HDF5 file");
    assert_refused(scratch_write("model.keras", "PK\003\004 a zip", 10), "not an HDF5 file");
    assert_refused(scratch_write("only.h5", "\211HDF\r\n\032\n", 8), "damaged or cut short");
    const char *fifo = scratch_path("fifo.h5");
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    assert_refused(fifo, "not a file");
}

/* Keras 3 numbers the weights of its layers; Keras 2 has the groups of model_weights at the root.
 */
Test(model_refusals, weights_without_layers)
{
    static const char expected[] = "weights only, as save_weights() writes them: the layers";
    assert_refused("tests/golden/keras3_only.weights.h5", expected);
    hid_t file = open_copy(keras2), whole = H5Fopen(keras2, H5F_ACC_RDONLY, H5P_DEFAULT);
    H5Adelete(file, "model_config");
    H5Ldelete(file, "model_weights", H5P_DEFAULT);
    hid_t weights = H5Gopen2(whole, "model_weights", H5P_DEFAULT);
    H5Ocopy(weights, "dense", file, "dense", H5P_DEFAULT, H5P_DEFAULT);
    write_text(file, "layer_names", "dense");
    H5Gclose(weights);
    H5Fclose(whole);
    assert_refused(close_copy(file), expected);
}

Test(model_refusals, truncated_files)
{
    const char *paths[] = {keras2, keras3, functional3};
    for (int f = 0; f < 3; f++) {
        size_t nbytes;
        unsigned char *bytes = read_bytes(paths[f], &nbytes);
        for (size_t kept = 0; kept < nbytes; kept += kept < 2200 ? 97 : 1009) {
            hpac_model model;
            const char *path = scratch_write("bad.h5", bytes, kept);
            cr_assert_eq(hpac_model_load(path, &model), HPAC_ERR_DATA, "%s, %zu of %zu bytes",
                         paths[f], kept, nbytes);
        }
        free(bytes);
    }
}

/* Changes one byte, the one and the way that `round` says, and loads what comes of it. Damage may
 * hit a weight or a reserve and go unseen; what matters is that nothing crashes and that a model
 * which passes is whole. */
static hpac_status load_damaged(unsigned char *bytes, size_t nbytes, uint32_t round)
{
    uint32_t place = formula_hash(round, 7) % (uint32_t)nbytes;
    unsigned char old = bytes[place];
    bytes[place] ^= (unsigned char)(formula_hash(round, 99) % 255 + 1);
    const char *path = scratch_write("bad.h5", bytes, nbytes);
    bytes[place] = old;
    hpac_model model;
    hpac_status status = hpac_model_load(path, &model);
    if (status == HPAC_OK) {
        cr_assert_not_null(model.weights);
        hpac_model_fini(&model);
    }
    return status;
}

Test(model_refusals, damaged_files_do_not_crash)
{
    const char *paths[] = {keras2, keras3, functional3, save_tiny()};
    for (int f = 0; f < 4; f++) {
        size_t nbytes;
        unsigned char *bytes = read_bytes(paths[f], &nbytes);
        for (uint32_t round = 0; round < 25; round++) {
            hpac_status status = load_damaged(bytes, nbytes, round);
            cr_assert(status == HPAC_OK || status == HPAC_ERR_DATA, "%s", hpac_error_message());
        }
        free(bytes);
    }
}

/* On these HDF5 1.10.8 itself dies of a segmentation fault. */
Test(model_refusals, files_that_crash_hdf5_are_an_error)
{
    const struct {
        const char *path;
        uint32_t round;
    } deadly[] = {{keras2, 3},  {keras2, 35},  {keras2, 95},       {keras2, 106},     {keras2, 256},
                  {keras3, 98}, {keras3, 472}, {functional3, 191}, {functional3, 503}};
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) {
        size_t nbytes;
        unsigned char *bytes = read_bytes(deadly[i].path, &nbytes);
        cr_assert_eq(load_damaged(bytes, nbytes, deadly[i].round), HPAC_ERR_DATA);
        free(bytes);
    }
}
