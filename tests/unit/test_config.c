/* Configurations: what is refused and where, overrides, and that what is written reads back. */
#include <hpac/config.h>
#include <hpac/random.h>

#include "scratch.h"

#include <criterion/criterion.h>
#include <float.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REQUIRED "data:\n  labels: l.csv\n  images: i\n"

/* Writes a configuration into a scratch folder, which becomes the current one so that messages are
 * the same in every run, and loads it. */
static hpac_status load_sets(const char *text, const char *const *sets, int set_count,
                             hpac_config *config)
{
    scratch_write_text("c.yaml", text);
    cr_assert_eq(chdir(scratch_folder()), 0);
    return hpac_config_load("c.yaml", sets, set_count, config);
}

static hpac_config load_good(const char *text)
{
    hpac_config config;
    hpac_status status = load_sets(text, NULL, 0, &config);
    cr_assert_eq(status, HPAC_OK, "%s", hpac_error_message());
    return config;
}

static hpac_config load_good_sets(const char *text, const char *const *sets, int set_count)
{
    hpac_config config;
    hpac_status status = load_sets(text, sets, set_count, &config);
    cr_assert_eq(status, HPAC_OK, "%s", hpac_error_message());
    return config;
}

/* Expects exactly this message, the headline of problems left out. */
static void refused_sets(const char *text, const char *const *sets, int set_count,
                         const char *expected)
{
    hpac_config config;
    hpac_status status = load_sets(text, sets, set_count, &config);
    cr_expect_eq(status, HPAC_ERR_CONFIG, "accepted:\n%s", text);
    const char *message = hpac_error_message();
    const char *found = strstr(message, expected);
    cr_expect(found && found[strlen(expected)] == '\0', "expected:\n%s\ngot:\n%s", expected,
              message);
    cr_expect_null(config.layers);
    cr_expect_null(config.data.labels);
}

static void refused(const char *text, const char *expected)
{
    refused_sets(text, NULL, 0, expected);
}

/* One key with one value in an otherwise good file; `expected` is what follows "path: ". */
static void refused_value(const char *section, const char *name, const char *value,
                          const char *expected)
{
    char text[512], message[512];
    if (strcmp(section, "data") == 0) {
        snprintf(text, sizeof text, REQUIRED "  %s: %s\n", name, value);
        snprintf(message, sizeof message, "1 problem\nc.yaml:4: data.%s: %s", name, expected);
    } else {
        snprintf(text, sizeof text, REQUIRED "%s:\n  %s: %s\n", section, name, value);
        snprintf(message, sizeof message, "1 problem\nc.yaml:5: %s.%s: %s", section, name,
                 expected);
    }
    refused(text, message);
}

static void refused_layer(const char *layer, const char *expected)
{
    char text[512], message[512];
    snprintf(text, sizeof text,
             REQUIRED "model:\n- {type: flatten}\n- %s\n"
                      "- {type: dense, units: classes, activation: sigmoid}\n",
             layer);
    snprintf(message, sizeof message, "1 problem\nc.yaml:6: %s", expected);
    refused(text, message);
}

static void refused_set(const char *set, const char *expected)
{
    refused_sets(REQUIRED, &set, 1, expected);
}

Test(config, defaults_are_those_of_the_write_up)
{
    hpac_config config = load_good(REQUIRED);
    cr_assert_str_eq(config.name, "c");
    cr_assert_str_eq(config.data.labels, "l.csv");
    cr_assert_str_eq(config.data.images, "i");
    cr_assert_eq(config.data.target_count, 28);
    for (int i = 0; i < 28; i++)
        cr_assert_eq(config.data.targets[i], i);
    cr_assert_eq(config.data.channels, 1);
    hpac_shape input = hpac_config_input_shape(&config);
    cr_assert(input.rank == 3 && input.rows == 128 && input.cols == 128 && input.channels == 1);
    cr_assert_eq(config.data.pixels, HPAC_PIXELS_UINT8);
    cr_assert_null(config.data.test_images);
    cr_assert_null(config.data.test_ids);
    cr_assert_eq(config.data.workers, 0);
    cr_assert_eq(config.data.cache_mib, -1);
    cr_assert_not(config.data.skip_bad_images);
    cr_assert(config.data.split.folds == 3 && config.data.split.repeats == 1 &&
              config.data.split.seed == 0 && config.data.split.method == HPAC_SPLIT_KFOLD);
    cr_assert_eq(config.data.fold, 0);
    cr_assert(config.train.epochs == 1 && config.train.batch_size == 200);
    cr_assert(!config.train.shuffle && config.train.drop_last && config.train.seed == 0);
    cr_assert(config.train.optimizer.learning_rate == 1.0f && config.train.optimizer.rho == 0.95f &&
              config.train.optimizer.epsilon == 1e-7f);
    cr_assert_eq(config.train.weighting, HPAC_WEIGHTING_NONE);
    cr_assert(config.train.patience == 0 && config.train.min_delta == 0.0f);
    cr_assert_null(config.train.initial_model);
    cr_assert(config.device.precision == HPAC_PRECISION_FP32 && config.device.deterministic &&
              config.device.threads == 0);
    hpac_config_fini(&config);
}

Test(config, default_model_is_the_improved_one_with_dropout)
{
    static const hpac_layer expected[] = {
        {.kind = HPAC_LAYER_CONV2D,
         .filters = 16,
         .kernel_rows = 3,
         .kernel_cols = 3,
         .activation = HPAC_ACTIVATION_RELU},
        {.kind = HPAC_LAYER_CONV2D,
         .filters = 32,
         .kernel_rows = 3,
         .kernel_cols = 3,
         .activation = HPAC_ACTIVATION_RELU},
        {.kind = HPAC_LAYER_MAXPOOL, .kernel_rows = 2, .kernel_cols = 2},
        {.kind = HPAC_LAYER_DROPOUT, .rate = 0.25f},
        {.kind = HPAC_LAYER_FLATTEN},
        {.kind = HPAC_LAYER_DENSE, .units = 64, .activation = HPAC_ACTIVATION_RELU},
        {.kind = HPAC_LAYER_DROPOUT, .rate = 0.5f},
        {.kind = HPAC_LAYER_DENSE,
         .units = 28,
         .activation = HPAC_ACTIVATION_SIGMOID,
         .initializer = HPAC_INIT_GLOROT_UNIFORM},
    };
    hpac_config config = load_good(REQUIRED);
    cr_assert_eq(config.layer_count, 8);
    cr_assert_eq(memcmp(config.layers, expected, sizeof expected), 0);
    hpac_config_fini(&config);
}

