/* Configurations: what is refused, and where. */
#include "config_text.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPTIMIZER_KEYS                                                                             \
    "type, learning_rate, rho, epsilon, momentum, nesterov, beta_1, beta_2, weight_decay"

Test(config, keys_of_another_loss_are_refused)
{
    refused(REQUIRED "train: {loss: {type: focal, clip: 0.1}}\n",
            "1 problem\nc.yaml:4: train.loss.clip: no option of train.loss.type focal, only of "
            "asymmetric");
    refused(REQUIRED "train: {loss: {gamma: 2}}\n",
            "1 problem\nc.yaml:4: train.loss.gamma: no option of train.loss.type bce, only of "
            "focal");
    refused(REQUIRED "train: {loss: {label_smoothing: 1}}\n",
            "1 problem\nc.yaml:4: train.loss.label_smoothing: expected a number in [0, 1), not "
            "\"1\"");
    refused(REQUIRED "model:\n"
                     "- {type: flatten}\n"
                     "- {type: dense, units: classes, activation: softmax}\n"
                     "train: {loss: {type: focal}}\n",
            "1 problem\nc.yaml:7: train.loss.type: a model that ends in a softmax has the loss "
            "bce, without smoothing");
    refused(REQUIRED "model:\n"
                     "- {type: flatten}\n"
                     "- {type: dense, units: classes, activation: softmax}\n"
                     "train: {loss: {label_smoothing: 0.1}}\n",
            "1 problem\nc.yaml:7: train.loss.label_smoothing: a model that ends in a softmax has "
            "the loss bce, without smoothing");
}

Test(config, keys_of_another_optimizer_or_schedule_are_refused)
{
    refused(REQUIRED "train: {optimizer: {type: adam, rho: 0.9}}\n",
            "1 problem\nc.yaml:4: train.optimizer.rho: no option of train.optimizer.type adam, "
            "only of adadelta");
    refused(REQUIRED "train: {optimizer: {momentum: 0.9}}\n",
            "1 problem\nc.yaml:4: train.optimizer.momentum: no option of train.optimizer.type "
            "adadelta, only of sgd");
    refused(REQUIRED "train: {optimizer: {type: sgd, nesterov: true}}\n",
            "1 problem\nc.yaml:4: train.optimizer.nesterov: has no effect without "
            "train.optimizer.momentum > 0");
    refused(REQUIRED "train: {schedule: {type: one_cycle, warm_up: 1}}\n",
            "1 problem\nc.yaml:4: train.schedule.warm_up: no option of train.schedule.type "
            "one_cycle, only of constant, step, cosine, exponential");
    refused(REQUIRED "train: {epochs: 3, schedule: {warm_up: 3}}\n",
            "1 problem\nc.yaml:4: train.schedule.warm_up: expected fewer than the 3 of "
            "train.epochs");
}

Test(config, rules_of_layers_are_checked)
{
    refused(REQUIRED "train: {layers: [conv2d]}\n",
            "1 problem\nc.yaml:4: train.layers: expected a rule such as {match: \"conv2d*\", "
            "trainable: false}, not \"conv2d\"");
    refused(REQUIRED "train: {layers: [{trainable: false}]}\n",
            "1 problem\nc.yaml:4: train.layers.1: match is missing: A pattern of layer "
            "names, as of a shell: * is any characters, ? one of them.");
    refused(REQUIRED "train: {layers: [{match: a, trainable: 2}]}\n",
            "1 problem\nc.yaml:4: train.layers.1.trainable: expected false or true, not \"2\"");
    refused(REQUIRED "train: {layers: [{match: a, trainable: false, learning_rate_factor: 2}]}\n",
            "1 problem\nc.yaml:4: train.layers: learning_rate_factor has no effect with trainable: "
            "false");
}

