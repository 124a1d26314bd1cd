/* Concats in place: the same bits as with copies, in less memory. */
#include <hpac/model.h>
#include <hpac/network.h>

#include "formula.h"
#include "tested_device.h"

#include "base/cpu.h"
#include "base/random.h"
#include "device/plan.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 3, CLASSES = 3, STEPS = 3 };

/* clang-format off */
#define CONVOLUTION(filters_, size, ...)                                                           \
    {.kind = HPAC_LAYER_CONV2D, .filters = (filters_), .kernel_rows = (size),                      \
     .kernel_cols = (size), .padding = HPAC_PADDING_SAME, __VA_ARGS__}
#define OF(layer) .input_count = 1, .inputs = {layer}
#define WITH_RELU .activation = HPAC_ACTIVATION_RELU
#define NORM {.kind = HPAC_LAYER_BATCH_NORM, .momentum = 0.5F}
#define ACTIVATION(name) {.kind = HPAC_LAYER_ACTIVATION, .activation = HPAC_ACTIVATION_##name}
#define CONCAT(...)                                                                                \
    {.kind = HPAC_LAYER_CONCAT, .inputs = {__VA_ARGS__},                                           \
     .input_count = sizeof((size_t[]){__VA_ARGS__}) / sizeof(size_t)}
#define POOL {.kind = HPAC_LAYER_AVGPOOL, .kernel_rows = 2, .kernel_cols = 2}
#define HEAD                                                                                       \
    {.kind = HPAC_LAYER_GLOBAL_AVGPOOL},                                                           \
    {.kind = HPAC_LAYER_DENSE, .units = CLASSES, .activation = HPAC_ACTIVATION_SIGMOID}

/* Two dense blocks: bottlenecks with batch normalization, a dropout at the end of one, and a
 * convolution that reads a prefix right away. */
static const hpac_layer dense_blocks[] = {
    CONVOLUTION(16, 3, WITH_RELU), CONVOLUTION(32, 3, WITH_RELU),       /* 1, 2 */
    NORM, ACTIVATION(RELU), CONVOLUTION(64, 1, .no_bias = true),        /* 3 to 5 */
    NORM, ACTIVATION(RELU), CONVOLUTION(32, 3, .no_bias = true),        /* 6 to 8 */
    CONCAT(2, 8),                                                       /* 9 */
    NORM, ACTIVATION(RELU), CONVOLUTION(16, 3, .no_bias = true),        /* 10 to 12 */
    {.kind = HPAC_LAYER_DROPOUT, .rate = 0.25F},                        /* 13 */
    CONCAT(9, 13),                                                      /* 14 */
    CONVOLUTION(32, 3, WITH_RELU),                                      /* 15 */
    CONCAT(14, 15),                                                     /* 16 */
    NORM, ACTIVATION(RELU), CONVOLUTION(48, 1, .no_bias = true), POOL,  /* 17 to 20 */
    NORM, CONVOLUTION(32, 3, .no_bias = false),                         /* 21, 22 */
    CONCAT(22, 20),                                                     /* 23 */
    NORM, ACTIVATION(RELU), CONVOLUTION(16, 3, .stride_rows = 2, .stride_cols = 2),
    HEAD,
};

/* Branches side by side, as Inception has them, of which one is read by the next, too; then a concat
 * whose inputs are read behind it, one of an image with itself, and one of two of them. */
static const hpac_layer branches[] = {
    CONVOLUTION(32, 3, WITH_RELU),                                           /* 1 */
    CONVOLUTION(32, 1, .no_bias = true, OF(1)), NORM, ACTIVATION(RELU), /* 2 to 4 */
    CONVOLUTION(48, 3, WITH_RELU, OF(4)),                                    /* 5 */
    CONVOLUTION(16, 1, OF(1)), ACTIVATION(SILU),                        /* 6, 7 */
    CONCAT(5, 4, 7),                                                    /* 8 */
    CONVOLUTION(32, 3, WITH_RELU),                                           /* 9 */
    CONVOLUTION(32, 3, WITH_RELU),                                           /* 10 */
    CONCAT(9, 10),                                                      /* 11: copies */
    CONVOLUTION(32, 1, WITH_RELU),                                           /* 12 */
    {.kind = HPAC_LAYER_ADD, .inputs = {12, 10}, .input_count = 2},     /* 13 */
    CONCAT(13, 13),                                                     /* 14: copies */
    CONVOLUTION(32, 3, OF(14)),                                         /* 15 */
    CONCAT(14, 15),                                                     /* 16: 14 is copied into it */
    NORM, ACTIVATION(RELU),
    HEAD,
};