Test(config, every_value_is_read)
{
    hpac_config config =
        load_good("data:\n"
                  "  labels: 'a b.csv'\n"
                  "  images: \"k\\u00f6rper\"\n"
                  "  targets: [Rods & rings, 0, \"Nuclear bodies\"]\n"
                  "  channels: 4\n"
                  "  image: {rows: 100, cols: 90}\n"
                  "  scale: {rows: 3, cols: 1}\n"
                  "  pixels: float32\n"
                  "  test: {images: t, ids: s.csv}\n"
                  "  workers: 7\n"
                  "  on_bad_image: skip\n"
                  "  cache_mib: 0\n"
                  "  split: {folds: 5, repeats: 2, seed: 4294967295, method: stratified, fold: 9}\n"
                  "model:\n"
                  "  - {type: conv2d, filters: 2, kernel: [3, 5], initializer: glorot_uniform}\n"
                  "  - type: relu\n"
                  "  - {type: maxpool, size: [2, 3]}\n"
                  "  - {type: sigmoid}\n"
                  "  - {type: flatten}\n"
                  "  - {type: dense, units: 3, activation: sigmoid}\n"
                  "train:\n"
                  "  epochs: 3\n"
                  "  batch_size: 17\n"
                  "  shuffle: true\n"
                  "  drop_last: false\n"
                  "  seed: 18446744073709551615\n"
                  "  optimizer: {type: adadelta, learning_rate: .5, rho: 0, epsilon: 1E-5}\n"
                  "  positive_weights: [1, 2.5, 1e1]\n"
                  "  early_stopping: {patience: 4, min_delta: 1.0e-3}\n"
                  "  initial_model: m.h5\n"
                  "device: {precision: bf16, deterministic: false, threads: 2}\n");
    cr_assert_str_eq(config.data.labels, "a b.csv");
    cr_assert_str_eq(config.data.images, "k\xc3\xb6rper");
    cr_assert_eq(config.data.target_count, 3);
    cr_assert(config.data.targets[0] == 27 && config.data.targets[1] == 0 &&
              config.data.targets[2] == 5);
    hpac_shape input = hpac_config_input_shape(&config);
    cr_assert(input.rows == 33 && input.cols == 90 && input.channels == 4);
    cr_assert_eq(config.data.pixels, HPAC_PIXELS_FLOAT32);
    cr_assert_str_eq(config.data.test_images, "t");
    cr_assert_str_eq(config.data.test_ids, "s.csv");
    cr_assert(config.data.workers == 7 && config.data.cache_mib == 0);
    cr_assert(config.data.skip_bad_images);
    cr_assert(config.data.split.folds == 5 && config.data.split.repeats == 2 &&
              config.data.split.seed == UINT32_MAX &&
              config.data.split.method == HPAC_SPLIT_STRATIFIED && config.data.fold == 9);
    cr_assert_eq(config.layer_count, 6);
    cr_assert(config.layers[0].kernel_rows == 3 && config.layers[0].kernel_cols == 5 &&
              config.layers[0].activation == HPAC_ACTIVATION_LINEAR &&
              config.layers[0].initializer == HPAC_INIT_GLOROT_UNIFORM);
    cr_assert(config.layers[1].kind == HPAC_LAYER_ACTIVATION &&
              config.layers[1].activation == HPAC_ACTIVATION_RELU);
    cr_assert(config.layers[2].kernel_rows == 2 && config.layers[2].kernel_cols == 3);
    cr_assert(config.layers[3].kind == HPAC_LAYER_ACTIVATION &&
              config.layers[3].activation == HPAC_ACTIVATION_SIGMOID);
    cr_assert_eq(config.layers[5].initializer, HPAC_INIT_VARIANCE_SCALING);
    cr_assert(config.train.epochs == 3 && config.train.batch_size == 17 && config.train.shuffle &&
              !config.train.drop_last && config.train.seed == UINT64_MAX);
    cr_assert(config.train.optimizer.learning_rate == 0.5f && config.train.optimizer.rho == 0.0f &&
              config.train.optimizer.epsilon == 1e-5f);
    cr_assert_eq(config.train.weighting, HPAC_WEIGHTING_LIST);
    cr_assert(config.train.positive_weights[0] == 1.0f &&
              config.train.positive_weights[1] == 2.5f &&
              config.train.positive_weights[2] == 10.0f);
    cr_assert(config.train.patience == 4 && config.train.min_delta == 1e-3f);
    cr_assert_str_eq(config.train.initial_model, "m.h5");
    cr_assert(config.device.precision == HPAC_PRECISION_BF16 && !config.device.deterministic &&
              config.device.threads == 2);
    hpac_config_fini(&config);
}

Test(config, name_is_that_of_the_file)
{
    static const char *const names[][2] = {
        {"a.b.yaml", "a.b"}, {"x.yml", "x"}, {"plain", "plain"}, {".yaml", ".yaml"}};
    cr_assert_eq(chdir(scratch_folder()), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        hpac_config config;
        char path[64];
        scratch_write_text(names[i][0], REQUIRED);
        snprintf(path, sizeof path, "./%s", names[i][0]);
        cr_assert_eq(hpac_config_load(path, NULL, 0, &config), HPAC_OK, "%s", hpac_error_message());
        cr_assert_str_eq(config.name, names[i][1]);
        hpac_config_fini(&config);
    }
}

Test(config, anchors_and_aliases_work)
{
    hpac_config config =
        load_good(REQUIRED "  image: &size {rows: 64, cols: 32}\n"
                           "  scale: {rows: &two 2, cols: *two}\n"
                           "model:\n"
                           "- &c {type: conv2d, filters: 3, kernel: 3}\n"
                           "- *c\n"
                           "- {type: flatten}\n"
                           "- {type: dense, units: classes, activation: sigmoid}\n");
    cr_assert_eq(config.data.scale_cols, 2);
    cr_assert_eq(config.layer_count, 4);
    cr_assert_eq(memcmp(&config.layers[0], &config.layers[1], sizeof config.layers[0]), 0);
    hpac_config_fini(&config);
}

