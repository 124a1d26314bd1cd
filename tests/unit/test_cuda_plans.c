/*
 * The CUDA device's plans: which op chains it takes, which algorithms, what it falls back to, and
 * that what is not finite is seen. Skipped where the tested device is another; what only the CUDA
 * simulator can bring about is skipped on a GPU.
 */
#include <hpac/log.h>
#include <hpac/network.h>

#include "base/random.h"
#include "doctor/selfcheck.h"

#include "layers.h"
#include "tested_device.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static hpac_device *open_deterministic(void)
{
    return open_tested_device((hpac_device_options){.deterministic = true});
}

/* ---- op chains and algorithms ---- */

static const hpac_op stack[] = {
    {.kind = HPAC_OP_CONV2D,
     .in = IMAGE(8, 3),
     .out = IMAGE(6, 16),
     .kernel_rows = 3,
     .kernel_cols = 3,
     .stride_rows = 1,
     .stride_cols = 1,
     .dilation_rows = 1,
     .dilation_cols = 1,
     .groups = 1},
    {.kind = HPAC_OP_RELU, .in = IMAGE(6, 16), .out = IMAGE(6, 16)},
    {.kind = HPAC_OP_MAXPOOL,
     .in = IMAGE(6, 16),
     .out = IMAGE(3, 16),
     .kernel_rows = 2,
     .kernel_cols = 2,
     .stride_rows = 2,
     .stride_cols = 2,
     .dilation_rows = 1,
     .dilation_cols = 1,
     .groups = 1},
    {.kind = HPAC_OP_DROPOUT, .in = IMAGE(3, 16), .out = IMAGE(3, 16), .rate = 0.5F},
    {.kind = HPAC_OP_FLATTEN, .in = IMAGE(3, 16), .out = VECTOR(144)},
    {.kind = HPAC_OP_DENSE, .in = VECTOR(144), .out = VECTOR(10)},
    {.kind = HPAC_OP_RELU, .in = VECTOR(10), .out = VECTOR(10)},
    {.kind = HPAC_OP_DROPOUT, .in = VECTOR(10), .out = VECTOR(10), .rate = 0.5F},
};

static hpac_status plan_chain(hpac_device *device, size_t first, size_t count, size_t batch,
                              hpac_plan **plan)
{
    hpac_device_info info;
    assert_ok(device->ops->describe(device, &info));
    const hpac_plan_request request = {
        .ops = stack + first,
        .op_count = count,
        .batch = batch,
        .input_layout = stack[first].in.rank == 3 ? info.image_layout : info.vector_layout,
        .training = true,
        .input_gradient = true,
    };
    *plan = NULL;
    return device->ops->plan_create(device, &request, plan);
}

static bool takes(hpac_device *device, size_t first, size_t count)
{
    hpac_plan *plan = NULL;
    assert_ok(plan_chain(device, first, count, 4, &plan));
    bool taken = plan != NULL;
    device->ops->plan_destroy(plan);
    return taken;
}

Test(cuda_plans, takes_the_op_chains_that_it_fuses)
{
    need_cuda();
    hpac_device *device = open_deterministic();
    for (size_t i = 0; i < 8; i++)
        cr_expect(takes(device, i, 1), "%s alone", hpac_op_name(stack[i].kind));
    for (size_t count = 2; count <= 4; count++) {
        cr_expect(takes(device, 0, count), "the first %zu", count);
        cr_expect(takes(device, 4, count), "%zu from flatten on", count);
    }
    cr_expect(takes(device, 5, 3), "dense, relu, dropout");
    cr_expect_not(takes(device, 0, 5));
    cr_expect_not(takes(device, 1, 2));
    cr_expect_not(takes(device, 3, 3));
    device->ops->close(device);
}

static void expect_algorithm(hpac_device *device, const char *part)
{
    hpac_plan *plan = NULL;
    assert_ok(plan_chain(device, 0, 2, 4, &plan));
    cr_expect(strstr(plan->algorithm, part), "no \"%s\" in: %s", part, plan->algorithm);
    device->ops->plan_destroy(plan);
}

Test(cuda_plans, chooses_the_deterministic_three)
{
    need_cuda();
    hpac_device *device = open_deterministic();
    expect_algorithm(device, "nchw fwd PRECOMP_GEMM + bias + relu / bwd data ALGO_1 / "
                             "bwd filter ALGO_1, fp32");
    device->ops->close(device);
}

