/* model: {file: NAME}: the layers of a file in place of a list. */
#include "config_text.h"
#include "model/model_files.h"
#include "model_file.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KERAS_FILE "tests/golden/keras3_graph.keras"

/* The images of the files in tests/golden are 10 x 9 with two channels, of three targets. */
#define DATA                                                                                       \
    "data:\n  labels: l.csv\n  images: i\n  targets: [0, 1, 2]\n  channels: 2\n"                   \
    "  image: {rows: 10, cols: 9}\n  scale: {rows: 1, cols: 1}\n"
#define FILE_LINE "c.yaml:9: " /* of `file:` behind it and "model:" */

static void remember_home(void);
TestSuite(config_model_file, .init = remember_home);

/* "DATA model:\n  file: PATH\n REST", with an absolute path, since loading changes the directory.
 */
static const char *text_of(const char *path, const char *rest)
{
    static char text[2048];
    char *absolute = realpath(path, NULL);
    snprintf(text, sizeof text, DATA "model:\n  file: %s\n%s", absolute ? absolute : path, rest);
    free(absolute);
    return text;
}

static char home[4096]; /* where a test starts: loading a configuration leaves it */

static void remember_home(void)
{
    cr_assert_not_null(getcwd(home, sizeof home));
}

static void chdir_home(void)
{
    cr_assert_eq(chdir(home), 0);
}

static void expect_layers_of(const char *path)
{
    hpac_model model = load_model(path);
    char *absolute = realpath(path, NULL);
    hpac_config config = load_good(text_of(path, ""));
    cr_assert_eq(config.layer_count, model.layer_count, "%s", path);
    for (size_t i = 0; i < model.layer_count; i++)
        cr_expect_eq(memcmp(&config.layers[i], &model.layers[i], sizeof *model.layers), 0,
                     "%s: layer %zu", path, i + 1);
    cr_expect_str_eq(config.train.initial_model, absolute);
    hpac_config_fini(&config);
    hpac_model_fini(&model);
    free(absolute);
}

Test(config_model_file, layers_are_those_of_the_file)
{
    const char *const files[] = {KERAS_FILE, GRAPH3, FUNCTIONAL2, FUNCTIONAL3, KERAS2, KERAS3};
    char *absolute[6];
    for (size_t i = 0; i < 6; i++) /* each load changes the directory */
        absolute[i] = realpath(files[i], NULL);
    for (size_t i = 0; i < 6; i++) {
        expect_layers_of(absolute[i]);
        free(absolute[i]);
    }
}

/* As a list of layers, which needs the file no more. */
Test(config_model_file, is_written_as_layers)
{
    char *text = NULL;
    hpac_config again, config = load_good(text_of(KERAS_FILE, ""));
    cr_assert_eq(hpac_config_text(&config, &text), HPAC_OK);
    cr_expect_null(strstr(text, "file:"), "%s", text);
    cr_expect_not_null(strstr(text, "name: encoder_conv"), "%s", text);
    cr_assert_eq(hpac_config_parse("c", text, &again), HPAC_OK, "%s", hpac_error_message());
    cr_assert_eq(again.layer_count, config.layer_count);
    cr_expect_eq(memcmp(again.layers, config.layers, config.layer_count * sizeof *config.layers),
                 0);
    cr_expect_str_eq(again.train.initial_model, config.train.initial_model);
    free(text);
    hpac_config_fini(&again);
    hpac_config_fini(&config);
}

/* A network without flatten takes images of any size; the last layer gets a unit per target. */
Test(config_model_file, fits_other_images)
{
    const char *const sets[] = {"data.image.rows=64", "data.image.cols=48", "data.targets=all"};
    hpac_config config = load_good_sets(text_of(KERAS_FILE, ""), sets, 3);
    cr_expect_eq(config.layers[config.layer_count - 1].units, HPAC_CLASS_COUNT);
    hpac_config_fini(&config);
}

/* Keras's models of images of any size have none in their files. */
Test(config_model_file, the_file_may_have_no_size)
{
    char *path = realpath(with_config(KERAS3, "[null, 10, 9, 2]", "[null, null, null, 2]"), NULL);
    hpac_config config = load_good(text_of(path, ""));
    cr_expect_eq(config.layer_count, 6);
    hpac_config_fini(&config);
    free(path);
}

Test(config_model_file, overrides_apply_to_its_layers)
{
    const char *const sets[] = {"model.3.rate=0.125", "model.1.filters=7"};
    hpac_config config = load_good_sets(text_of(KERAS3, ""), sets, 2);
    cr_expect_eq(config.layers[2].rate, 0.125F);
    cr_expect_eq(config.layers[0].filters, 7);
    hpac_config_fini(&config);
}