Test(config, unknown_keys_are_refused_with_the_nearest)
{
    refused(REQUIRED "trian:\n  epochs: 1\n", "1 problem\nc.yaml:4: trian: unknown key; did you "
                                              "mean train?");
    refused(REQUIRED "train:\n\n  batchsize: 1\n",
            "1 problem\nc.yaml:6: train.batchsize: unknown key; did you mean train.batch_size?");
    refused(REQUIRED "epochs: 1\n",
            "1 problem\nc.yaml:4: epochs: unknown key; did you mean train.epochs?");
    refused(REQUIRED "train: {optimizer: {momentum: 1}}\n",
            "1 problem\nc.yaml:4: train.optimizer.momentum: unknown key; expected one of type, "
            "learning_rate, rho, epsilon");
    refused(REQUIRED "\"train.epochs\": 1\n", "1 problem\nc.yaml:4: train.epochs: unknown key; "
                                              "expected sections as nested keys, without dots");
    refused(REQUIRED "<<: 1\n",
            "1 problem\nc.yaml:4: <<: unknown key; expected one of data, model, "
            "train, device");
    refused(REQUIRED "\"a\\nb\\e[31m\": 1\n",
            "1 problem\nc.yaml:4: a?b?[31m: unknown key; expected one of data, model, train, "
            "device");
    refused(REQUIRED "~: 1\n", "1 problem\nc.yaml:4: nothing: unknown key; expected one of data, "
                               "model, train, device");
    refused_layer("{type: dropout, rte: 0.5, rate: 0.5}",
                  "model.2.rte: unknown key; did you mean model.2.rate?");
    refused_layer("{type: flatten, units: 5}", "model.2.units: unknown key; expected one of type");
}

Test(config, repeated_keys_are_refused)
{
    refused(REQUIRED "train:\n  epochs: 1\n  seed: 2\n  epochs: 1\n",
            "1 problem\nc.yaml:7: train.epochs: stands twice, first in line 5");
    refused(REQUIRED "train:\n  epochs: 1\ntrain:\n  seed: 2\n",
            "1 problem\nc.yaml:6: train: stands twice, first in line 4");
    refused_layer("{type: dropout, rate: 0.5, rate: 0.5}",
                  "model.2.rate: stands twice, first in line 6");
}

Test(config, required_keys_are_named)
{
    refused("train: {epochs: 1}\n",
            "c.yaml: 2 problems\n"
            "c.yaml: data.labels is missing: The label file: CSV with the columns Id and Target, "
            "class numbers separated by spaces.\n"
            "c.yaml: data.images is missing: The folder of the training images: ID_green.png, "
            "ID_blue.png, ID_red.png, ID_yellow.png.");
    refused_layer("{type: conv2d, kernel: 3}", "model.2: filters is missing: Output channels.");
    refused_layer("{rate: 3}",
                  "model.2: expected a layer such as {type: flatten}, not a mapping without a "
                  "type");
}

Test(config, whole_numbers_are_checked)
{
    static const char *const wrong[] = {
        "abc", "\"5\"", "0",    "-1",         "5.0",
        "1e3", "0x10",  "0o17", "1_000",      "65537",
        "+-5", "true",  "5 5",  "4294967296", "99999999999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char expected[160];
        snprintf(expected, sizeof expected, "expected a whole number in 1..65536, not \"%s\"",
                 strcmp(wrong[i], "\"5\"") == 0 ? "5" : wrong[i]);
        refused_value("train", "batch_size", wrong[i], expected);
    }
    refused_value("train", "batch_size", "", "expected a whole number in 1..65536, not nothing");
    refused_value("train", "batch_size", "~", "expected a whole number in 1..65536, not nothing");
    refused_value("train", "batch_size", "[1]", "expected a whole number in 1..65536, not a list");
    refused_value("train", "batch_size", "{a: 1}",
                  "expected a whole number in 1..65536, not a mapping");
    refused_value("train", "seed", "18446744073709551616",
                  "expected a whole number in 0..18446744073709551615, not "
                  "\"18446744073709551616\"");
    refused_value("data", "workers", "0", "expected auto or a whole number in 1..256, not \"0\"");
    refused_value("data", "cache_mib", "-1",
                  "expected auto or a whole number in 0..16777216, not \"-1\"");
    refused_value("data", "channels", "5", "expected a whole number in 1..4, not \"5\"");
    hpac_config config = load_good(REQUIRED "train: {epochs: +7, batch_size: 010}\n");
    cr_assert(config.train.epochs == 7 && config.train.batch_size == 10);
    hpac_config_fini(&config);
}

Test(config, numbers_are_checked)
{
    static const char *const wrong[] = {"abc", "'1'", ".nan",  ".inf",  "nan", "inf",     "1e39",
                                        "0",   "-1",  "1e-60", "0x1p3", "1.",  "e5",      ".",
                                        "1e",  "1e+", "--1",   "1.5.2", "1,5", "infinity"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (strcmp(wrong[i], "1.") == 0)
            continue; /* YAML takes it */
        char text[256], expected[256];
        snprintf(text, sizeof text, REQUIRED "train: {optimizer: {learning_rate: \"\"}}\n");
        snprintf(text, sizeof text, REQUIRED "train:\n optimizer:\n  learning_rate: %s\n",
                 wrong[i]);
        snprintf(expected, sizeof expected,
                 "1 problem\nc.yaml:6: train.optimizer.learning_rate: expected a number above 0, "
                 "not \"%s\"",
                 strcmp(wrong[i], "'1'") == 0 ? "1" : wrong[i]);
        refused(text, expected);
    }
    refused_layer("{type: dropout, rate: 1}",
                  "model.2.rate: expected a number from 0 to below 1, not \"1\"");
    refused_layer("{type: dropout, rate: 0.99999999999}",
                  "model.2.rate: expected a number from 0 to below 1, not \"0.99999999999\"");
    static const struct {
        const char *text;
        float value;
    } good[] = {{"1", 1.0f},
                {"1.", 1.0f},
                {".5", 0.5f},
                {"+0.5", 0.5f},
                {"1e-7", 1e-7f},
                {"1.0e-7", 1e-7f},
                {"1E+2", 100.0f},
                {"3e38", 3e38f},
                {"1e-40", 1e-40f},
                {"0.1", 0.1f},
                {"16777217.0000001", 16777218.0f}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char text[256];
        snprintf(text, sizeof text, REQUIRED "train: {optimizer: {learning_rate: %s}}\n",
                 good[i].text);
        hpac_config config = load_good(text);
        cr_expect(config.train.optimizer.learning_rate == good[i].value, "%s read as %.9g",
                  good[i].text, (double)config.train.optimizer.learning_rate);
        hpac_config_fini(&config);
    }
}