Test(config, unknown_keys_are_refused_with_the_nearest)
{
    refused(REQUIRED "trian:\n  epochs: 1\n", "1 problem\nc.yaml:4: trian: unknown key; did you "
                                              "mean train?");
    refused(REQUIRED "train:\n\n  batchsize: 1\n",
            "1 problem\nc.yaml:6: train.batchsize: unknown key; did you mean train.batch_size?");
    refused(REQUIRED "epochs: 1\n",
            "1 problem\nc.yaml:4: epochs: unknown key; did you mean train.epochs?");
    refused(REQUIRED "train: {optimizer: {amsgrad: 1}}\n",
            "1 problem\nc.yaml:4: train.optimizer.amsgrad: unknown key; expected one "
            "of " OPTIMIZER_KEYS);
    /* Names of other tools. */
    refused(REQUIRED "train:\n  lr: 1\n",
            "1 problem\nc.yaml:5: train.lr: unknown key; did you mean "
            "train.optimizer.learning_rate?");
    refused(REQUIRED "train:\n  num-epochs: 1\n",
            "1 problem\nc.yaml:5: train.num-epochs: unknown key; did you mean train.epochs?");
    refused("data: {labels: l.csv, images: i, classes: all}\n",
            "1 problem\nc.yaml:1: data.classes: unknown key; did you mean data.targets?");
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
    refused_layer("{type: flatten, units: 5}",
                  "model.2.units: unknown key; expected one of type, name, inputs");
}

Test(config, repeated_keys_are_refused)
{
    refused(REQUIRED "train:\n  epochs: 1\n  seed: 2\n  epochs: 1\n",
            "1 problem\nc.yaml:7: train.epochs: duplicate key, first in line 5");
    refused(REQUIRED "train:\n  epochs: 1\ntrain:\n  seed: 2\n",
            "1 problem\nc.yaml:6: train: duplicate key, first in line 4");
    refused_layer("{type: dropout, rate: 0.5, rate: 0.5}",
                  "model.2.rate: duplicate key, first in line 6");
}

Test(config, a_sweep_is_recognized)
{
    refused("config: other.yaml\nruns: []\n",
            "c.yaml: 4 problems\n"
            "c.yaml:1: config: unknown key; expected one of data, model, train, device\n"
            "c.yaml:2: runs: unknown key; expected one of data, model, train, device\n"
            "c.yaml: data.labels is missing: The label file: CSV with the columns Id and Target, "
            "class numbers separated by spaces.\n"
            "c.yaml: data.images is missing: The directory of the training images: ID_green.png, "
            "ID_blue.png, ID_red.png, ID_yellow.png.\n"
            "this is a sweep, not a configuration: train it with hpac sweep");
}

Test(config, required_keys_are_named)
{
    refused("train: {epochs: 1}\n",
            "c.yaml: 2 problems\n"
            "c.yaml: data.labels is missing: The label file: CSV with the columns Id and Target, "
            "class numbers separated by spaces.\n"
            "c.yaml: data.images is missing: The directory of the training images: ID_green.png, "
            "ID_blue.png, ID_red.png, ID_yellow.png.");
    refused_layer("{type: conv2d, kernel: 3}", "model.2: filters is missing: Output channels.");
    refused_layer("{rate: 3}",
                  "model.2: expected a layer such as {type: flatten}, not a mapping without a "
                  "type");
}

