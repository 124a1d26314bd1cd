/* Configurations: what is written reads back to the same values. */
#include <hpac/config.h>

#include "base/random.h"

#include "scratch.h"

#include <criterion/criterion.h>
#include <float.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void expect_same_data(const hpac_config_data *a, const hpac_config_data *b)
{
    cr_expect(same_text(a->labels, b->labels), "%s, %s", a->labels, b->labels);
    cr_expect(same_text(a->images, b->images), "%s, %s", a->images, b->images);
    cr_expect(same_text(a->test_images, b->test_images));
    cr_expect(same_text(a->test_ids, b->test_ids));
    cr_expect_eq(a->target_count, b->target_count);
    cr_expect_eq(memcmp(a->targets, b->targets, (size_t)a->target_count * sizeof *a->targets), 0);
    cr_expect(a->channels == b->channels && a->pixels == b->pixels);
    cr_expect_eq(
        memcmp(a->channel_order, b->channel_order, (size_t)a->channels * sizeof *a->channel_order),
        0);
    cr_expect(a->image_rows == b->image_rows && a->image_cols == b->image_cols);
    cr_expect(a->scale_rows == b->scale_rows && a->scale_cols == b->scale_cols);
    cr_expect(a->workers == b->workers && a->cache_mib == b->cache_mib);
    cr_expect(a->skip_bad_images == b->skip_bad_images && a->fold == b->fold);
    cr_expect_eq(memcmp(&a->split, &b->split, sizeof a->split), 0);
}

static void expect_same_training(const hpac_config_train *a, const hpac_config_train *b,
                                 size_t target_count)
{
    cr_expect(same_text(a->initial_model, b->initial_model));
    cr_expect(same_text(a->initial_weights, b->initial_weights));
    cr_expect_eq(a->initial_channel_count, b->initial_channel_count);
    cr_expect_eq(memcmp(a->initial_channels, b->initial_channels, sizeof a->initial_channels), 0);
    cr_expect_eq(a->batch_norm_frozen, b->batch_norm_frozen);
    cr_expect(a->epochs == b->epochs && a->batch_size == b->batch_size && a->seed == b->seed);
    cr_expect(a->shuffle == b->shuffle && a->drop_last == b->drop_last);
    cr_expect(a->patience == b->patience && a->weighting == b->weighting);
    cr_expect_eq(memcmp(&a->optimizer, &b->optimizer, sizeof a->optimizer), 0);
    cr_expect_eq(memcmp(&a->schedule, &b->schedule, sizeof a->schedule), 0);
    cr_expect_eq(memcmp(&a->loss, &b->loss, sizeof a->loss), 0);
    cr_expect(a->accumulate == b->accumulate && a->layer_rule_count == b->layer_rule_count);
    cr_expect(a->clip_norm == b->clip_norm && a->ema == b->ema && a->l2 == b->l2);
    cr_expect_eq(memcmp(a->layers, b->layers, a->layer_rule_count * sizeof *a->layers), 0);
    cr_expect_eq(memcmp(&a->min_delta, &b->min_delta, sizeof(float)), 0);
    if (a->weighting == HPAC_WEIGHTING_LIST)
        cr_expect_eq(
            memcmp(a->positive_weights, b->positive_weights, (size_t)target_count * sizeof(float)),
            0);
}

/* Compares all values; floats by their bits. */
static void expect_same(const hpac_config *a, const hpac_config *b)
{
    expect_same_data(&a->data, &b->data);
    cr_expect_eq(a->layer_count, b->layer_count);
    if (a->layer_count == b->layer_count)
        cr_expect_eq(memcmp(a->layers, b->layers, (size_t)a->layer_count * sizeof *a->layers), 0);
    expect_same_training(&a->train, &b->train, a->data.target_count);
    cr_expect(a->device.precision == b->device.precision &&
              a->device.deterministic == b->device.deterministic &&
              a->device.image_layout == b->device.image_layout &&
              a->device.resident == b->device.resident && a->device.graph == b->device.graph &&
              a->device.threads == b->device.threads);
}

/* Writes, reads back, compares. */
static void expect_round_trip(const hpac_config *config)
{
    char *text;
    cr_assert_eq(hpac_config_text(config, &text), HPAC_OK);
    scratch_write_text("written.yaml", text);
    free(text);
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
        if (strstr(found.gl_pathv[i], "sweep")) /* test_sweep.c */
            continue;
        hpac_config config;
        hpac_status status = hpac_config_load(found.gl_pathv[i], NULL, 0, &config);
        cr_assert_eq(status, HPAC_OK, "%s", hpac_error_message());
        expect_round_trip(&config);
        hpac_config_fini(&config);
    }
    globfree(&found);
}

static int pick(hpac_random *random, int least, int most)
{
    return least + (int)hpac_random_below(random, (uint32_t)(most - least + 1));
}