Test(config, choices_truths_and_texts_are_checked)
{
    refused_value("data", "pixels", "uint16", "expected uint8 or float32, not \"uint16\"");
    refused_value("data", "on_bad_image", "true", "expected fail or skip, not \"true\"");
    refused_value("device", "precision", "fp16", "expected fp32, tf32 or bf16, not \"fp16\"");
    static const char *const wrong[] = {"yes", "True", "1", "on", "no", "truefalse"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char expected[80];
        snprintf(expected, sizeof expected, "expected false or true, not \"%s\"", wrong[i]);
        refused_value("train", "shuffle", wrong[i], expected);
    }
    refused_value("train", "shuffle", "\"true\"", "expected false or true, not \"true\"");
    refused_value("train", "initial_model", "", "expected text, not nothing");
    refused_value("train", "initial_model", "''", "expected text, not \"\"");
    refused_value("train", "initial_model", "[a]", "expected text, not a list");
    refused_value("train", "optimizer", "adam", "expected keys below it, not \"adam\"");
    refused_value("train", "optimizer", "", "expected keys below it, not nothing");
    refused(REQUIRED "train:\n  optimizer:\n    type: adam\n",
            "c.yaml:6: train.optimizer.type: expected adadelta, not \"adam\"");
    hpac_config config = load_good("data: {labels: 5, images: \"null\"}\n");
    cr_assert_str_eq(config.data.labels, "5");
    cr_assert_str_eq(config.data.images, "null");
    hpac_config_fini(&config);
}

Test(config, targets_are_checked)
{
    refused_value("data", "targets", "[Nucleoplasms]",
                  "no class is called \"Nucleoplasms\"; did you mean \"Nucleoplasm\"?");
    refused_value("data", "targets", "[nucleoplasm]",
                  "no class is called \"nucleoplasm\"; did you mean \"Nucleoplasm\"?");
    refused_value("data", "targets", "[xyz]",
                  "no class is called \"xyz\"; expected one of the 28 names, or 0..27");
    refused_value("data", "targets", "[28]",
                  "no class is called \"28\"; expected one of the 28 names, or 0..27");
    refused_value("data", "targets", "[\"0\"]",
                  "no class is called \"0\"; expected one of the 28 names, or 0..27");
    refused_value("data", "targets", "[Cytosol, 25]", "\"Cytosol\" stands twice");
    refused_value("data", "targets", "[[Cytosol]]",
                  "expected the name or number of a class, not a list");
    refused_value("data", "targets", "[]",
                  "expected all or a list of class names or numbers (0..27), not a list");
    refused_value("data", "targets", "Cytosol",
                  "expected all or a list of class names or numbers (0..27), not \"Cytosol\"");
    refused(REQUIRED "  targets:\n    - Cytosol\n    - Plasma membrane\n    - Nukleoli\n",
            "1 problem\nc.yaml:7: data.targets: no class is called \"Nukleoli\"; did you mean "
            "\"Nucleoli\"?");
}

Test(config, positive_weights_are_checked)
{
    static const char expected[] =
        "expected none, balanced or a list of numbers above 0, one a target, not ";
    char text[160];
    snprintf(text, sizeof text, "%s%s", expected, "\"all\"");
    refused_value("train", "positive_weights", "all", text);
    snprintf(text, sizeof text, "%s%s", expected, "a list");
    refused_value("train", "positive_weights", "[]", text);
    refused_value("train", "positive_weights", "[1, -2, 3]",
                  "expected a number above 0, not \"-2\"");
    refused_value("train", "positive_weights", "[1, 2, 3]",
                  "3 weights, but data.targets has 28 classes");
}

Test(config, keys_that_need_each_other_are_checked)
{
    refused(REQUIRED "  test:\n    images: t\n",
            "1 problem\nc.yaml:5: data.test.images: needs data.test.ids as well");
    refused(REQUIRED "  test:\n    ids: t\n",
            "1 problem\nc.yaml:5: data.test.ids: needs data.test.images as well");
    refused(REQUIRED "  split:\n    folds: 2\n    fold: 2\n",
            "1 problem\nc.yaml:6: data.split.fold: expected 0..1 (folds x repeats - 1), not 2");
    refused(REQUIRED "  split: {folds: 65536, repeats: 1024, fold: 67108864}\n",
            "1 problem\nc.yaml:4: data.split.fold: expected a whole number in 0..67108863, not "
            "\"67108864\"");
    refused(REQUIRED "  scale:\n    rows: 513\n",
            "1 problem\nc.yaml:5: data.scale.rows: an image of 512, scaled down by 513, has no "
            "pixel left");
    refused(REQUIRED "  image:\n    cols: 3\n",
            "1 problem\nc.yaml:5: data.image.cols: an image of 3, scaled down by 4, has no pixel "
            "left");
    refused(REQUIRED "train:\n  early_stopping:\n    min_delta: 1e-3\n",
            "1 problem\nc.yaml:6: train.early_stopping.min_delta: does nothing without "
            "train.early_stopping.patience of 1 or more");
}

/* The message lists the types there are. */
static void refused_type(const char *type, const char *shown)
{
    char text[256], end[64];
    hpac_config config;
    snprintf(text, sizeof text, REQUIRED "model:\n- {type: %s}\n", type);
    snprintf(end, sizeof end, " or sigmoid, not %s", shown);
    cr_expect_eq(load_sets(text, NULL, 0, &config), HPAC_ERR_CONFIG);
    const char *message = hpac_error_message();
    cr_expect_not_null(strstr(message, "c.yaml:5: model.1.type: expected conv2d, "), "%s", message);
    cr_expect_not_null(strstr(message, end), "%s", message);
}

Test(config, layers_are_checked)
{
    refused_value("data", "test", "5", "expected keys below it, not \"5\"");
    refused(REQUIRED "model: 5\n", "1 problem\nc.yaml:4: model: expected a list of 1..256 layers, "
                                   "not \"5\"");
    refused(REQUIRED "model: []\n",
            "1 problem\nc.yaml:4: model: expected a list of 1..256 layers, not a list");
    refused_layer("flatten", "model.2: expected a layer such as {type: flatten}, not \"flatten\"");
    refused_layer("~", "model.2: expected a layer such as {type: flatten}, not nothing");
    refused_type("softmax", "\"softmax\"");
    refused_type("[a]", "a list");
    refused_layer("{type: maxpool, size: [1, 2, 3]}",
                  "model.2.size: expected a whole number in 1..1024, or two of them as [rows, "
                  "cols], not a list");
    refused_layer("{type: maxpool, size: 0}",
                  "model.2.size: expected a whole number in 1..1024, or two of them as [rows, "
                  "cols], not \"0\"");
    refused_layer("{type: dense, units: class}",
                  "model.2.units: expected classes or a whole number in 1..16777216, not "
                  "\"class\"");
    refused_layer("{type: dense, units: 2, activation: tanh}",
                  "model.2.activation: expected linear, relu or sigmoid, not \"tanh\"");
}