Test(config, whole_numbers_are_checked)
{
    static const char *const wrong[] = {
        "abc",   "0",     "-1",  "5.0",  "1e3", "0x10",       "0o17",
        "1_000", "65537", "+-5", "true", "5 5", "4294967296", "99999999999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char expected[160];
        snprintf(expected, sizeof expected, "expected an integer in [1, 65536], not \"%s\"",
                 wrong[i]);
        refused_value("train", "batch_size", wrong[i], expected);
    }
    refused_value("train", "batch_size", "\"32\"",
                  "expected an integer in [1, 65536], not \"32\", which is text because of its "
                  "quotes");
    refused_value("train", "batch_size", "'abc'",
                  "expected an integer in [1, 65536], not \"abc\", which is text because of its "
                  "quotes");
    refused_value(
        "data", "channels", "\"2\"",
        "expected an integer in [1, 4] or a list of channel names, not \"2\", which is text "
        "because of its quotes");
    refused_value("train", "batch_size", "", "expected an integer in [1, 65536], not nothing");
    refused_value("train", "batch_size", "~", "expected an integer in [1, 65536], not nothing");
    refused_value("train", "batch_size", "[1]",
                  "expected an integer in [1, 65536], not a list of 1");
    refused_value("train", "batch_size", "{a: 1}",
                  "expected an integer in [1, 65536], not a mapping");
    refused_value("train", "seed", "18446744073709551616",
                  "expected an integer in [0, 18446744073709551615], not "
                  "\"18446744073709551616\"");
    refused_value("data", "workers", "0", "expected auto or an integer in [1, 256], not \"0\"");
    refused_value("data", "cache_mib", "-1",
                  "expected auto or an integer in [0, 16777216], not \"-1\"");
    hpac_config config = load_good(REQUIRED "train: {epochs: +7, batch_size: 010}\n");
    cr_assert(config.train.epochs == 7 && config.train.batch_size == 10);
    hpac_config_fini(&config);
}

Test(config, numbers_are_checked)
{
    static const char *const wrong[] = {"abc", ".nan", ".inf", "nan", "inf",   "-1e39",
                                        "0",   "-1",   "0e5",  "e5",  "0x1p3", ".",
                                        "1e",  "1e+",  "--1",  "1,5", "1.5.2", "infinity"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[256], expected[256];
        snprintf(text, sizeof text, REQUIRED "train:\n optimizer:\n  learning_rate: %s\n",
                 wrong[i]);
        snprintf(expected, sizeof expected,
                 "1 problem\nc.yaml:6: train.optimizer.learning_rate: expected a number > 0, "
                 "not \"%s\"",
                 wrong[i]);
        refused(text, expected);
    }
    refused(REQUIRED "train:\n optimizer:\n  learning_rate: '1'\n",
            "1 problem\nc.yaml:6: train.optimizer.learning_rate: expected a number > 0, not \"1\", "
            "which is text because of its quotes");
    refused(REQUIRED "train:\n optimizer:\n  learning_rate: 1e39\n",
            "1 problem\nc.yaml:6: train.optimizer.learning_rate: expected a number > 0, not "
            "\"1e39\", which is beyond float32 (3.4e+38)");
    refused(REQUIRED "train:\n optimizer:\n  learning_rate: 1e-60\n",
            "1 problem\nc.yaml:6: train.optimizer.learning_rate: expected a number > 0, not "
            "\"1e-60\", which is 0 in float32");
    refused_layer("{type: dropout, rate: 1}",
                  "model.2.rate: expected a number in [0, 1), not \"1\"");
    refused_layer("{type: dropout, rate: 0.99999999999}",
                  "model.2.rate: expected a number in [0, 1), not \"0.99999999999\", which is 1 "
                  "in float32");
}