/* Numbers of channels that are no multiples of a vector's. */
static const hpac_layer odd[] = {
    CONVOLUTION(20, 3, WITH_RELU),
    NORM, ACTIVATION(RELU), CONVOLUTION(12, 3, .no_bias = true),
    CONCAT(1, 4),
    NORM, ACTIVATION(RELU), CONVOLUTION(12, 3, .no_bias = true),
    CONCAT(5, 8),
    NORM, HEAD,
};
/* clang-format on */

typedef struct architecture {
    const char *name;
    const hpac_layer *layers;
    size_t layer_count, concats, in_place; /* in_place: on the CPU */
} architecture;

#define ARCHITECTURE(layers_, concats_, in_place_)                                                 \
    {                                                                                              \
#layers_, layers_, sizeof(layers_) / sizeof *(layers_), concats_, in_place_                \
    }
static const architecture architectures[] = {
    ARCHITECTURE(dense_blocks, 4, 4),
    ARCHITECTURE(branches, 4, 2),
    ARCHITECTURE(odd, 2, 0),
};
enum { ARCHITECTURES = sizeof architectures / sizeof *architectures };

static const hpac_batch_format format = {.batch_size = BATCH,
                                         .target_count = CLASSES,
                                         .rows = 12,
                                         .cols = 13,
                                         .channels = 2,
                                         .pixels = HPAC_PIXELS_FLOAT32};

static hpac_weights *create_weights(const architecture *network)
{
    const hpac_shape input = {3, format.rows, format.cols, format.channels};
    hpac_weights *weights = hpac_weights_create(network->layers, network->layer_count, input);
    cr_assert_not_null(weights);
    return weights;
}

/* ---- a device that declines views ---- */

static const hpac_device_ops *complete;

static hpac_status create_plan_without_views(hpac_device *device, const hpac_plan_request *request,
                                             hpac_plan **plan)
{
    *plan = NULL;
    return hpac_plan_has_views(request) ? HPAC_OK : complete->plan_create(device, request, plan);
}

/* It declines those of outputs of pools, and so a few groups of concats. */
static hpac_status create_plan_without_some(hpac_device *device, const hpac_plan_request *request,
                                            hpac_plan **plan)
{
    *plan = NULL;
    if (request->ops[0].kind == HPAC_OP_AVGPOOL && request->output_view.channels > 0)
        return HPAC_OK;
    return complete->plan_create(device, request, plan);
}

typedef hpac_status create_plan(hpac_device *device, const hpac_plan_request *request,
                                hpac_plan **plan);

typedef struct setup {
    hpac_device *device;
    hpac_device_ops ops;
    hpac_network *network;
    void *slot;
} setup;

/* Values around 1 of gamma and the moving variance, around 0 of all others. */
static void import_weights(const setup *made, const architecture *network)
{
    hpac_weights *weights = create_weights(network);
    hpac_random random;
    hpac_random_init(&random, 5, HPAC_PURPOSE_SYNTH, 0, 0);
    for (size_t i = 0; i < network->layer_count; i++)
        for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++) {
            hpac_tensor *tensor = &weights[i].tensors[role];
            bool around_1 = role == HPAC_GAMMA || role == HPAC_MOVING_VARIANCE;
            for (size_t k = 0; k < tensor->count; k++)
                tensor->values[k] = (float)around_1 + 0.3F * (hpac_random_uniform(&random) - 0.5F);
        }
    assert_ok(hpac_network_import(made->network, weights, NULL));
    hpac_weights_destroy(weights, network->layer_count);
}