/* `lacking`: what may be missing for a case; NULL: nothing. Returns how many cases passed. */
static size_t run_convolutions(hpac_device *device, const char *lacking)
{
    size_t passed = 0;
    for (size_t i = 0; i < hpac_selfcheck_count(); i++) {
        if (strncmp(hpac_selfcheck_name(i), "conv2d", 6) != 0)
            continue;
        hpac_status status = hpac_selfcheck_run(device, i, 1, NULL);
        passed += status == HPAC_OK;
        cr_expect(status == HPAC_OK || (lacking && strstr(hpac_error_message(), lacking)), "%s: %s",
                  hpac_selfcheck_name(i), hpac_error_message());
    }
    return passed;
}

Test(cuda_plans, goes_on_with_the_next_algorithm)
{
    need_cuda();
    set_for_simulator("CUDASIM_CUDNN_REFUSE", "fwd1,bwddata1,bwdfilter1");
    hpac_device *device = open_deterministic();
    need_simulator(device);
    expect_algorithm(device, "fwd IMPLICIT_GEMM + bias + relu / bwd data FFT_TILING / "
                             "bwd filter FFT_TILING");
    /* The next ones slide by one pixel only. */
    cr_expect_gt(run_convolutions(device, "no deterministic algorithm for the backward filter"),
                 30);
    device->ops->close(device);
}

/* cuDNN reports a workspace of terabytes for an unsupported algorithm: neither chosen nor
 * measured. */
Test(cuda_plans, takes_no_algorithm_with_an_absurd_workspace)
{
    need_cuda();
    set_for_simulator("CUDASIM_CUDNN_ABSURD", "fwd1,bwddata0,bwdfilter0,fwd6");
    for (int deterministic = 0; deterministic < 2; deterministic++) {
        hpac_device *device =
            open_tested_device((hpac_device_options){.deterministic = deterministic});
        need_simulator(device);
        expect_algorithm(device, deterministic
                                     ? "fwd IMPLICIT_GEMM + bias + relu / bwd data ALGO_1"
                                     : "fwd WINOGRAD_NONFUSED + bias + relu / bwd data WINOGRAD");
        device->ops->close(device);
    }
}

/* A measurement may use 1 GiB of workspace; what needs more than that is chosen only as the first
 * that cuDNN supports. */
Test(cuda_plans, measures_no_algorithm_with_a_large_workspace)
{
    need_cuda();
    set_for_simulator("CUDASIM_CUDNN_LARGE", "fwd1,bwddata0,bwdfilter0,fwd6");
    for (int deterministic = 0; deterministic < 2; deterministic++) {
        hpac_device *device =
            open_tested_device((hpac_device_options){.deterministic = deterministic});
        need_simulator(device);
        expect_algorithm(device, deterministic
                                     ? "fwd PRECOMP_GEMM + bias + relu / bwd data ALGO_1"
                                     : "fwd WINOGRAD_NONFUSED + bias + relu / bwd data WINOGRAD");
        device->ops->close(device);
    }
}

Test(cuda_plans, computes_bias_and_relu_where_cudnn_does_not)
{
    need_cuda();
    set_for_simulator("CUDASIM_CUDNN_REFUSE", "biasact");
    hpac_log_set_level(HPAC_LOG_ERROR); /* each plan warns */
    hpac_device *device = open_deterministic();
    need_simulator(device);
    (void)run_convolutions(device, NULL);
    device->ops->close(device);
}

/* What cuDNN does not have in bf16 is computed in float32, between casts. */
Test(cuda_plans, widens_what_cudnn_does_not_have_in_bf16)
{
    need_cuda();
    set_for_simulator("CUDASIM_CUDNN_REFUSE", "fwd1");
    hpac_device *device = open_tested_device(
        (hpac_device_options){.precision = HPAC_PRECISION_BF16, .deterministic = true});
    need_simulator(device);
    expect_algorithm(device, "no bf16, cast to nhwc fwd IMPLICIT_GEMM");
    expect_algorithm(device, ", tf32");
    (void)run_convolutions(device, NULL);
    device->ops->close(device);
}

Test(cuda_plans, computes_bias_and_relu_where_cudnn_does_not_in_bf16)
{
    need_cuda();
    set_for_simulator("CUDASIM_CUDNN_REFUSE", "biasact");
    hpac_log_set_level(HPAC_LOG_ERROR); /* each plan warns */
    hpac_device *device = open_tested_device(
        (hpac_device_options){.precision = HPAC_PRECISION_BF16, .deterministic = true});
    need_simulator(device);
    (void)run_convolutions(device, NULL);
    device->ops->close(device);
}