Test(config, choices_truths_and_texts_are_checked)
{
    refused_value("data", "pixels", "uint16", "expected uint8 or float32, not \"uint16\"");
    refused_value("data", "on_bad_image", "true", "expected fail or skip, not \"true\"");
    refused_value("device", "precision", "fp16", "expected fp32, tf32 or bf16, not \"fp16\"");
    static const char *const wrong[] = {"1", "truefalse", "tRUE", "TRue", "fAlse"};
    static const char *const yaml_1_1[] = {"yes", "on", "no", "off", "Yes", "NO", "y", "n"};
    char expected[120];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(expected, sizeof expected, "expected false or true, not \"%s\"", wrong[i]);
        refused_value("train", "shuffle", wrong[i], expected);
    }
    for (size_t i = 0; i < sizeof yaml_1_1 / sizeof *yaml_1_1; i++) {
        snprintf(expected, sizeof expected,
                 "expected false or true, not \"%s\", which YAML 1.2 does not read as a boolean",
                 yaml_1_1[i]);
        refused_value("train", "shuffle", yaml_1_1[i], expected);
    }
    refused_value("train", "shuffle", "\"true\"",
                  "expected false or true, not \"true\", which is text because of its quotes");
    refused_value("train", "initial_model", "", "expected a path, not nothing");
    refused_value("train", "initial_model", "''", "expected a path, not \"\"");
    refused_value("train", "initial_model", "[a]", "expected a path, not a list of 1");
    refused_value("train", "optimizer", "adam",
                  "expected nested keys (" OPTIMIZER_KEYS "), not \"adam\"");
    refused_value("train", "optimizer", "",
                  "expected nested keys (" OPTIMIZER_KEYS "), not nothing");
    refused_value("train", "optimizer", "none",
                  "expected nested keys (" OPTIMIZER_KEYS "), not \"none\"");
    refused_value("data", "split", "null",
                  "expected nested keys (folds, repeats, seed, method, fold), not nothing");
    refused_value("train", "epochs", "none", "expected an integer in [1, 1000000], not \"none\"");
    refused(REQUIRED "train:\n  optimizer:\n    type: adamax\n",
            "c.yaml:6: train.optimizer.type: expected adadelta, sgd, adam or adamw, not "
            "\"adamax\"");
    hpac_config config = load_good("data: {labels: 5, images: \"null\"}\n");
    cr_assert_str_eq(config.data.labels, "5");
    cr_assert_str_eq(config.data.images, "null");
    hpac_config_fini(&config);
}

Test(config, targets_are_checked)
{
    refused_value("data", "targets", "[Nucleoplasms]",
                  "unknown class \"Nucleoplasms\"; did you mean \"Nucleoplasm\"?");
    refused_value("data", "targets", "[nucleoplasn]",
                  "unknown class \"nucleoplasn\"; did you mean \"Nucleoplasm\"?");
    refused_value("data", "targets", "[xyz]",
                  "unknown class \"xyz\"; expected one of the 28 names or an integer in [0, 27]");
    refused_value("data", "targets", "[28]",
                  "unknown class \"28\"; expected one of the 28 names or an integer in [0, 27]");
    refused_value("data", "targets", "[\"0\"]",
                  "unknown class \"0\"; expected one of the 28 names or an integer in [0, 27]");
    refused_value("data", "targets", "[Cytosol, cytosol]", "duplicate class \"Cytosol\"");
    refused_value("data", "targets", "[Cytosol, 25]", "duplicate class \"Cytosol\"");
    refused_value("data", "targets", "[[Cytosol]]",
                  "expected a class name or its number, not a list of 1");
    refused_value(
        "data", "targets", "[]",
        "expected all or a list of class names or integers in [0, 27], not an empty list");
    refused_value("data", "targets", "Cytosol",
                  "expected all or a list of class names or integers in [0, 27], not \"Cytosol\"");
    refused(REQUIRED "  targets:\n    - Cytosol\n    - Plasma membrane\n    - Nukleoli\n",
            "1 problem\nc.yaml:7: data.targets: unknown class \"Nukleoli\"; did you mean "
            "\"Nucleoli\"?");
}

