/* Model files that are refused: options hpac lacks, files of other kinds, weights only. */
#include "model_file.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct config_case {
    const char *path, *from, *to, *expected;
} config_case;

static const config_case refused_configs[] = {
    {KERAS2, "\"valid\"", "\"full\"",
     "model_config: layer \"conv2d\" (Conv2D): padding \"full\", expected \"valid\" or \"same\""},
    {KERAS2, "\"strides\": [1, 1]", "\"strides\": [0, 2]",
     "layer \"conv2d\" (Conv2D): strides [0,2], expected two positive integers"},
    {KERAS2, "\"channels_last\"", "\"channels_first\"",
     "(Conv2D): data_format \"channels_first\", expected \"channels_last\""},
    {KERAS3, "\"dilation_rate\": [1, 1]", "\"dilation_rate\": [2]",
     "(Conv2D): dilation_rate [2], expected two positive integers"},
    {KERAS3, "\"groups\": 1", "\"groups\": 3",
     "layer \"conv2d\" (Conv2D): 3 groups, expected a divisor of the channels of (10, 9, 2)"},
    {KERAS3, "\"use_bias\": true", "\"use_bias\": 1",
     "(Conv2D): use_bias 1, expected true or false"},
    {KERAS3, "\"use_bias\": true", "\"use_bias\": false",
     "weight_names: 2 names, expected 1 (kernel)"},
    {KERAS3, "\"activation\": \"relu\"", "\"activation\": \"elu\"",
     "(Conv2D): activation \"elu\", expected linear, relu, sigmoid, relu6, silu, gelu, softplus, "
     "tanh or softmax"},
    {KERAS3, "\"activation\": \"relu\"", "\"activation\": {\"class_name\": \"LeakyReLU\"}",
     "(Conv2D): activation {\"class_name\":\"LeakyReLU\"}, expected"},
    {KERAS3, "\"activation\": \"relu\"", "\"activation\": \"softmax\"",
     "layer 1 (conv2d): activation softmax, expected in the last layer only"},
    {KERAS3, "\"activation\": \"sigmoid\"", "\"activation\": \"linear\"",
     "the last layer must be dense with 3 units (one per target) and activation sigmoid or "
     "softmax"},
    {KERAS2, "\"trainable\": true, \"dtype\": \"float32\", \"filters\"",
     "\"trainable\": true, \"dtype\": \"int8_from_float32\", \"filters\"",
     "(Conv2D): dtype \"int8_from_float32\", expected a floating-point type"},
    {KERAS3, "\"noise_shape\": null", "\"noise_shape\": [1, 2]",
     "layer \"dropout\" (Dropout): noise_shape [1,2], expected null"},
    {KERAS3, "\"rate\": 0.25", "\"rate\": 1.0", "(Dropout): rate 1.0, expected a number in [0, 1)"},
    {KERAS3, "\"rate\": 0.25", "\"rate\": \"0.25\"",
     "(Dropout): rate \"0.25\", expected a number in [0, 1)"},
    {KERAS3, "\"filters\": 3", "\"filters\": 3.0", "filters 3.0, expected a positive integer"},
    {KERAS3, "\"filters\": 3", "\"filters\": -3", "filters -3, expected a positive integer"},
    {KERAS3, "\"filters\": 3", "\"filters\": 3000000000", "expected a positive integer"},
    {KERAS3, "\"filters\": 3,", "", "filters is missing, expected a positive integer"},
    {KERAS3, "\"filters\": 3", "\"filters\": 4",
     "kernel: shape (3, 2, 2, 3), expected (3, 2, 2, 4)"},
    {KERAS3, "\"units\": 16", "\"units\": 2147483647", "more than 2^31 values"},
    {KERAS3, "\"kernel_size\": [3, 2]", "\"kernel_size\": [3]",
     "kernel_size [3], expected two positive integers"},
    {KERAS3, "\"kernel_size\": [3, 2]", "\"kernel_size\": [300, 2]",
     "layer \"conv2d\" (Conv2D): a window of 300 x 2 does not fit into (10, 9, 2)"},
    {KERAS3, "\"Conv2D\"", "\"SeparableConv2D\"",
     "layer \"conv2d\" (SeparableConv2D): expected Conv2D, DepthwiseConv2D, BatchNormalization"},
    {KERAS3, "\"Flatten\"", "\"GlobalAveragePooling1D\"", "(GlobalAveragePooling1D): expected"},
    {KERAS3, "\"class_name\": \"Flatten\", ", "", "expected class_name and a config with a name"},
    {KERAS3, "[null, 10, 9, 2]", "[null, null, null, 2]",
     "input shape [null,null,null,2], expected (batch, rows, cols, channels)"},
    {KERAS3, "[null, 10, 9, 2]", "[null, 2147483647, 2147483647, 2147483647]", "input shape"},
    {KERAS3, "\"sparse\": false", "\"sparse\": true", "(InputLayer): sparse true, expected false"},
    {KERAS3, "\"Sequential\"", "\"WideDeepModel\"",
     "class_name WideDeepModel, expected Sequential or Functional"},
    {KERAS3, "{\"class_name\"", "[\"class_name\"", "model_config: not JSON (line 1"},
    {KERAS3, "\"layers\"", "\"no_layers\"", "expected a list of layers"},
    {FUNCTIONAL2, "[\"flatten\", 0, 0, {}]", "[\"flatten\", 0, 0, {\"training\": true}]",
     "layer \"dense\": inbound_nodes, expected one call without arguments"},
    {FUNCTIONAL2, "[\"flatten\", 0, 0, {}]", "[\"conv2d\", 0, 0, {}]",
     "layer \"dense\" (Dense): expected a vector, got images"},
    {FUNCTIONAL2, "[[\"flatten\", 0, 0, {}]]", "[[\"flatten\", 0, 0, {}], [\"conv2d\", 0, 0, {}]]",
     "layer \"dense\" (Dense): 2 inputs, expected 1"},
    {FUNCTIONAL2, "[[\"flatten\", 0, 0, {}]]",
     "[[\"flatten\", 0, 0, {}]], [[\"flatten\", 0, 0, {}]]",
     "layer \"dense\": inbound_nodes, expected one call without arguments"},
    {FUNCTIONAL2, "[[\"flatten\", 0, 0, {}]]", "[[\"flatten\", 0, 1, {}]]",
     "layer \"dense\": inbound_nodes, expected one call without arguments"},
    {FUNCTIONAL2, "[\"flatten\", 0, 0, {}]", "[\"nowhere\", 0, 0, {}]",
     "layer \"dense\": reads \"nowhere\", which does not exist"},
    {FUNCTIONAL2, "[\"flatten\", 0, 0, {}]", "[\"activation_1\", 0, 0, {}]",
     "layer \"dense\": part of a cycle"},
    {FUNCTIONAL2, "\"output_layers\": [[\"activation_2\", 0, 0]]",
     "\"output_layers\": [[\"activation_2\", 0, 0], [\"dense\", 0, 0]]",
     "output_layers: expected one layer"},
    {FUNCTIONAL2, "\"output_layers\": [[\"activation_2\", 0, 0]]",
     "\"output_layers\": [[\"flatten\", 0, 0]]",
     "output_layers: expected the one layer that no "
     "other reads"},
    {FUNCTIONAL2, "\"input_layers\": [[", "\"input_layers\": [[\"a\", 0, 0], [",
     "input_layers: expected one layer"},
    {FUNCTIONAL3, "\"kwargs\": {}", "\"kwargs\": {\"training\": true}",
     "inbound_nodes, expected one call without arguments"},
    {FUNCTIONAL3, "\"negative_slope\": 0.0", "\"negative_slope\": 0.1",
     "(ReLU): negative_slope 0.1, expected 0.0"},
    {FUNCTIONAL3, "\"max_value\": null", "\"max_value\": 5.0",
     "(ReLU): max_value 5.0, expected null or 6"},
    {GRAPH3, "\"axis\": -1", "\"axis\": 1", "layer \"bn\" (BatchNormalization): axis 1, expected"},
    {GRAPH3, "\"noise_shape\": [null, 1, 1, 1]", "\"noise_shape\": [null, 2, 1, 1]",
     "(Dropout): noise_shape [null,2,1,1], expected null, or one number for an image or channel"},
    {GRAPH3, "\"target_shape\": [1, 1, 4]", "\"target_shape\": [1, 2, 4]",
     "layer \"reshape\" (Reshape): target_shape of another number of values than the (4)"},
    {GRAPH3, "\"scale\": 0.25", "\"scale\": 0", "(Rescaling): scale 0, expected numbers > 0"},
    {GRAPH3, "\"scale\": 0.25", "\"scale\": 1e300",
     "(Rescaling): mean -5e-301 and standard deviation 1e-300 of channel 0, expected what float32 "
     "holds"},
    {GRAPH3, "\"scale\": 0.25", "\"scale\": 1e-300", "expected what float32 holds"},
    {GRAPH3, "\"invert\": false", "\"invert\": true", "(Normalization): invert true, expected"},
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
    {KERAS2, "\"groups\": 1, ", "", NULL},
    {KERAS2, "\"strides\": [2, 3]", "\"strides\": null", NULL},
    {KERAS2, "\"activation\": \"relu\"",
     "\"activation\": {\"class_name\": \"function\", \"config\": \"relu\"}", NULL},
    {KERAS3, "\"noise_shape\": null", "\"noise_shape\": null, \"some_new_option\": false", NULL},
    {KERAS3, "\"dtype\": \"float32\"", "\"dtype\": null", NULL},
    {FUNCTIONAL2, "[\"flatten\", 0, 0, {}]", "[\"flatten\", 0, 0, {\"training\": null}]", NULL},
    {FUNCTIONAL2, "\"Functional\"", "\"Model\"", NULL},
};