Test(cuda_plans, names_the_shape_that_no_algorithm_has)
{
    need_cuda();
    set_for_simulator("CUDASIM_CUDNN_REFUSE", "bwddata1,bwddata2,bwddata3,bwddata4,bwddata5");
    hpac_device *device = open_deterministic();
    hpac_plan *plan = NULL;
    need_simulator(device);
    cr_expect_eq(plan_chain(device, 0, 2, 4, &plan), HPAC_ERR_DEVICE);
    cr_expect_null(plan);
    expect_message("no deterministic algorithm for the backward data pass");
    expect_message("conv2d+relu, batch 4, (8, 8, 3) to (6, 6, 16), kernel 3 x 3, nchw float32");
    device->ops->close(device);
}

/* What is measured need not be deterministic, but must be something that cuDNN has. */
Test(cuda_plans, measures_where_it_need_not_be_deterministic)
{
    need_cuda();
    hpac_device *device = open_tested_device((hpac_device_options){.deterministic = false});
    hpac_plan *plan = NULL;
    assert_ok(plan_chain(device, 0, 2, 4, &plan));
    cr_expect(strstr(plan->algorithm, "bwd data "), "%s", plan->algorithm);
    device->ops->plan_destroy(plan);
    if (find_in_simulator("cudasim_get_counts")) /* which ranks the unsteady ones first */
        expect_algorithm(device, "fwd WINOGRAD + bias + relu / bwd data ALGO_0 / "
                                 "bwd filter ALGO_0");
    device->ops->close(device);
}

/* ---- values ---- */

/* Runs one operation, a vector in and a vector out. */
static void run_vector(hpac_device *device, hpac_op op, const float *x, float *y)
{
    hpac_device_info info;
    hpac_plan *plan = NULL;
    hpac_exec_args args = {.training = true};
    void *input, *output, *state, *workspace;
    assert_ok(device->ops->describe(device, &info));
    const hpac_plan_request request = {.ops = &op,
                                       .op_count = 1,
                                       .batch = 1,
                                       .input_layout = info.vector_layout,
                                       .training = true};
    assert_ok(device->ops->plan_create(device, &request, &plan));
    assert_ok(device->ops->alloc(device, HPAC_MEMORY_DEVICE, plan->input_nbytes, &input));
    assert_ok(device->ops->alloc(device, HPAC_MEMORY_DEVICE, plan->output_nbytes, &output));
    assert_ok(device->ops->alloc(device, HPAC_MEMORY_DEVICE, plan->state_nbytes, &state));
    assert_ok(device->ops->alloc(device, HPAC_MEMORY_DEVICE, plan->workspace_nbytes, &workspace));
    args.x = input;
    args.y = output;
    args.state = state;
    args.workspace = workspace;
    assert_ok(device->ops->activation_write(plan, true, input, x));
    assert_ok(device->ops->forward(plan, &args));
    assert_ok(device->ops->activation_read(plan, false, output, y));
    device->ops->free(device, HPAC_MEMORY_DEVICE, input);
    device->ops->free(device, HPAC_MEMORY_DEVICE, output);
    device->ops->free(device, HPAC_MEMORY_DEVICE, state);
    device->ops->free(device, HPAC_MEMORY_DEVICE, workspace);
    device->ops->plan_destroy(plan);
}

/* To the nearest, of two as near to the even one: the values that
 * torch.tensor(x).to(torch.bfloat16) gives. Truncated, the third to the sixth would be smaller. */
Test(cuda_plans, activations_in_bf16_are_rounded_to_nearest)
{
    need_cuda();
    enum { COUNT = 8 };
    static const float values[COUNT] = {1.0F,     1.00390625F, 1.01171875F, 0.1F,
                                        65504.0F, 1.99999988F, 3.14159274F, 1e-40F};
    static const float rounded[COUNT] = {1.0F,     1.0F, 1.015625F, 0.10009765625F,
                                         65536.0F, 2.0F, 3.140625F, 0x1p-133F};
    float got[COUNT];
    hpac_device *device = open_tested_device(
        (hpac_device_options){.precision = HPAC_PRECISION_BF16, .deterministic = true});
    run_vector(device, (hpac_op){.kind = HPAC_OP_RELU, .in = VECTOR(COUNT), .out = VECTOR(COUNT)},
               values, got);
    for (int i = 0; i < COUNT; i++)
        cr_expect_eq(got[i], rounded[i], "%.9g becomes %.9g, expected %.9g", (double)values[i],
                     (double)got[i], (double)rounded[i]);
    device->ops->close(device);
}