Test(config, channels_are_checked)
{
    static const char expected[] = "expected an integer in [1, 4] or a list of channel names, not ";
    static const char *const wrong[][2] = {
        {"5", "\"5\""},          {"0", "\"0\""},     {"-1", "\"-1\""},
        {"red", "\"red\""},      {"all", "\"all\""}, {"1.5", "\"1.5\""},
        {"[]", "an empty list"}, {"", "nothing"},    {"{red: 1}", "a mapping"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[128];
        snprintf(text, sizeof text, "%s%s", expected, wrong[i][1]);
        refused_value("data", "channels", wrong[i][0], text);
    }
    refused_value("data", "channels", "[red, gren]",
                  "unknown channel \"gren\"; did you mean \"green\"?");
    refused_value("data", "channels", "[protein]",
                  "unknown channel \"protein\"; expected green, blue, red or yellow");
    refused_value("data", "channels", "[0]",
                  "unknown channel \"0\"; expected green, blue, red or yellow");
    refused_value("data", "channels", "[[red]]", "expected a channel name, not a list of 1");
    refused_value("data", "channels", "[red, blue, red]", "duplicate channel \"red\"");
}

Test(config, positive_weights_are_checked)
{
    static const char expected[] =
        "expected none, balanced or a list of numbers > 0, one per target, not ";
    char text[160];
    snprintf(text, sizeof text, "%s%s", expected, "\"all\"");
    refused_value("train", "positive_weights", "all", text);
    snprintf(text, sizeof text, "%s%s", expected, "an empty list");
    refused_value("train", "positive_weights", "[]", text);
    refused_value("train", "positive_weights", "[1, -2, 3]", "expected a number > 0, not \"-2\"");
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
            "1 problem\nc.yaml:6: data.split.fold: expected an integer in [0, 1] (folds x repeats "
            "- 1), not 2");
    refused(REQUIRED "  split: {folds: 65536, repeats: 1024, fold: 67108864}\n",
            "1 problem\nc.yaml:4: data.split.fold: expected an integer in [0, 67108863], not "
            "\"67108864\"");
    refused(
        REQUIRED "  scale:\n    rows: 513\n",
        "1 problem\nc.yaml:5: data.scale.rows: an image of 512 pixels, scaled down by 513, has no "
        "pixel left");
    refused(REQUIRED "  image:\n    cols: 3\n", "1 problem\nc.yaml:5: data.image.cols: an image of "
                                                "3 pixels, scaled down by 4, has no pixel "
                                                "left");
    refused(REQUIRED "train:\n  early_stopping:\n    min_delta: 1e-3\n",
            "1 problem\nc.yaml:6: train.early_stopping.min_delta: has no effect without "
            "train.early_stopping.patience >= 1");
}

/* The message lists the types there are. */
static void refused_type(const char *type, const char *shown)
{
    char text[256], end[64];
    hpac_config config;
    snprintf(text, sizeof text, REQUIRED "model:\n- {type: %s}\n", type);
    snprintf(end, sizeof end, " or activation, not %s", shown);
    cr_expect_eq(load_sets(text, NULL, 0, &config), HPAC_ERR_CONFIG);
    const char *message = hpac_error_message();
    cr_expect_not_null(strstr(message, "c.yaml:5: model.1.type: expected conv2d, "), "%s", message);
    cr_expect_not_null(strstr(message, end), "%s", message);
}