Test(config, impossible_stacks_are_refused_at_their_layer)
{
    refused_layer(
        "{type: maxpool, size: 2}",
        "layer 2 (maxpool): expected images (rows, cols, channels), got a vector (16384)");
    refused(REQUIRED "model:\n"
                     "- {type: conv2d, filters: 1, kernel: [129, 1]}\n"
                     "- {type: flatten}\n",
            "1 problem\nc.yaml:5: layer 1 (conv2d): a window of 129 x 1 does not fit into (128, "
            "128, 1); output would be (0, 128, 1)");
    refused(REQUIRED "model:\n"
                     "- {type: flatten}\n"
                     "- {type: dense, units: 5, activation: sigmoid}\n",
            "1 problem\nc.yaml:6: layer 2 (dense): the last layer must be dense with 28 units (one "
            "a target) and activation sigmoid");
    refused("data: {labels: l, images: i, image: {rows: 8, cols: 8}}\n",
            "1 problem\nthe default model: layer 1 (conv2d): a window of 3 x 3 does not fit into "
            "(2, 2, 1); output would be (0, 0, 16)");
}

Test(config, all_problems_are_reported_together)
{
    refused("data:\n"
            "  labels: [x]\n"
            "  channels: 9\n"
            "  targets: [Cytosoll, 99]\n"
            "  split: {fold: 7}\n"
            "model:\n"
            "  - {type: dropout, rate: 2, rat: 1}\n"
            "train: {epochs: 0}\n"
            "device: 1\n",
            "c.yaml: 10 problems\n"
            "c.yaml:2: data.labels: expected text, not a list\n"
            "c.yaml:3: data.channels: expected a whole number in 1..4, not \"9\"\n"
            "c.yaml:4: data.targets: no class is called \"Cytosoll\"; did you mean \"Cytosol\"?\n"
            "c.yaml:4: data.targets: no class is called \"99\"; expected one of the 28 names, or "
            "0..27\n"
            "c.yaml:7: model.1.rate: expected a number from 0 to below 1, not \"2\"\n"
            "c.yaml:7: model.1.rat: unknown key; did you mean model.1.rate?\n"
            "c.yaml:8: train.epochs: expected a whole number in 1..1000000, not \"0\"\n"
            "c.yaml:9: device: expected keys below it, not \"1\"\n"
            "c.yaml: data.images is missing: The folder of the training images: ID_green.png, "
            "ID_blue.png, ID_red.png, ID_yellow.png.\n"
            "c.yaml:5: data.split.fold: expected 0..2 (folds x repeats - 1), not 7");
}

Test(config, what_is_no_yaml_is_refused)
{
    refused("", "c.yaml: is empty; expected keys, such as data:");
    refused("# only a comment\n", "c.yaml: is empty; expected keys, such as data:");
    refused("- a\n", "c.yaml: holds no keys; expected keys, such as data:");
    refused("text\n", "c.yaml: holds no keys; expected keys, such as data:");
    refused("data: {labels: x\n", "c.yaml:2: missing comma in flow mapping");
    refused("a: 1\n b: 2\n", "c.yaml:1: invalid multiline plain key");
    refused("a: @x\n", "c.yaml:1: plain scalar cannot start with '@'");
    refused("a: 1\n---\nb: 1\n", "c.yaml:2: a second document; expected one");
    refused("a: !!int 5\n", "c.yaml:1: YAML tags (\"!\") are not used here");
    refused("a: 1\nb: *x\n", "c.yaml:2: an alias without an anchor before it");
    refused("a: &x [*x]\n", "c.yaml:1: an alias without an anchor before it");
    refused("? [a]\n: 1\n", "c.yaml:1: a key must be text");
    refused("a: 1\nb: \"x\\0y\"\n", "c.yaml:2: a NUL or another character that is none");
    refused("a: 1\nb: \xff\xfe\n", "c.yaml:2: not UTF-8 text");
    refused("a: 1\nb: \xed\xa0\x80\n", "c.yaml:2: not UTF-8 text");
    refused("a: 1\nb: \xc0\xaf\n", "c.yaml:2: not UTF-8 text");
    refused("a: \x01\n", "c.yaml:1: a control character; expected text");
    char deep[128] = "a: ";
    memset(deep + 3, '[', 40);
    refused(deep, "c.yaml:1: nested too deep");
}

Test(config, files_of_other_systems_are_read)
{
    hpac_config config = load_good("\xef\xbb\xbf"
                                   "data:\r\n  labels: l.csv\r\n  images: \"i\"\r\n");
    cr_assert_str_eq(config.data.labels, "l.csv");
    cr_assert_str_eq(config.data.images, "i");
    hpac_config_fini(&config);
    refused("\xef\xbb\xbf"
            "data:\r\n  labels: l.csv\r\n  images: i\r\n  channels: 7\r\n",
            "1 problem\nc.yaml:4: data.channels: expected a whole number in 1..4, not \"7\"");
}

Test(config, files_that_cannot_be_read_are_refused)
{
    hpac_config config;
    cr_assert_eq(chdir(scratch_folder()), 0);
    cr_expect_eq(hpac_config_load("missing.yaml", NULL, 0, &config), HPAC_ERR_CONFIG);
    cr_expect_not_null(strstr(hpac_error_message(), "missing.yaml"));
    cr_assert_eq(mkdir("folder.yaml", 0755), 0);
    cr_expect_eq(hpac_config_load("folder.yaml", NULL, 0, &config), HPAC_ERR_CONFIG);
    cr_expect_not_null(strstr(hpac_error_message(), "folder.yaml"));
    cr_expect_eq(hpac_config_load("/dev/zero", NULL, 0, &config), HPAC_ERR_CONFIG);
    scratch_write_text("big.yaml", "#");
    cr_assert_eq(truncate("big.yaml", 100 << 20), 0);
    cr_expect_eq(hpac_config_load("big.yaml", NULL, 0, &config), HPAC_ERR_CONFIG);
    cr_expect_not_null(strstr(hpac_error_message(), "big.yaml"));
    scratch_write("binary.yaml", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16);
    cr_expect_eq(hpac_config_load("binary.yaml", NULL, 0, &config), HPAC_ERR_CONFIG);
    cr_expect_str_eq(hpac_error_message(), "binary.yaml:1: not UTF-8 text");
    scratch_write("utf16.yaml", "d\0:\0 \x001\0", 8);
    cr_expect_eq(hpac_config_load("utf16.yaml", NULL, 0, &config), HPAC_ERR_CONFIG);
    cr_expect_str_eq(hpac_error_message(), "utf16.yaml:1: a control character; expected text");
}