#define HEADLESS_FILE "tests/golden/start_headless.keras"
#define HEAD                                                                                       \
    "  layers:\n  - {type: global_avgpool, name: mean}\n"                                          \
    "  - {type: dense, units: 4, name: hidden}\n"                                                  \
    "  - {type: dense, units: classes, activation: sigmoid, inputs: [hidden]}\n"

/* The head of a file that has one keeps its units; without it the last of them has one per target.
 */
Test(config_model_file, layers_follow_those_of_the_file)
{
    char *text = NULL;
    char *headless = realpath(HEADLESS_FILE, NULL), *whole = realpath(KERAS3, NULL);
    hpac_model model;
    hpac_config again, config = load_good_sets(text_of(headless, HEAD),
                                               (const char *const[]){"model.10.units=7"}, 1);
    cr_assert_eq(hpac_model_load_layers(headless, (hpac_shape){3, 10, 9, 2}, &model), HPAC_OK);
    cr_assert_eq(config.layer_count, model.layer_count + 3);
    for (size_t i = 0; i < model.layer_count; i++)
        cr_expect_eq(memcmp(&config.layers[i], &model.layers[i], sizeof *model.layers), 0);
    const hpac_layer *rest = &config.layers[model.layer_count];
    cr_expect(rest[0].kind == HPAC_LAYER_GLOBAL_AVGPOOL && rest[0].input_count == 0);
    cr_expect(rest[1].kind == HPAC_LAYER_DENSE && rest[1].units == 7);
    cr_expect(rest[2].units == 3 && rest[2].inputs[0] == model.layer_count + 2);
    cr_expect_str_eq(config.train.initial_model, headless);
    cr_assert_eq(hpac_config_text(&config, &text), HPAC_OK);
    cr_assert_eq(hpac_config_parse("c", text, &again), HPAC_OK, "%s", hpac_error_message());
    cr_assert_eq(again.layer_count, config.layer_count);
    cr_expect_eq(memcmp(again.layers, config.layers, config.layer_count * sizeof *config.layers),
                 0);
    free(text);
    hpac_model_fini(&model);
    hpac_config_fini(&again);
    hpac_config_fini(&config);

    config = load_good_sets(
        text_of(whole, "  layers: [{type: dense, units: classes, activation: sigmoid}]\n"),
        (const char *const[]){"data.targets=[0, 1]"}, 1);
    cr_expect_eq(config.layers[config.layer_count - 1].units, 2);
    cr_expect_eq(config.layers[config.layer_count - 2].units, 3);
    hpac_config_fini(&config);
    free(headless);
    free(whole);
}

/* A problem of one of them has its line. */
Test(config_model_file, layers_behind_the_file_are_checked)
{
    char *path = realpath(HEADLESS_FILE, NULL);
    hpac_config config;
    cr_expect_eq(load_sets(text_of(path, "  layers:\n  - {type: global_avgpool, rate: 2}\n"
                                         "  - {type: dense, units: 4, name: stem_conv}\n"),
                           NULL, 0, &config),
                 HPAC_ERR_CONFIG);
    const char *message = hpac_error_message();
    cr_expect_not_null(strstr(message, "c.yaml:11: model.9.rate: unknown key"), "%s", message);
    cr_expect_not_null(strstr(message, "c.yaml:12: model.10: duplicate name stem_conv"), "%s",
                       message);
    free(path);
}

Test(config_model_file, a_head_is_asked_for)
{
    static const char lines[] = ", expected a dense layer; give it one under model, behind file:\n"
                                "  layers:\n";
    static const char dense[] = "  - {type: dense, units: classes, activation: sigmoid}";
    static const char *const files[] = {HEADLESS_FILE, "tests/golden/start_pooled.keras"};
    for (size_t i = 0; i < 2; i++) {
        hpac_config config;
        char *path = realpath(files[i], NULL), message[1024];
        snprintf(message, sizeof message,
                 "1 problem\n" FILE_LINE "model.file: %s: ends in %s%s%s%s", path,
                 i == 0 ? "add" : "global_avgpool", lines,
                 i == 0 ? "  - {type: global_avgpool}\n" : "", dense);
        cr_expect_eq(load_sets(text_of(path, ""), NULL, 0, &config), HPAC_ERR_CONFIG);
        cr_expect_not_null(strstr(hpac_error_message(), message), "expected: %s\ngot: %s", message,
                           hpac_error_message());
        free(path);
        chdir_home();
    }
}