Test(config, layers_are_checked)
{
    refused_value("data", "test", "5", "expected nested keys (images, ids), not \"5\"");
    refused(REQUIRED "model: 5\n",
            "1 problem\nc.yaml:4: model: expected a list of 1 to 2048 layers or {file: NAME}, "
            "not \"5\"");
    char many[2100 * sizeof "- {type: flatten}\n"] = REQUIRED "model:\n";
    size_t many_length = strlen(many);
    for (int i = 0; i < 2049; i++)
        many_length +=
            (size_t)snprintf(many + many_length, sizeof many - many_length, "- {type: flatten}\n");
    refused(many, "1 problem\nc.yaml:5: model: expected a list of 1 to 2048 layers or {file: "
                  "NAME}, not a list of 2049");
    refused(REQUIRED "model: {}\n",
            "1 problem\nc.yaml:4: model: expected a list of layers or {file: NAME}, not a mapping");
    refused(REQUIRED "model: []\n", "1 problem\nc.yaml:4: model: expected a list of 1 to 2048 "
                                    "layers or {file: NAME}, not an empty list");
    refused_layer("flatten", "model.2: expected a layer such as {type: flatten}, not \"flatten\"");
    refused_layer("~", "model.2: expected a layer such as {type: flatten}, not nothing");
    refused_type("softmax", "\"softmax\"");
    refused_type("[a]", "a list");
    refused_layer("{type: maxpool, size: [1, 2, 3]}",
                  "model.2.size: expected an integer in [1, 1024], or two of them as [rows, "
                  "cols], not a list of 3");
    refused_layer("{type: maxpool, size: 0}",
                  "model.2.size: expected an integer in [1, 1024], or two of them as [rows, "
                  "cols], not \"0\"");
    refused_layer("{type: dense, units: class}",
                  "model.2.units: expected classes or an integer in [1, 16777216], not "
                  "\"class\"");
    refused_layer(
        "{type: dense, units: 2, activation: elu}",
        "model.2.activation: expected linear, relu, sigmoid, relu6, silu, gelu, softplus, "
        "tanh or softmax, not "
        "\"elu\"");
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
            "128, 1); use a smaller one, or padding same");
    refused(REQUIRED "model:\n"
                     "- {type: flatten}\n"
                     "- {type: dense, units: 5, activation: softmax}\n"
                     "- {type: dense, units: classes, activation: sigmoid}\n",
            "1 problem\nc.yaml:6: layer 2 (dense): activation softmax, expected in the last layer "
            "only");
    refused(REQUIRED "model:\n"
                     "- {type: flatten}\n"
                     "- {type: dense, units: 5, activation: sigmoid}\n",
            "1 problem\nc.yaml:6: layer 2 (dense): the last layer must be dense with 28 units (one "
            "per target) and activation sigmoid or softmax: {type: dense, units: classes, "
            "activation: sigmoid}");
    refused("data: {labels: l, images: i, targets: [Nucleoplasm], image: {rows: 8, cols: 8}}\n"
            "model:\n"
            "- {type: flatten}\n"
            "- {type: dense, units: classes, activation: softmax}\n",
            "1 problem\nc.yaml:4: layer 2 (dense): the last layer must be dense with 1 units (one "
            "per target) and activation sigmoid: {type: dense, units: classes, activation: "
            "sigmoid}");
    refused("data: {labels: l, images: i, image: {rows: 8, cols: 8}}\n",
            "1 problem\nthe default model: layer 1 (conv2d): a window of 3 x 3 does not fit into "
            "(2, 2, 1); use a smaller one, or padding same");
}

Test(config, all_problems_are_reported_together)
{
    refused(
        "data:\n"
        "  labels: [x]\n"
        "  channels: 9\n"
        "  targets: [Cytosoll, 99]\n"
        "  split: {fold: 7}\n"
        "model:\n"
        "  - {type: dropout, rate: 2, rat: 1}\n"
        "train: {epochs: 0}\n"
        "device: 1\n",
        "c.yaml: 10 problems\n"
        "c.yaml:2: data.labels: expected a path, not a list of 1\n"
        "c.yaml:3: data.channels: expected an integer in [1, 4] or a list of channel names, not "
        "\"9\"\n"
        "c.yaml:4: data.targets: unknown class \"Cytosoll\"; did you mean \"Cytosol\"?\n"
        "c.yaml:4: data.targets: unknown class \"99\"; expected one of the 28 names or an integer "
        "in [0, 27]\n"
        "c.yaml:7: model.1.rate: expected a number in [0, 1), not \"2\"\n"
        "c.yaml:7: model.1.rat: unknown key; did you mean model.1.rate?\n"
        "c.yaml:8: train.epochs: expected an integer in [1, 1000000], not \"0\"\n"
        "c.yaml:9: device: expected nested keys (precision, deterministic, image_layout, resident, "
        "graph, threads), not \"1\"\n"
        "c.yaml: data.images is missing: The directory of the training images: ID_green.png, "
        "ID_blue.png, ID_red.png, ID_yellow.png.\n"
        "c.yaml:5: data.split.fold: expected an integer in [0, 2] (folds x repeats - 1), not 7");
}