Test(config, overrides_replace_and_add)
{
    static const char *const sets[] = {
        "train.batch_size=128",    "data.targets=[Nucleoplasm, Cytosol]",
        "data.split.fold=1",       "data.labels=other=file.csv",
        "train.epochs=3",          "train.epochs=4",
        "train.optimizer.rho=0.5", "data.test={images: t, ids: s.csv}",
    };
    hpac_config config = load_good_sets(REQUIRED "train:\n  epochs: oops\n", sets, 8);
    cr_assert_str_eq(config.data.test_images, "t");
    cr_assert_str_eq(config.data.test_ids, "s.csv");
    cr_assert_eq(config.train.batch_size, 128);
    cr_assert(config.data.target_count == 2 && config.data.targets[1] == 25);
    cr_assert_eq(config.data.fold, 1);
    cr_assert_str_eq(config.data.labels, "other=file.csv");
    cr_assert_eq(config.train.epochs, 4);
    cr_assert(config.train.optimizer.rho == 0.5f && config.train.optimizer.learning_rate == 1.0f);
    cr_assert_eq(config.layers[7].units, 2);
    hpac_config_fini(&config);
}

Test(config, overrides_reach_layers)
{
    static const char *const sets[] = {"model.4.rate=0.125", "model.1.filters=8"};
    hpac_config config = load_good_sets(REQUIRED, sets, 2);
    cr_assert(config.layers[3].rate == 0.125f && config.layers[0].filters == 8);
    cr_assert_eq(config.layers[1].filters, 32);
    hpac_config_fini(&config);

    /* An alias stays what it was when its twin is changed. */
    config = load_good_sets(REQUIRED "model:\n"
                                     "- &c {type: conv2d, filters: 3, kernel: 3}\n"
                                     "- *c\n"
                                     "- {type: flatten}\n"
                                     "- {type: dense, units: classes, activation: sigmoid}\n",
                            (const char *const[]){"model.2.filters=5"}, 1);
    cr_assert(config.layers[0].filters == 3 && config.layers[1].filters == 5);
    hpac_config_fini(&config);

    static const char *const whole[] = {"model=[{type: flatten}, {type: dense, units: classes, "
                                        "activation: sigmoid}]"};
    config = load_good_sets(REQUIRED, whole, 1);
    cr_assert_eq(config.layer_count, 2);
    hpac_config_fini(&config);
}

Test(config, overrides_are_checked_like_the_file)
{
    refused_set("train.batch_size=abc",
                "1 problem\n--set train.batch_size=abc: expected a whole number in 1..65536, not "
                "\"abc\"");
    refused_set("train.bach_size=1", "1 problem\n--set train.bach_size=1: unknown key; did you "
                                     "mean train.batch_size?");
    refused_set("epochs=1", "1 problem\n--set epochs=1: unknown key; did you mean train.epochs?");
    refused_set("train.epochs", "1 problem\n--set train.epochs: expected KEY=VALUE, as in "
                                "train.epochs=5");
    refused_set("=5", "1 problem\n--set =5: an empty key; expected KEY=VALUE, as in "
                      "train.epochs=5");
    refused_set("train..epochs=5", "1 problem\n--set train..epochs=5: an empty key; expected "
                                   "KEY=VALUE, as in train.epochs=5");
    refused_set("train.=5", "1 problem\n--set train.=5: an empty key; expected KEY=VALUE, as in "
                            "train.epochs=5");
    refused_set("train.epochs=", "1 problem\n--set train.epochs=: has no value");
    refused_set("train.epochs=null", "1 problem\n--set train.epochs=null: expected a whole number "
                                     "in 1..1000000, not nothing");
    refused_set("train.epochs.x=1", "1 problem\n--set train.epochs.x=1: train.epochs: expected a "
                                    "whole number in 1..1000000, not a mapping");
    refused_set("train=5", "1 problem\n--set train=5: expected keys below it, not \"5\"");
    refused_set("data.targets=[Cytosol",
                "1 problem\n--set data.targets=[Cytosol: flow sequence without a closing bracket");
    refused_set("model.9.rate=0.5",
                "1 problem\n--set model.9.rate=0.5: \"9\" is no element of the list; expected "
                "1..8");
    refused_set("model.0.rate=0.5",
                "1 problem\n--set model.0.rate=0.5: \"0\" is no element of the list; expected "
                "1..8");
    refused_set("model.3.rate=0.5",
                "1 problem\n--set model.3.rate=0.5: unknown key; expected one of type, size");
    refused_set("model=[{type: flatten}, {type: dense, units: x}]",
                "1 problem\n--set model=[{type: flatten}, {type: dense, units: x}]: "
                "model.2.units: expected classes or a whole number in 1..16777216, not \"x\"");
    refused_set("model=[{type: dense, units: 5}]",
                "1 problem\n--set model=[{type: dense, units: 5}]: layer 1 (dense): expected a "
                "vector, got images (128, 128, 1); put a flatten layer before it");
    static const char *const several[] = {"train.epochs=0", "train.seed=x", "nonsense"};
    refused_sets(REQUIRED "device: {threads: 0}\n", several, 3,
                 "c.yaml: 4 problems\n"
                 "--set nonsense: expected KEY=VALUE, as in train.epochs=5\n"
                 "c.yaml:4: device.threads: expected auto or a whole number in 1..1024, not "
                 "\"0\"\n"
                 "--set train.epochs=0: expected a whole number in 1..1000000, not \"0\"\n"
                 "--set train.seed=x: expected a whole number in 0..18446744073709551615, not "
                 "\"x\"");
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Compares all values; floats by their bits. */
static void expect_same(const hpac_config *a, const hpac_config *b)
{
    cr_expect(same_text(a->data.labels, b->data.labels), "%s, %s", a->data.labels, b->data.labels);
    cr_expect(same_text(a->data.images, b->data.images), "%s, %s", a->data.images, b->data.images);
    cr_expect(same_text(a->data.test_images, b->data.test_images));
    cr_expect(same_text(a->data.test_ids, b->data.test_ids));
    cr_expect(same_text(a->train.initial_model, b->train.initial_model));
    cr_expect_eq(a->data.target_count, b->data.target_count);
    cr_expect_eq(memcmp(a->data.targets, b->data.targets,
                        (size_t)a->data.target_count * sizeof *a->data.targets),
                 0);
    cr_expect(a->data.channels == b->data.channels && a->data.image_rows == b->data.image_rows &&
              a->data.image_cols == b->data.image_cols &&
              a->data.scale_rows == b->data.scale_rows &&
              a->data.scale_cols == b->data.scale_cols && a->data.pixels == b->data.pixels);
    cr_expect(a->data.workers == b->data.workers && a->data.cache_mib == b->data.cache_mib &&
              a->data.skip_bad_images == b->data.skip_bad_images && a->data.fold == b->data.fold);
    cr_expect_eq(memcmp(&a->data.split, &b->data.split, sizeof a->data.split), 0);
    cr_expect_eq(a->layer_count, b->layer_count);
    if (a->layer_count == b->layer_count)
        cr_expect_eq(memcmp(a->layers, b->layers, (size_t)a->layer_count * sizeof *a->layers), 0);
    cr_expect(a->train.epochs == b->train.epochs && a->train.batch_size == b->train.batch_size &&
              a->train.shuffle == b->train.shuffle && a->train.drop_last == b->train.drop_last &&
              a->train.seed == b->train.seed && a->train.patience == b->train.patience &&
              a->train.weighting == b->train.weighting);
    cr_expect_eq(memcmp(&a->train.optimizer, &b->train.optimizer, sizeof a->train.optimizer), 0);
    cr_expect_eq(memcmp(&a->train.min_delta, &b->train.min_delta, sizeof(float)), 0);
    if (a->train.weighting == HPAC_WEIGHTING_LIST)
        cr_expect_eq(memcmp(a->train.positive_weights, b->train.positive_weights,
                            (size_t)a->data.target_count * sizeof(float)),
                     0);
    cr_expect(a->device.precision == b->device.precision &&
              a->device.deterministic == b->device.deterministic &&
              a->device.threads == b->device.threads);
}

/* Writes, reads back, compares. */
static void expect_round_trip(const hpac_config *config)
{
    FILE *stream = fopen(scratch_path("written.yaml"), "w");
    cr_assert_not_null(stream);
    cr_assert_eq(hpac_config_write(config, stream), HPAC_OK);
    cr_assert_eq(fclose(stream), 0);
    hpac_config again;
    hpac_status status = hpac_config_load(scratch_path("written.yaml"), NULL, 0, &again);
    cr_assert_eq(status, HPAC_OK, "%s", hpac_error_message());
    expect_same(config, &again);
    hpac_config_fini(&again);
}

Test(config, the_configurations_that_come_along_are_good)
{
    glob_t found;
    cr_assert_eq(glob("configs/*.yaml", 0, NULL, &found), 0);
    cr_assert_geq(found.gl_pathc, 5);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        hpac_config config;
        hpac_status status = hpac_config_load(found.gl_pathv[i], NULL, 0, &config);
        cr_assert_eq(status, HPAC_OK, "%s", hpac_error_message());
        expect_round_trip(&config);
        hpac_config_fini(&config);
    }
    globfree(&found);
}