Test(model_refusals, spellings_of_other_versions_are_not_refused)
{
    for (size_t i = 0; i < sizeof accepted_configs / sizeof *accepted_configs; i++) {
        const config_case *accepted = &accepted_configs[i];
        hpac_model model = load_model(with_config(accepted->path, accepted->from, accepted->to));
        hpac_model_fini(&model);
    }
}

/* Older versions of h5py wrote text of fixed length, with or without a NUL at its end. */
Test(model_refusals, text_of_fixed_length_is_read)
{
    for (size_t more = 0; more < 2; more++) {
        hid_t file = open_copy(KERAS2), space = H5Screate(H5S_SCALAR), type = H5Tcopy(H5T_C_S1);
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
        hpac_model model = load_model(close_copy(file));
        cr_assert_eq(model.layer_count, 6);
        hpac_model_fini(&model);
    }
}

/* Keras before 2.2.3 wrote the bare list, the input's shape in the first layer. */
Test(model_refusals, bare_list_of_old_keras_is_read)
{
    hid_t file = open_copy(KERAS2);
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
    hpac_model model = load_model(path);
    cr_assert_eq(model.layer_count, 6);
    hpac_model_fini(&model);
}

/* ---- files of other kinds ---- */

Test(model_refusals, files_of_other_kinds)
{
    assert_refused(scratch_path("missing.h5"), "cannot open: No such file or directory");
    assert_refused(scratch_directory(), "expected a regular file, not a directory");
    assert_refused(scratch_write_text("empty.h5", ""), "not an HDF5 file");
    assert_refused(scratch_write_text("text.h5", "layers: 3\n"), "not an HDF5 file");
    assert_refused(scratch_write("model.keras", "PK\003\004 a zip", 10), "a damaged zip archive: ");
    assert_refused(scratch_write("only.h5", "\211HDF\r\n\032\n", 8), "damaged or cut short");
    const char *fifo = scratch_path("fifo.h5");
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    assert_refused(fifo, "expected a regular file, not a device or pipe");
}