Test(config, what_is_no_yaml_is_refused)
{
    refused("", "c.yaml: is empty; expected keys, such as data:");
    refused("# only a comment\n", "c.yaml: is empty; expected keys, such as data:");
    refused("- a\n", "c.yaml: has no keys; expected keys, such as data:");
    refused("text\n", "c.yaml: has no keys; expected keys, such as data:");
    refused_syntax("data: {labels: x\n", 2);
    refused_syntax("a: 1\n b: 2\n", 1);
    refused_syntax("a: @x\n", 1);
    refused_syntax("a:\n\tb: 2\n", 2);
    refused_syntax("a: 1\n...\n]\n", 3);
    refused("a: 1\n---\nb: 1\n", "c.yaml:2: a second document; expected one");
    refused("a: !!int 5\n", "c.yaml:1: YAML tags (\"!\") are not supported");
    refused("a: 1\nb: *x\n", "c.yaml:2: an alias without an anchor before it");
    refused("a: &x [*x]\n", "c.yaml:1: an alias without an anchor before it");
    refused("? [a]\n: 1\n", "c.yaml:1: a key must be text");
    refused("a: 1\nb: \"x\\0y\"\n", "c.yaml:2: a NUL or a code point that is no character");
    refused("a: 1\nb: \xff\xfe\n", "c.yaml:2: not UTF-8 text");
    refused("a: 1\nb: \xed\xa0\x80\n", "c.yaml:2: not UTF-8 text");
    refused("a: 1\nb: \xc0\xaf\n", "c.yaml:2: not UTF-8 text");
    refused("a: \x01\n", "c.yaml:1: a control character; expected text");
    char deep[128] = "a: ";
    memset(deep + 3, '[', 40);
    memset(deep + 43, ']', 40);
    refused(deep, "c.yaml:1: nested too deep");
}

/* Each list is ten of the one before: 10^9 values. */
Test(config, aliases_that_expand_without_end_are_refused)
{
    char text[2048] = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n";
    size_t length = strlen(text);
    for (int i = 1, k = i - 1; i < 9; k = i++)
        length += (size_t)snprintf(text + length, sizeof text - length,
                                   "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, "
                                   "*a%d, *a%d]\n",
                                   i, i, k, k, k, k, k, k, k, k, k, k);
    refused(text, "c.yaml:6: aliases expand to more than a million values");
}

static void refused_path(const char *value, const char *expected)
{
    refused_value("train", "initial_model", value, expected);
}

Test(config, paths_that_cannot_be_expanded_are_refused)
{
    static const char syntax[] =
        "expected ${VARIABLE}, with letters, digits and underscores, or $$ "
        "for a dollar sign";
    unsetenv("HPAC_UNSET");
    setenv("HPAC_EMPTY", "", 1);
    refused_path("${HPAC_UNSET}/m.h5", "the environment variable HPAC_UNSET is not set");
    refused_path("x/$HPAC_UNSET", "the environment variable HPAC_UNSET is not set");
    refused_path("${HPAC_EMPTY}", "expected a path, not \"${HPAC_EMPTY}\"");
    refused_path("a$", syntax);
    refused_path("'${'", syntax);
    refused_path("'${}'", syntax);
    refused_path("'${A-b}'", syntax);
    refused_path("'${HPAC_EMPTY'", syntax);
    refused_path("$1", syntax);
    unsetenv("HOME");
    refused_path("~/m.h5", "~ needs the environment variable HOME");
    refused_set("data.images=$HPAC_UNSET",
                "1 problem\n--set data.images=$HPAC_UNSET: the environment variable HPAC_UNSET is "
                "not set");
}

Test(config, lines_of_other_systems_are_counted)
{
    refused(
        "\xef\xbb\xbf"
        "data:\r\n  labels: l.csv\r\n  images: i\r\n  channels: 7\r\n",
        "1 problem\nc.yaml:4: data.channels: expected an integer in [1, 4] or a list of channel "
        "names, not \"7\"");
}

Test(config, files_that_cannot_be_read_are_refused)
{
    hpac_config config;
    cr_assert_eq(chdir(scratch_directory()), 0);
    cr_expect_eq(hpac_config_load("missing.yaml", NULL, 0, &config), HPAC_ERR_CONFIG);
    cr_expect_not_null(strstr(hpac_error_message(), "missing.yaml"));
    cr_assert_eq(mkdir("directory.yaml", 0755), 0);
    cr_expect_eq(hpac_config_load("directory.yaml", NULL, 0, &config), HPAC_ERR_CONFIG);
    cr_expect_not_null(strstr(hpac_error_message(), "directory.yaml"));
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
