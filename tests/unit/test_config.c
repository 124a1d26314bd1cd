/* Configurations: what is read, and what is printed. */
#include "base/file.h"
#include "config/config_schema.h"

#include "config_text.h"
#include "layers.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Test(config, defaults_are_those_of_the_reference_notebooks)
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
    cr_assert(config.device.image_layout == HPAC_IMAGE_LAYOUT_AUTO &&
              config.device.resident == HPAC_SWITCH_AUTO &&
              config.device.graph == HPAC_SWITCH_AUTO);
    hpac_config_fini(&config);
}

Test(config, default_model_is_the_improved_one_with_dropout)
{
    static const hpac_layer expected[] = {
        CONV2D(16),
        CONV2D(32),
        MAXPOOL,
        DROPOUT(0.25f),
        FLATTEN,
        DENSE(64),
        DROPOUT(0.5f),
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

/* A value other than the default for every key. */
static const char every_value[] =
    "data:\n"
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
    "  schedule: {type: step, warm_up: 0.5, every: 2, factor: 0.25}\n"
    "  clip_norm: 1\n"
    "  accumulate: 4\n"
    "  ema: 0.5\n"
    "  l2: .125\n"
    "  layers: [{match: \"conv2d*\", trainable: false}, {match: b, learning_rate_factor: 10}]\n"
    "  positive_weights: [1, 2.5, 1e1]\n"
    "  early_stopping: {patience: 4, min_delta: 1.0e-3}\n"
    "  initial_model: m.h5\n"
    "device: {precision: bf16, deterministic: false, image_layout: nchw, resident: off,\n"
    "  graph: on, threads: 2}\n";

Test(config, every_value_of_the_data_is_read)
{
    hpac_config config = load_good(every_value);
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
    hpac_config_fini(&config);
}

Test(config, every_value_of_the_model_is_read)
{
    hpac_config config = load_good(every_value);
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
    hpac_config_fini(&config);
}

Test(config, every_value_of_training_and_device_is_read)
{
    hpac_config config = load_good(every_value);
    cr_assert(config.train.epochs == 3 && config.train.batch_size == 17 && config.train.shuffle &&
              !config.train.drop_last && config.train.seed == UINT64_MAX);
    cr_assert(config.train.optimizer.learning_rate == 0.5f && config.train.optimizer.rho == 0.0f &&
              config.train.optimizer.epsilon == 1e-5f);
    cr_assert(config.train.schedule.kind == HPAC_SCHEDULE_STEP &&
              config.train.schedule.warm_up == 0.5f && config.train.schedule.every == 2.0f &&
              config.train.schedule.factor == 0.25f);
    cr_assert(config.train.clip_norm == 1.0f && config.train.accumulate == 4 &&
              config.train.ema == 0.5f && config.train.l2 == 0.125f);
    cr_assert(config.train.layer_rule_count == 2 && !config.train.layers[0].trainable &&
              config.train.layers[1].trainable &&
              config.train.layers[1].learning_rate_factor == 10.0f);
    cr_assert_str_eq(config.train.layers[0].match, "conv2d*");
    cr_assert_eq(config.train.weighting, HPAC_WEIGHTING_LIST);
    cr_assert(config.train.positive_weights[0] == 1.0f &&
              config.train.positive_weights[1] == 2.5f &&
              config.train.positive_weights[2] == 10.0f);
    cr_assert(config.train.patience == 4 && config.train.min_delta == 1e-3f);
    cr_assert_str_eq(config.train.initial_model, "m.h5");
    cr_assert(config.device.precision == HPAC_PRECISION_BF16 && !config.device.deterministic &&
              config.device.threads == 2);
    cr_assert(config.device.image_layout == HPAC_IMAGE_LAYOUT_NCHW &&
              config.device.resident == HPAC_SWITCH_OFF && config.device.graph == HPAC_SWITCH_ON);
    hpac_config_fini(&config);
}

/* An integer counts in the order green, blue, red, yellow. */
Test(config, channels_are_read_in_their_order_and_written_as_short_as_possible)
{
    static const struct {
        const char *text;
        size_t count;
        int order[4];
        const char *written;
    } cases[] = {
        {"1", 1, {0}, "1"},
        {"3", 3, {0, 1, 2}, "3"},
        {"4", 4, {0, 1, 2, 3}, "4"},
        {"[red, green, blue, yellow]", 4, {2, 0, 1, 3}, "[red, green, blue, yellow]"},
        {"[yellow]", 1, {3}, "[yellow]"},
        {"[\"yellow\", green]", 2, {3, 0}, "[yellow, green]"},
        {"[green, blue]", 2, {0, 1}, "2"},
        {"[blue, green]", 2, {1, 0}, "[blue, green]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[128], expected[64], *written;
        snprintf(text, sizeof text, REQUIRED "  channels: %s\n", cases[i].text);
        hpac_config config = load_good(text);
        cr_assert_eq(config.data.channels, cases[i].count, "%s", cases[i].text);
        cr_expect_eq(hpac_config_input_shape(&config).channels, cases[i].count);
        for (size_t c = 0; c < cases[i].count; c++)
            cr_expect_eq(config.data.channel_order[c], cases[i].order[c], "%s", cases[i].text);
        cr_assert_eq(hpac_config_text(&config, &written), HPAC_OK);
        snprintf(expected, sizeof expected, "  channels: %s\n", cases[i].written);
        cr_expect_not_null(strstr(written, expected), "%s", written);
        free(written);
        hpac_config_fini(&config);
    }
}

Test(config, each_option_of_the_device_reaches_it)
{
    hpac_config config = load_good(every_value);
    hpac_device_options options = hpac_config_device_options(&config, "cuda:3");
    cr_expect_str_eq(options.name, "cuda:3");
    cr_expect(options.precision == HPAC_PRECISION_BF16 && !options.deterministic &&
              options.image_layout == HPAC_IMAGE_LAYOUT_NCHW && options.threads == 2);
    hpac_config_fini(&config);
}

Test(config, numbers_are_read)
{
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

/* ~ and environment variables; what is written is the expanded path, and reads back as itself. */
Test(config, paths_are_expanded)
{
    static const char *const cases[][2] = {
        {"~/data/train", "/home/me/data/train"},
        {"'~'", "/home/me"},
        {"~me/x", "~me/x"},
        {"a/~/b", "a/~/b"},
        {"'${HPAC_DATA}/train'", "/big disk/$x/train"},
        {"\"$HPAC_DATA/train\"", "/big disk/$x/train"},
        {"'x${HPAC_N}y$HPAC_N'", "x7y7"},
        {"$HPAC_N.csv", "7.csv"},
        {"'a$$b/$${HPAC_N}'", "a$b/${HPAC_N}"},
    };
    setenv("HOME", "/home/me", 1);
    setenv("HPAC_DATA", "/big disk/$x", 1);
    setenv("HPAC_N", "7", 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[128], *written;
        snprintf(text, sizeof text, "data: {labels: l, images: %s}\n", cases[i][0]);
        hpac_config config = load_good(text), again;
        cr_expect_str_eq(config.data.images, cases[i][1]);
        cr_assert_eq(hpac_config_text(&config, &written), HPAC_OK);
        again = load_good(written);
        cr_expect_str_eq(again.data.images, cases[i][1], "%s", written);
        hpac_config_fini(&again);
        /* The configuration in a model file is read on other machines, too. */
        unsetenv("HPAC_N");
        cr_assert_eq(hpac_config_parse("hpac/config", written, &again), HPAC_OK);
        cr_expect_str_eq(again.data.images, cases[i][1], "%s", written);
        setenv("HPAC_N", "7", 1);
        hpac_config_fini(&again);
        hpac_config_fini(&config);
        free(written);
    }
    hpac_config old;
    cr_assert_eq(hpac_config_parse("hpac/config", "data: {labels: $a, images: '${b}/~'}", &old),
                 HPAC_OK);
    cr_expect_str_eq(old.data.labels, "$a");
    cr_expect_str_eq(old.data.images, "${b}/~");
    hpac_config_fini(&old);
    old = load_good_sets(REQUIRED, (const char *const[]){"data.labels=~/l.csv"}, 1);
    cr_expect_str_eq(old.data.labels, "/home/me/l.csv");
    hpac_config_fini(&old);
}

Test(config, booleans_are_read_as_yaml_1_2_writes_them)
{
    static const char *const words[] = {"true", "True", "TRUE", "false", "False", "FALSE"};
    for (int i = 0; i < 6; i++) {
        char text[128];
        snprintf(text, sizeof text, REQUIRED "train: {shuffle: %s}\n", words[i]);
        hpac_config config = load_good(text);
        cr_expect_eq(config.train.shuffle, i < 3, "%s", words[i]);
        hpac_config_fini(&config);
    }
}

Test(config, name_is_that_of_the_file)
{
    static const char *const names[][2] = {
        {"a.b.yaml", "a.b"}, {"x.yml", "x"}, {"plain", "plain"}, {".yaml", ".yaml"}};
    cr_assert_eq(chdir(scratch_directory()), 0);
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
    /* An anchor is that of the last node before the alias. */
    config =
        load_good(REQUIRED "  image: {rows: &a 64, cols: *a}\n  scale: {rows: &a 4, cols: *a}\n");
    cr_assert_eq(config.data.image_cols, 64);
    cr_assert_eq(config.data.scale_cols, 4);
    hpac_config_fini(&config);
}

Test(config, files_of_other_systems_are_read)
{
    hpac_config config = load_good("\xef\xbb\xbf"
                                   "data:\r\n  labels: l.csv\r\n  images: \"i\"\r\n");
    cr_assert_str_eq(config.data.labels, "l.csv");
    cr_assert_str_eq(config.data.images, "i");
    hpac_config_fini(&config);
}

/* The four fits of the reference notebooks. */
Test(config, the_fits_are_those_of_the_reference_notebooks)
{
    static const struct {
        const char *path;
        size_t targets;
        int epochs;
        size_t batch_size;
        int dropouts;
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
        for (size_t j = 0; j < config.layer_count; j++)
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

/* It names a directory: never "." or "..". */
Test(config, the_name_is_that_of_the_file)
{
    static const char *const names[][2] = {
        {"a/b.yaml", "b"}, {"b.yml", "b"},     {"b.c.yaml", "b.c"},    {"b.json", "b.json"},
        {"b", "b"},        {".yaml", ".yaml"}, {"a/..yaml", "..yaml"}, {"...yaml", "...yaml"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *name = hpac_config_name_of(names[i][0]);
        cr_expect_str_eq(name, names[i][1]);
        free(name);
    }
}

Test(config, the_reference_is_up_to_date)
{
    char *printed = NULL;
    size_t nbytes;
    FILE *stream = open_memstream(&printed, &nbytes);
    hpac_config_print_reference(stream);
    cr_assert_eq(fclose(stream), 0);
    unsigned char *kept;
    cr_assert_eq(hpac_file_read("docs/configuration.md", 1 << 20, &kept, &nbytes), HPAC_OK);
    const char *tables = strstr((const char *)kept, "<!-- Generated");
    cr_assert_not_null(tables, "docs/configuration.md has no generated part");
    cr_assert_str_eq(strchr(tables, '\n') + 1, printed,
                     "docs/configuration.md is out of date: make docs");
    free(kept);
    free(printed);
}

/* The text that a configuration has which is given an example, with what the example needs. */
static bool use_example(const hpac_config_key_note *note, char *text, size_t nbytes)
{
    const char *value = note->example ? note->example : note->fallback, *path = note->path;
    const char *owner = strncmp(path, "model.", 6) == 0 ? path + 6 : path,
               *dot = strchr(owner, '.');
    const char *named = "- {type: relu, name: main}\n- {type: relu, name: shortcut}\n"
                        "- {type: relu, name: stem}\n";
    bool element = strncmp(path, "train.layers.N.", 15) == 0;
    if (strcmp(path, "blocks") == 0)
        snprintf(text, nbytes, REQUIRED "%s", value);
    else if (strncmp(path, "model.", 6) == 0 && !note->expected && strcmp(owner, "block") != 0)
        snprintf(text, nbytes, REQUIRED "model:\n%s- %s\n", named, value);
    else if (owner != path && dot && strncmp(owner, "block.", 6) != 0)
        snprintf(text, nbytes, REQUIRED "model:\n%s- {type: %.*s, %s: %s}\n", named,
                 (int)(dot - owner), owner, dot + 1, value);
    else if (element)
        snprintf(text, nbytes, REQUIRED "train: {layers: [{%s%s: %s}]}\n",
                 strcmp(path + 15, "match") == 0 ? "" : "match: a, ", path + 15, value);
    else if (owner == path && strncmp(path, "blocks.", 7) != 0 && !strchr(value, '(') &&
             strcmp(path, "model") != 0)
        snprintf(text, nbytes, "%s: %s", path, value);
    else
        return false;
    return true;
}

/* Anything that is wrong with it is another key that it needs, or a shape. */
static void accept_example(void *user, const hpac_config_key_note *note)
{
    size_t *count = user;
    char text[2048], path[80];
    hpac_config config;
    cr_assert(note->help && *note->help, "%s", note->path);
    if (!use_example(note, text, sizeof text))
        return;
    char *colon = strncmp(text, REQUIRED, 5) == 0 ? NULL : strstr(text, ": ");
    if (colon)
        *colon = '=';
    const char *sets[] = {text};
    hpac_status status = load_sets(colon ? REQUIRED : text, sets, colon != NULL, &config);
    const char *dot = strrchr(note->path, '.');
    snprintf(path, sizeof path, "%s: expected", dot ? dot + 1 : note->path);
    if (status != HPAC_OK) {
        cr_expect_null(strstr(hpac_error_message(), path), "%s", hpac_error_message());
        cr_expect_null(strstr(hpac_error_message(), "unknown"), "%s", hpac_error_message());
    }
    cr_expect(note->expected || status == HPAC_OK || strstr(hpac_error_message(), ": layer "), "%s",
              hpac_error_message());
    if (status == HPAC_OK)
        hpac_config_fini(&config);
    ++*count;
}

Test(config, examples_of_help_texts_are_accepted)
{
    size_t count = 0;
    hpac_config_visit_keys(accept_example, &count);
    cr_expect_gt(count, 100);
}

static void need_help(const hpac_key_table *table)
{
    for (int i = 0; i < table->count; i++) {
        const hpac_key *key = &table->keys[i];
        cr_expect(key->help && *key->help, "no help about %s", key->path);
        cr_expect(key->example || key->fallback, "no example of %s", key->path);
    }
}

Test(config, no_key_lacks_help)
{
    need_help(&hpac_config_keys);
}