/* The four fits of the write-ups. */
Test(config, the_fits_are_those_of_the_write_ups)
{
    static const struct {
        const char *path;
        int targets, epochs, batch_size, dropouts;
    } fits[] = {{"configs/baseline.yaml", 28, 1, 200, 2},
                {"configs/improved.yaml", 3, 5, 64, 2},
                {"configs/improved_batch128.yaml", 3, 10, 128, 2},
                {"configs/improved_nodropout.yaml", 3, 10, 128, 0}};
    static const int wish_list[] = {0, 25, 21}; /* Nucleoplasm, Cytosol, Plasma membrane */
    for (size_t i = 0; i < sizeof fits / sizeof *fits; i++) {
        hpac_config config;
        cr_assert_eq(hpac_config_load(fits[i].path, NULL, 0, &config), HPAC_OK, "%s",
                     hpac_error_message());
        int dropouts = 0;
        for (int j = 0; j < config.layer_count; j++)
            dropouts += config.layers[j].kind == HPAC_LAYER_DROPOUT;
        cr_expect_eq(config.data.target_count, fits[i].targets);
        if (fits[i].targets == 3)
            cr_expect_eq(memcmp(config.data.targets, wish_list, sizeof wish_list), 0);
        cr_expect_eq(config.train.epochs, fits[i].epochs);
        cr_expect_eq(config.train.batch_size, fits[i].batch_size);
        cr_expect_eq(dropouts, fits[i].dropouts);
        cr_expect(!config.train.shuffle && config.train.drop_last);
        cr_expect_eq(config.data.channels, 1);
        hpac_shape input = hpac_config_input_shape(&config);
        cr_expect(input.rows == 128 && input.cols == 128);
        hpac_config_fini(&config);
    }
}

static int pick(hpac_random *random, int least, int most)
{
    return least + (int)hpac_random_below(random, (uint32_t)(most - least + 1));
}

/* Any positive float, also tiny and huge ones. */
static float pick_float(hpac_random *random)
{
    float value = 0.0f;
    while (!(value > 0.0f && value <= FLT_MAX)) {
        uint32_t bits = hpac_random_next(random) & 0x7fffffff;
        memcpy(&value, &bits, sizeof value);
    }
    return value;
}

/* Text full of what YAML may stumble over. */
static char *pick_text(hpac_random *random)
{
    static const char *const pieces[] = {
        "a",
        "Z",
        "0",
        "-",
        "--- ",
        ": ",
        ":",
        " #",
        "#",
        " ",
        "  ",
        "'",
        "\"",
        "\\",
        "\n",
        "\t",
        "\r",
        "&",
        "*",
        "!",
        "|",
        ">",
        "%",
        "@",
        "`",
        "{",
        "}",
        "[",
        "]",
        ",",
        "?",
        "/",
        "..",
        "~",
        "null",
        "true",
        "1e5",
        "\xc3\xa4",
        "\xea\xb0\x80",
        "\xf0\x9f\x98\x80",
        "\xc2\x85",
        "\xe2\x80\xa8",
        "\xef\xbb\xbf",
        "\x7f",
        "\x01",
        "\x1b",
        "\xc2\xa0",
        "=",
        "<<",
        "\xef\xbf\xbf",
        "+",
        ".",
    };
    char *text = calloc(1, 128);
    for (int length = pick(random, 1, 12); length > 0; length--)
        strcat(text, pieces[hpac_random_below(random, sizeof pieces / sizeof *pieces)]);
    return text;
}