/* Weights that are given, or none, are not replaced by the file's. */
Test(config_model_file, weights_may_be_others)
{
    hpac_config config = load_good(text_of(KERAS3, "train: {initial_model: other.h5}\n"));
    cr_expect_str_eq(config.train.initial_model, "other.h5");
    hpac_config_fini(&config);
    chdir_home();
    config = load_good(text_of(KERAS3, "train: {initial_model: none}\n"));
    cr_expect_null(config.train.initial_model);
    hpac_config_fini(&config);
    chdir_home();
    config = load_good(text_of(KERAS3, "train: {initial_weights: other.h5}\n"));
    cr_expect_str_eq(config.train.initial_weights, "other.h5");
    cr_expect_null(config.train.initial_model);
    hpac_config_fini(&config);
    chdir_home();
    config = load_good(text_of(KERAS3, "train: {initial_weights: none}\n"));
    cr_expect_null(config.train.initial_weights);
    cr_expect_not_null(config.train.initial_model);
    hpac_config_fini(&config);
}

Test(config_model_file, weights_are_of_one_file)
{
    refused(REQUIRED "train:\n  initial_model: a\n  initial_weights: b\n",
            "1 problem\nc.yaml:6: train.initial_weights: excludes train.initial_model; give one of "
            "them");
}

Test(config_model_file, channels_are_of_a_file)
{
    refused(REQUIRED "train:\n  initial_channels: [blue, green, red]\n",
            "1 problem\nc.yaml:5: train.initial_channels: has no effect without "
            "train.initial_model or train.initial_weights");
    chdir_home();
    hpac_config config = load_good(text_of(KERAS3, "train: {initial_channels: [red, green]}\n"));
    cr_expect_eq(config.train.initial_channel_count, 2);
    cr_expect_eq(config.train.initial_channels[0], 2);
    cr_expect_eq(config.train.initial_channels[1], 0);
    hpac_config_fini(&config);
}

Test(config_model_file, frozen_statistics_need_batch_normalization)
{
    refused(REQUIRED "train:\n  batch_norm_frozen: true\n",
            "1 problem\nc.yaml:5: train.batch_norm_frozen: has no effect on a model without "
            "batch_norm");
    chdir_home();
    hpac_config config = load_good(text_of(GRAPH3, "train: {batch_norm_frozen: true}\n"));
    cr_expect(config.train.batch_norm_frozen);
    hpac_config_fini(&config);
}

/* --set replaces a list by a file, and a file by a list or another file. */
Test(config_model_file, may_be_set)
{
    char *path = realpath(KERAS3, NULL), file[1024];
    snprintf(file, sizeof file, "model.file=%s", path);
    const char *const sets[] = {file, "model=[{type: flatten}, {type: dense, units: classes, "
                                      "activation: sigmoid}]"};
    hpac_config config = load_good_sets(DATA "model:\n- {type: nothing}\n", sets, 1);
    cr_expect_eq(config.layer_count, 6);
    hpac_config_fini(&config);
    config = load_good_sets(DATA, sets, 1);
    cr_expect_eq(config.layer_count, 6);
    hpac_config_fini(&config);
    config = load_good_sets(DATA "model: {file: nowhere.h5}\n", sets, 1);
    cr_expect_eq(config.layer_count, 6);
    hpac_config_fini(&config);
    config = load_good_sets(DATA "model: {file: nowhere.h5, layers: [{type: dense, units: classes, "
                                 "activation: sigmoid}]}\n",
                            sets, 1); /* as in a sweep over files */
    cr_expect_eq(config.layer_count, 7);
    hpac_config_fini(&config);
    const char *const both[] = {"model.layers=[{type: dense, units: classes, activation: sigmoid}]",
                                file};
    config = load_good_sets(DATA, both, 2);
    cr_expect_eq(config.layer_count, 7);
    hpac_config_fini(&config);
    config = load_good_sets(DATA "model: {file: nowhere.h5}\n", &sets[1], 1);
    cr_expect_eq(config.layer_count, 2);
    cr_expect_null(config.train.initial_model);
    hpac_config_fini(&config);
    free(path);
}

Test(config_model_file, paths_are_expanded)
{
    char *path = realpath("tests/golden", NULL);
    setenv("MODELS", path, 1);
    hpac_config config = load_good(DATA "model: {file: '${MODELS}/keras3_sequential.h5'}\n");
    cr_expect_eq(config.layer_count, 6);
    cr_expect_str_eq(config.train.initial_model + strlen(path), "/keras3_sequential.h5");
    hpac_config_fini(&config);
    free(path);
}