static setup *set_up(const architecture *network, hpac_network_options options, int threads,
                     create_plan *create)
{
    setup *made = calloc(1, sizeof *made);
    cr_assert_not_null(made);
    made->device =
        open_tested_device((hpac_device_options){.threads = threads, .deterministic = true});
    complete = made->device->ops;
    made->ops = *complete;
    if (create)
        made->ops.plan_create = create;
    made->device->ops = &made->ops;
    options.device = made->device;
    options.layers = network->layers;
    options.layer_count = network->layer_count;
    options.format = format;
    options.optimizer =
        (hpac_optimizer){.kind = HPAC_OPTIMIZER_SGD, .learning_rate = 0.1F, .momentum = 0.9F};
    assert_ok(hpac_network_create(&options, &made->network));
    assert_ok(hpac_network_allocate(made->network));
    import_weights(made, network);
    assert_ok(
        made->ops.alloc(made->device, HPAC_MEMORY_PINNED, hpac_batch_nbytes(&format), &made->slot));
    return made;
}

static void tear_down(setup *made)
{
    made->ops.free(made->device, HPAC_MEMORY_PINNED, made->slot);
    hpac_network_destroy(made->network);
    hpac_device_close(made->device);
    free(made);
}

static void fill_slot(const setup *made, uint32_t step)
{
    unsigned char *targets = made->slot;
    float *pixels = (float *)(targets + hpac_batch_pixels_offset_nbytes(&format));
    size_t count = BATCH * format.rows * format.cols * format.channels;
    for (size_t k = 0; k < BATCH * CLASSES; k++)
        targets[k] = formula_label(step * BATCH * CLASSES + k);
    for (size_t k = 0; k < count; k++)
        pixels[k] = (float)formula_pixel(step * count + k) / 255.0F;
}

/* All that a few steps change, and what is predicted then. */
typedef struct results {
    double losses[STEPS];
    float probabilities[BATCH * CLASSES];
    hpac_weights *weights;
} results;

static results run(const architecture *network, hpac_network_options options, int threads,
                   create_plan *create)
{
    setup *made = set_up(network, options, threads, create);
    const hpac_network_batch batch = {.slot = made->slot, .count = BATCH};
    hpac_outcome outcome;
    results got = {.weights = create_weights(network)};
    for (uint32_t step = 0; step < STEPS && options.training; step++) {
        fill_slot(made, step);
        assert_ok(hpac_network_train(made->network, &batch, step));
        assert_ok(hpac_network_collect(made->network, &outcome));
        cr_assert_eq(outcome.result.nonfinite, 0, "%s", network->name);
        got.losses[step] = outcome.result.loss_sum;
    }
    fill_slot(made, STEPS);
    assert_ok(hpac_network_evaluate(made->network, &batch));
    assert_ok(hpac_network_collect(made->network, &outcome));
    memcpy(got.probabilities, outcome.probabilities, sizeof got.probabilities);
    if (options.training)
        assert_ok(hpac_network_export(made->network, got.weights, NULL));
    tear_down(made);
    return got;
}

static void expect_same(const architecture *network, const char *what, results *a, results *b)
{
    cr_expect_arr_eq(a->losses, b->losses, sizeof a->losses, "%s, %s: losses", network->name, what);
    cr_expect_arr_eq(a->probabilities, b->probabilities, sizeof a->probabilities,
                     "%s, %s: predictions", network->name, what);
    for (size_t i = 0; i < network->layer_count; i++)
        for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++) {
            const hpac_tensor *one = &a->weights[i].tensors[role];
            const hpac_tensor *other = &b->weights[i].tensors[role];
            cr_expect(one->count == 0 ||
                          memcmp(one->values, other->values, one->count * sizeof(float)) == 0,
                      "%s, %s: layer %zu, %s", network->name, what, i + 1, hpac_role_name(role));
        }
    hpac_weights_destroy(b->weights, network->layer_count);
}

static void compare(const architecture *network, int threads, bool training)
{
    const hpac_network_options options = {.training = training};
    results copied = run(network, options, threads, create_plan_without_views);
    results in_place = run(network, options, threads, NULL);
    expect_same(network, "in place", &copied, &in_place);
    results poisoned =
        run(network, (hpac_network_options){.training = training, .poison = true}, threads, NULL);
    expect_same(network, "in place, with NaN where nothing is needed", &copied, &poisoned);
    results some = run(network, options, threads, create_plan_without_some);
    expect_same(network, "some in place", &copied, &some);
    hpac_weights_destroy(copied.weights, network->layer_count);
}