/* ---- files without the description of the layers ---- */

#define NO_CONFIG "no model_config, the description of the layers: "
#define SAVE_ALL "; save the whole model with model.save(\"name.h5\"), not with save_weights()"
#define OR_WEIGHTS ", or give them as train.initial_weights"

/* Keras 3 has a group per layer under `layers`. */
Test(model_refusals, weights_only_of_keras_3)
{
    assert_refused("tests/golden/keras3_only.weights.h5", NO_CONFIG
                   "weights only (of conv2d, dense, flatten, max_pooling2d)" SAVE_ALL OR_WEIGHTS);
}

/* Keras 2 lists the layers at the root, where their groups are. */
Test(model_refusals, weights_only_of_keras_2)
{
    hid_t file = open_copy(KERAS2), whole = H5Fopen(KERAS2, H5F_ACC_RDONLY, H5P_DEFAULT);
    H5Adelete(file, "model_config");
    H5Ldelete(file, "model_weights", H5P_DEFAULT);
    hid_t weights = H5Gopen2(whole, "model_weights", H5P_DEFAULT);
    H5Ocopy(weights, "dense", file, "dense", H5P_DEFAULT, H5P_DEFAULT);
    write_text(file, "layer_names", "dense");
    H5Gclose(weights);
    H5Fclose(whole);
    assert_refused(close_copy(file), NO_CONFIG "weights only (of dense)" SAVE_ALL OR_WEIGHTS);
}

Test(model_refusals, whole_model_that_lost_its_layers)
{
    hid_t file = open_copy(KERAS3);
    H5Adelete(file, "model_config");
    assert_refused(close_copy(file),
                   NO_CONFIG "weights only (of conv2d, max_pooling2d, dropout, flatten, dense, "
                             "dense_1)" SAVE_ALL OR_WEIGHTS);
}

Test(model_refusals, hdf5_of_another_program)
{
    const char *path = scratch_path("other.h5");
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(H5Gcreate2(file, "images", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Fclose(file);
    assert_refused(path, NO_CONFIG "not a model of Keras" SAVE_ALL);
}