static size_t pick_size(hpac_random *random, int least, int most)
{
    return (size_t)pick(random, least, most);
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

/* What YAML may stumble over, by theme. */
static const char *const words[] = {"a", "Z", "0", "1e5", "null", "true", "~", "..", "/", "."};
static const char *const blanks[] = {" ", "  ", "\n", "\t", "\r"};
static const char *const starts[] = {"-", "--- ", "&", "*", "!", "|", ">", "%", "@", "`", "?", "+"};
static const char *const marks[] = {": ", ":", " #", "#", "'", "\"", "\\", "{",
                                    "}",  "[", "]",  ",", "=", "<<", "$",  "${"};
static const char *const letters[] = {"\xc3\xa4", "\xea\xb0\x80", "\xf0\x9f\x98\x80"};
static const char *const controls[] = {"\x01", "\x1b", "\x7f", "\xc2\x85"};
static const char *const oddities[] = {"\xe2\x80\xa8", "\xef\xbb\xbf", "\xc2\xa0", "\xef\xbf\xbf"};

static const struct {
    const char *const *pieces;
    size_t count;
} themes[] = {
    {words, sizeof words / sizeof *words},          {blanks, sizeof blanks / sizeof *blanks},
    {starts, sizeof starts / sizeof *starts},       {marks, sizeof marks / sizeof *marks},
    {letters, sizeof letters / sizeof *letters},    {controls, sizeof controls / sizeof *controls},
    {oddities, sizeof oddities / sizeof *oddities},
};

static const char *pick_piece(hpac_random *random)
{
    int theme = pick(random, 0, sizeof themes / sizeof *themes - 1);
    return themes[theme].pieces[hpac_random_below(random, (uint32_t)themes[theme].count)];
}

static char *pick_text(hpac_random *random)
{
    char *text = NULL;
    size_t nbytes;
    FILE *stream = open_memstream(&text, &nbytes);
    cr_assert_not_null(stream);
    for (int length = pick(random, 1, 12); length > 0; length--)
        fputs(pick_piece(random), stream);
    cr_assert_eq(fclose(stream), 0);
    if (strcmp(text, "~") == 0 ||
        strncmp(text, "~/", 2) == 0) /* is written as ./~, which is the same file */
        *text = '$';
    return text;
}

static void pick_layers(hpac_random *random, hpac_config *config)
{
    static hpac_layer layers[8];
    size_t count = 0;
    memset(layers, 0, sizeof layers);
    for (int convolutions = pick(random, 0, 3); convolutions > 0; convolutions--)
        layers[count++] = (hpac_layer){
            .kind = HPAC_LAYER_CONV2D,
            .filters = pick_size(random, 1, 64),
            .kernel_rows = pick_size(random, 1, 3),
            .kernel_cols = pick_size(random, 1, 3),
            .activation = (hpac_activation)pick(random, 0, 2),
            .initializer = (hpac_initializer)pick(random, 0, 1),
        };
    if (pick(random, 0, 1))
        layers[count++] = (hpac_layer){.kind = HPAC_LAYER_MAXPOOL,
                                       .kernel_rows = pick_size(random, 1, 3),
                                       .kernel_cols = pick_size(random, 1, 3)};
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

static void pick_data(hpac_random *random, hpac_config_data *data)
{
    data->labels = pick_text(random);
    data->images = pick_text(random);
    if (pick(random, 0, 1)) {
        data->test_images = pick_text(random);
        data->test_ids = pick_text(random);
    }
    data->target_count = pick_size(random, 1, HPAC_CLASS_COUNT);
    int first = pick(random, 0, HPAC_CLASS_COUNT - 1);
    for (size_t i = 0; i < data->target_count; i++)
        data->targets[i] = (first + (int)i) % HPAC_CLASS_COUNT;
    data->channels = pick_size(random, 1, 4);
    int green = pick(random, 0, 3), step = pick(random, 0, 1) ? 1 : 3;
    for (size_t i = 0; i < data->channels; i++)
        data->channel_order[i] = (green + (int)i * step) % 4;
    data->scale_rows = pick_size(random, 1, 40);
    data->scale_cols = pick_size(random, 1, 40);
    data->image_rows = pick_size(random, 12, 20) * data->scale_rows + data->scale_rows / 2;
    data->image_cols = pick_size(random, 12, 20) * data->scale_cols;
    data->pixels = (hpac_pixels)pick(random, 0, 1);
    data->workers = pick(random, 0, 256);
    data->skip_bad_images = pick(random, 0, 1);
    data->cache_mib = pick(random, -1, 5);
    data->split.folds = pick(random, 2, 65536);
    data->split.repeats = pick(random, 1, 1024);
    data->split.seed = hpac_random_next(random);
    data->split.method = (hpac_split_method)pick(random, 0, 1);
    data->fold = pick(random, 0, data->split.folds * data->split.repeats - 1);
}

/* Only what the kind has. */
static hpac_optimizer pick_optimizer(hpac_random *random)
{
    hpac_optimizer optimizer = {.kind = (hpac_optimizer_kind)pick(random, 0, 3),
                                .learning_rate = pick_float(random)};
    if (optimizer.kind != HPAC_OPTIMIZER_SGD)
        optimizer.epsilon = pick_float(random);
    if (optimizer.kind == HPAC_OPTIMIZER_ADADELTA)
        optimizer.rho = hpac_random_uniform(random);
    if (optimizer.kind == HPAC_OPTIMIZER_SGD) {
        optimizer.momentum = hpac_random_uniform(random);
        optimizer.nesterov = optimizer.momentum > 0 && pick(random, 0, 1);
    }
    if (optimizer.kind >= HPAC_OPTIMIZER_ADAM) {
        optimizer.beta_1 = hpac_random_uniform(random);
        optimizer.beta_2 = hpac_random_uniform(random);
    }
    if (optimizer.kind == HPAC_OPTIMIZER_ADAMW)
        optimizer.weight_decay = pick_float(random);
    return optimizer;
}

static hpac_config_loss pick_loss(hpac_random *random)
{
    hpac_config_loss loss = {.kind = (hpac_loss_kind)pick(random, 0, 2),
                             .label_smoothing = hpac_random_uniform(random)};
    if (loss.kind == HPAC_LOSS_FOCAL) {
        loss.gamma = pick_float(random);
        loss.alpha = hpac_random_uniform(random);
    }
    if (loss.kind == HPAC_LOSS_ASYMMETRIC) {
        loss.gamma_pos = pick_float(random);
        loss.gamma_neg = pick_float(random);
        loss.clip = hpac_random_uniform(random);
    }
    return loss;
}

static hpac_schedule pick_schedule(hpac_random *random)
{
    hpac_schedule schedule = {.kind = (hpac_schedule_kind)pick(random, 0, 4)};
    if (schedule.kind == HPAC_SCHEDULE_STEP || schedule.kind == HPAC_SCHEDULE_EXPONENTIAL) {
        schedule.every = pick_float(random);
        schedule.factor = pick_float(random);
    }
    if (schedule.kind == HPAC_SCHEDULE_ONE_CYCLE) {
        schedule.rise = hpac_random_uniform(random);
        schedule.start_factor = pick_float(random);
    } else {
        schedule.warm_up = hpac_random_uniform(random);
    }
    if (hpac_schedule_needs_end(&schedule))
        schedule.final_factor = pick_float(random);
    return schedule;
}

static hpac_layer_rule pick_rule(hpac_random *random)
{
    hpac_layer_rule rule = {.trainable = pick(random, 0, 1), .learning_rate_factor = 1};
    snprintf(rule.match, sizeof rule.match, "%s_%d*", pick(random, 0, 1) ? "dense" : "[ab]",
             pick(random, 0, 99));
    if (rule.trainable)
        rule.learning_rate_factor = pick_float(random);
    return rule;
}

static void pick_training(hpac_random *random, size_t target_count, hpac_config_train *train)
{
    train->epochs = pick(random, 1, 1000000);
    train->batch_size = pick_size(random, 1, 65536);
    train->shuffle = pick(random, 0, 1);
    train->drop_last = pick(random, 0, 1);
    train->seed = (uint64_t)hpac_random_next(random) << 32 | hpac_random_next(random);
    train->optimizer = pick_optimizer(random);
    train->schedule = pick_schedule(random);
    train->clip_norm = pick_float(random);
    train->accumulate = pick_size(random, 1, 65536);
    train->ema = hpac_random_uniform(random);
    train->l2 = pick_float(random);
    train->layer_rule_count = pick_size(random, 0, HPAC_MAX_LAYER_RULES);
    for (size_t i = 0; i < train->layer_rule_count; i++)
        train->layers[i] = pick_rule(random);
    train->loss = pick_loss(random);
    train->weighting = (hpac_weighting)pick(random, 0, 2);
    for (size_t i = 0; i < target_count; i++)
        train->positive_weights[i] = pick_float(random);
    train->patience = pick(random, 1, 1000000);
    train->min_delta = pick_float(random);
    train->initial_model = pick(random, 0, 1) ? pick_text(random) : NULL;
    train->initial_weights = !train->initial_model && pick(random, 0, 1) ? pick_text(random) : NULL;
    if (train->initial_model || train->initial_weights)
        train->initial_channel_count = pick_size(random, 0, 4);
    for (size_t i = 0; i < train->initial_channel_count; i++)
        train->initial_channels[i] = (int)(3 - i);
}

static void pick_device(hpac_random *random, hpac_config *config)
{
    config->device.precision = (hpac_precision)pick(random, 0, 2);
    config->device.deterministic = pick(random, 0, 1);
    config->device.image_layout = (hpac_image_layout)pick(random, 0, 2);
    config->device.resident = (hpac_switch)pick(random, 0, 2);
    config->device.graph = (hpac_switch)pick(random, 0, 2);
    config->device.threads = pick(random, 0, 1024);
}

static hpac_config pick_config(hpac_random *random)
{
    hpac_config config = {0};
    pick_data(random, &config.data);
    pick_layers(random, &config);
    pick_training(random, config.data.target_count, &config.train);
    pick_device(random, &config);
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