/* Masks of steps and seeds that differ in one bit anywhere: those of the host's generator. */
Test(cuda_plans, dropout_draws_by_all_bits_of_seed_and_step)
{
    need_cuda();
    enum { COUNT = 64, STREAM = 5 };
    static const struct {
        uint64_t seed;
        uint32_t step;
    } cases[] = {{0, 0},        {0, 1},          {0, 1U << 1},   {0, 1U << 8},
                 {0, 1U << 16}, {0, 1U << 31},   {1, 0},         {(uint64_t)1 << 16, 0},
                 {1U << 31, 0}, {1ULL << 32, 0}, {1ULL << 63, 0}};
    float ones[COUNT], got[COUNT];
    hpac_device *device = open_deterministic();
    const hpac_op op = {.kind = HPAC_OP_DROPOUT,
                        .in = VECTOR(COUNT),
                        .out = VECTOR(COUNT),
                        .rate = 0.5F,
                        .stream = STREAM};
    for (int i = 0; i < COUNT; i++)
        ones[i] = 1;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_ok(device->ops->set_step(
            device, &(hpac_step){.seed = cases[i].seed, .step = cases[i].step}));
        run_vector(device, op, ones, got);
        for (uint32_t j = 0; j < COUNT; j++) {
            uint32_t number =
                hpac_random_u32(cases[i].seed, HPAC_PURPOSE_DROPOUT, STREAM, cases[i].step, j);
            cr_assert_eq(got[j], number < hpac_dropout_threshold(0.5F) ? 0 : 2,
                         "seed %#llx, step %#x: value %u is %g", (unsigned long long)cases[i].seed,
                         cases[i].step, j, (double)got[j]);
        }
    }
    device->ops->close(device);
}

/* ---- values that are not finite ---- */

static const hpac_layer layers[] = {CONV2D(4), MAXPOOL, FLATTEN, OUTPUT(3)};
enum { LAYER_COUNT = sizeof layers / sizeof *layers };

/* A step with one weight of a layer that is not finite: cuDNN's fused ReLU turns a NaN into 0, so
 * the loss alone would not show it. */
static bool is_seen(hpac_device *device, int layer, float bad)
{
    const hpac_shape input = {3, 8, 8, 1};
    const hpac_network_options options = {
        .device = device,
        .layers = layers,
        .layer_count = LAYER_COUNT,
        .format = {.batch_size = 2,
                   .target_count = 3,
                   .rows = input.rows,
                   .cols = input.cols,
                   .channels = input.channels,
                   .pixels = HPAC_PIXELS_UINT8},
        .training = true,
        .optimizer = {.learning_rate = 1.0F, .rho = 0.95F, .epsilon = 1e-7F},
    };
    hpac_network *network;
    hpac_outcome outcome;
    void *slot;
    assert_ok(hpac_network_create(&options, &network));
    assert_ok(hpac_network_allocate(network));
    hpac_weights *weights = hpac_weights_create(layers, LAYER_COUNT, input);
    cr_assert_not_null(weights);
    if (layer >= 0)
        weights[layer].tensors[HPAC_KERNEL].values[weights[layer].tensors[HPAC_KERNEL].count / 2] =
            bad;
    assert_ok(hpac_network_import(network, weights, NULL));
    assert_ok(
        device->ops->alloc(device, HPAC_MEMORY_PINNED, hpac_batch_nbytes(&options.format), &slot));
    memset(slot, 1, hpac_batch_nbytes(&options.format));
    const hpac_network_batch batch = {.slot = slot, .count = 2};
    assert_ok(hpac_network_train(network, &batch, 0));
    assert_ok(hpac_network_collect(network, &outcome));
    device->ops->free(device, HPAC_MEMORY_PINNED, slot);
    hpac_weights_destroy(weights, LAYER_COUNT);
    hpac_network_destroy(network);
    return outcome.result.nonfinite != 0;
}

Test(cuda_plans, sees_weights_that_are_not_finite)
{
    need_cuda();
    const float bad[] = {NAN, INFINITY, -INFINITY};
    hpac_device *device = open_deterministic();
    cr_expect_not(is_seen(device, -1, 0));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_expect(is_seen(device, 0, bad[i]), "%g in the convolution", (double)bad[i]);
        cr_expect(is_seen(device, 3, bad[i]), "%g in the dense layer", (double)bad[i]);
    }
    device->ops->close(device);
}