Test(network_views, have_the_bits_of_copies)
{
    for (size_t i = 0; i < ARCHITECTURES; i++)
        for (int training = 0; training < 2; training++)
            compare(&architectures[i], 1, training);
}

Test(network_views, have_the_bits_of_copies_on_three_threads)
{
    for (size_t i = 0; i < ARCHITECTURES; i++)
        compare(&architectures[i], 3, true);
}

/* ---- the choice ---- */

static char *print_plans(const hpac_network *network)
{
    char *text = NULL;
    size_t nbytes;
    FILE *stream = open_memstream(&text, &nbytes);
    cr_assert_not_null(stream);
    hpac_network_print(network, stream);
    cr_assert_eq(fclose(stream), 0);
    return text;
}

static size_t count_lines(const char *text, const char *part)
{
    size_t count = 0;
    for (; (text = strstr(text, part)); text++)
        count++;
    return count;
}

Test(network_views, are_chosen_where_the_device_supports_them)
{
    for (size_t i = 0; i < ARCHITECTURES; i++) {
        const architecture *network = &architectures[i];
        const hpac_network_options options = {.training = true};
        setup *made = set_up(network, options, 1, NULL);
        setup *copying = set_up(network, options, 1, create_plan_without_views);
        char *plans = print_plans(made->network), *copies = print_plans(copying->network);
        size_t in_place = count_lines(plans, "  concat: in place\n");
        cr_expect_eq(count_lines(plans, "  concat"), network->concats, "%s", plans);
        cr_expect_eq(count_lines(copies, "in place"), 0, "%s", copies);
        if (has_views_on_cpu())
            cr_expect_eq(in_place, network->in_place, "%s: %s", network->name, plans);
        size_t nbytes = hpac_network_memory_plan(made->network).activations;
        size_t copied_nbytes = hpac_network_memory_plan(copying->network).activations;
        bool all = in_place > 0 && in_place == network->in_place;
        cr_expect(all ? nbytes < copied_nbytes : nbytes <= copied_nbytes,
                  "%s: %zu bytes, with copies %zu", network->name, nbytes, copied_nbytes);
        free(plans);
        free(copies);
        tear_down(made);
        tear_down(copying);
    }
}

/* The network that test_keras_networks.c compares with Keras. */
Test(network_views, are_chosen_in_the_dense_block_from_keras)
{
    hpac_model model;
    hpac_network *network;
    hpac_device *device = open_tested_device((hpac_device_options){.threads = 1});
    assert_ok(hpac_model_load("tests/golden/keras3_dense.h5", &model));
    const hpac_network_options options = {
        .device = device,
        .layers = model.layers,
        .layer_count = model.layer_count,
        .format = {.batch_size = BATCH,
                   .target_count = CLASSES,
                   .rows = model.input.rows,
                   .cols = model.input.cols,
                   .channels = model.input.channels},
        .training = true,
    };
    assert_ok(hpac_network_create(&options, &network));
    char *plans = print_plans(network);
    if (has_views_on_cpu())
        cr_expect_eq(count_lines(plans, "  concat: in place\n"), 2, "%s", plans);
    free(plans);
    hpac_network_destroy(network);
    hpac_model_fini(&model);
    hpac_device_close(device);
}

/* Calls of concats in place are in the profile and move nothing. */
Test(network_views, move_no_bytes_in_the_profile)
{
    if (!has_views_on_cpu())
        cr_skip("which concats are in place is known of the CPU alone");
    setup *made = set_up(&architectures[0],
                         (hpac_network_options){.training = true, .profile = true}, 1, NULL);
    const hpac_profile_row *rows;
    size_t count = hpac_network_profile(made->network, &rows), found = 0;
    for (size_t i = 0; i < count; i++)
        if (strstr(rows[i].name, ": concat")) {
            cr_expect(rows[i].nbytes == 0, "%s: %g", rows[i].name, rows[i].nbytes);
            found++;
        }
    cr_expect_eq(found, 3 * architectures[0].concats); /* forward, backward, evaluate */
    tear_down(made);
}