static void pick_layers(hpac_random *random, hpac_config *config)
{
    static hpac_layer layers[8];
    int count = 0;
    memset(layers, 0, sizeof layers);
    for (int convolutions = pick(random, 0, 3); convolutions > 0; convolutions--)
        layers[count++] = (hpac_layer){
            .kind = HPAC_LAYER_CONV2D,
            .filters = pick(random, 1, 64),
            .kernel_rows = pick(random, 1, 3),
            .kernel_cols = pick(random, 1, 3),
            .activation = (hpac_activation)pick(random, 0, 2),
            .initializer = (hpac_initializer)pick(random, 0, 1),
        };
    if (pick(random, 0, 1))
        layers[count++] = (hpac_layer){.kind = HPAC_LAYER_MAXPOOL,
                                       .kernel_rows = pick(random, 1, 3),
                                       .kernel_cols = pick(random, 1, 3)};
    if (pick(random, 0, 1))
        layers[count++] =
            (hpac_layer){.kind = HPAC_LAYER_DROPOUT, .rate = hpac_random_uniform(random)};
    if (pick(random, 0, 1))
        layers[count++] = (hpac_layer){.kind = HPAC_LAYER_ACTIVATION,
                                       .activation = (hpac_activation)pick(random, 1, 2)};
    layers[count++] = (hpac_layer){.kind = HPAC_LAYER_FLATTEN};
    layers[count++] = (hpac_layer){.kind = HPAC_LAYER_DENSE,
                                   .units = config->data.target_count,
                                   .activation = HPAC_ACTIVATION_SIGMOID,
                                   .initializer = (hpac_initializer)pick(random, 0, 1)};
    config->layers = layers;
    config->layer_count = count;
}

static hpac_config pick_config(hpac_random *random)
{
    hpac_config config = {0};
    hpac_config_data *data = &config.data;
    data->labels = pick_text(random);
    data->images = pick_text(random);
    if (pick(random, 0, 1)) {
        data->test_images = pick_text(random);
        data->test_ids = pick_text(random);
    }
    data->target_count = pick(random, 1, HPAC_CLASS_COUNT);
    int first = pick(random, 0, HPAC_CLASS_COUNT - 1);
    for (int i = 0; i < data->target_count; i++)
        data->targets[i] = (first + i) % HPAC_CLASS_COUNT;
    data->channels = pick(random, 1, 4);
    data->scale_rows = pick(random, 1, 40);
    data->scale_cols = pick(random, 1, 40);
    data->image_rows = pick(random, 12, 20) * data->scale_rows + data->scale_rows / 2;
    data->image_cols = pick(random, 12, 20) * data->scale_cols;
    data->pixels = (hpac_pixels)pick(random, 0, 1);
    data->workers = pick(random, 0, 256);
    data->skip_bad_images = pick(random, 0, 1);
    data->cache_mib = pick(random, -1, 5);
    data->split.folds = pick(random, 2, 65536);
    data->split.repeats = pick(random, 1, 1024);
    data->split.seed = hpac_random_next(random);
    data->split.method = (hpac_split_method)pick(random, 0, 1);
    data->fold = pick(random, 0, data->split.folds * data->split.repeats - 1);
    pick_layers(random, &config);
    config.train.epochs = pick(random, 1, 1000000);
    config.train.batch_size = pick(random, 1, 65536);
    config.train.shuffle = pick(random, 0, 1);
    config.train.drop_last = pick(random, 0, 1);
    config.train.seed = (uint64_t)hpac_random_next(random) << 32 | hpac_random_next(random);
    config.train.optimizer =
        (hpac_adadelta){pick_float(random), hpac_random_uniform(random), pick_float(random)};
    config.train.weighting = (hpac_weighting)pick(random, 0, 2);
    for (int i = 0; i < data->target_count; i++)
        config.train.positive_weights[i] = pick_float(random);
    config.train.patience = pick(random, 1, 1000000);
    config.train.min_delta = pick_float(random);
    config.train.initial_model = pick(random, 0, 1) ? pick_text(random) : NULL;
    config.device.precision = (hpac_precision)pick(random, 0, 2);
    config.device.deterministic = pick(random, 0, 1);
    config.device.threads = pick(random, 0, 1024);
    return config;
}

Test(config, what_is_written_reads_back_to_the_same_values)
{
    for (uint32_t round = 0; round < 500; round++) {
        hpac_random random;
        hpac_random_init(&random, 1, HPAC_PURPOSE_SYNTH, 0, round);
        hpac_config config = pick_config(&random);
        expect_round_trip(&config);
        config.layers = NULL; /* they are not owned */
        hpac_config_fini(&config);
    }
}

Test(config, the_table_marks_defaults)
{
    char *text = NULL;
    size_t nbytes;
    hpac_config config = load_good(REQUIRED "train: {epochs: 2, batch_size: 200}\n");
    FILE *stream = open_memstream(&text, &nbytes);
    hpac_config_print(&config, stream);
    cr_assert_eq(fclose(stream), 0);
    static const char *const lines[] = {
        "data.labels                       l.csv\n",
        "data.channels                     1  (default)\n",
        "train.epochs                      2\n",
        "train.batch_size                  200  (default)\n",
        "train.optimizer.epsilon           1e-07  (default)\n",
        "model.3                           {type: maxpool, size: 2}  (default)\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        cr_expect_not_null(strstr(text, lines[i]), "%s is not in\n%s", lines[i], text);
    cr_expect_null(strstr(text, "data.test"));
    free(text);
    hpac_config_fini(&config);
}

Test(config, the_manual_is_up_to_date)
{
    char *printed = NULL;
    size_t nbytes;
    FILE *stream = open_memstream(&printed, &nbytes);
    hpac_config_print_reference(stream);
    cr_assert_eq(fclose(stream), 0);
    FILE *file = fopen("docs/configuration.md", "r");
    cr_assert_not_null(file, "docs/configuration.md is missing: make docs");
    char *kept = calloc(1, nbytes + 2);
    size_t read = fread(kept, 1, nbytes + 1, file);
    fclose(file);
    cr_assert(read == nbytes && memcmp(kept, printed, nbytes) == 0,
              "docs/configuration.md is not what the schema says: make docs");
    free(kept);
    free(printed);
}