Test(config_model_file, problems_have_a_line)
{
    hpac_config config;
    cr_expect_eq(load_sets(DATA "model:\n  file: nowhere.h5\n", NULL, 0, &config), HPAC_ERR_CONFIG);
    cr_expect_not_null(strstr(hpac_error_message(), "1 problem\n" FILE_LINE
                                                    "model.file: nowhere.h5: cannot open: No such "
                                                    "file or directory"));
    refused(DATA "model:\n  file: nowhere.h5\n  layers: []\n",
            "1 problem\nc.yaml:10: model.layers: expected a list of layers, not an empty list");
    refused(DATA "model:\n  layers: [{type: flatten}]\n",
            "1 problem\n" FILE_LINE
            "model.layers: needs model.file, which they follow; or give them as the model");
    refused(DATA "model:\n  file: nowhere.h5\n  head: 1\n",
            "1 problem\nc.yaml:10: model.head: unknown key; expected model.file and model.layers, "
            "or a list of layers as the model");
    refused(DATA "model:\n  file: a\n  file: b\n",
            "1 problem\nc.yaml:10: model.file: duplicate key, first in line 9");
    refused(DATA "model:\n  file: [a]\n",
            "1 problem\n" FILE_LINE "model.file: expected a path, not a list of 1");
    refused(DATA "model:\n  file: ~\n",
            "1 problem\n" FILE_LINE "model.file: expected a path, not nothing");
    refused(DATA "model:\n  file: c.yaml\n",
            "1 problem\n" FILE_LINE "model.file: c.yaml: not an HDF5 file or zip archive, expected "
            "one as Keras writes it with model.save(\"name.h5\") or \"name.keras\"");
}

/* Of a file that was changed: the text behind the path of the file. */
static void refuses_file(const char *from, const char *to, const char *expected)
{
    chdir_home();
    char *path = realpath(with_config(KERAS3, from, to), NULL), message[1024];
    hpac_config config;
    cr_expect_eq(load_sets(text_of(path, ""), NULL, 0, &config), HPAC_ERR_CONFIG);
    snprintf(message, sizeof message, expected, path);
    cr_expect_not_null(strstr(hpac_error_message(), message), "expected: %s\ngot: %s", message,
                       hpac_error_message());
    free(path);
}

Test(config_model_file, layers_that_are_not_supported_are_named)
{
    refuses_file("\"Conv2D\"", "\"SeparableConv2D\"",
                 FILE_LINE "model.file: %s: model_config: layer \"conv2d\" (SeparableConv2D): "
                           "expected Conv2D, DepthwiseConv2D");
    refuses_file("\"activation\": \"relu\"", "\"activation\": \"elu\"",
                 FILE_LINE "model.file: %s: model_config: layer \"conv2d\" (Conv2D): activation "
                           "\"elu\", expected");
    refuses_file("\"sigmoid\"", "\"linear\"",
                 FILE_LINE "layer 6 (dense): the last layer must be dense");
}

/* Numbers of three channels, or two, for images of others: among the weights and the options. */
Test(config_model_file, normalizations_are_for_the_channels_of_the_file)
{
    static const struct {
        const char *path, *set, *message;
    } cases[] = {
        {"tests/golden/start_model.keras", "data.channels=4",
         "model.weights.h5: layer \"normalization\" (Normalization): mean and variance of 3 "
         "channels, the input has 4; give data.channels of as many, or a list of layers with a "
         "rescale for 4 as the model and the file as train.initial_weights"},
        {"tests/golden/start_model.h5", "data.channels=2",
         "layer \"normalization\" (Normalization): mean and variance of 3 channels, the input has "
         "2;"},
        {GRAPH3, "data.channels=1",
         "(Normalization): mean of 2 channels, the input has 1; give data.channels of as many"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hpac_config config;
        chdir_home();
        cr_expect_eq(load_sets(text_of(cases[i].path, ""), &cases[i].set, 1, &config),
                     HPAC_ERR_CONFIG);
        cr_expect_not_null(strstr(hpac_error_message(), cases[i].message), "expected: %s\ngot: %s",
                           cases[i].message, hpac_error_message());
    }
}

/* Problems of the data do not hide behind those of the file. */
Test(config_model_file, wrong_data_are_reported_first)
{
    const char *const sets[] = {"data.scale.rows=11", "model.file=nowhere.h5"};
    refused_sets(DATA, sets, 2,
                 "1 problem\n--set data.scale.rows=11: an image of 10 pixels, scaled down by 11, "
                 "has no pixel left");
}
