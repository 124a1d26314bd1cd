/* Batch norm of the CPU device: its statistics, far from 0 and with a head of each image that is
 * unlike the rest, in every layout; and outputs that go past the caches. */
#include "device/cpu/cpu.h"

#include "base/cpu.h"

#include "formula.h"
#include "tested_device.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

typedef struct norm_case {
    hpac_layout layout;
    size_t channels, rows, batch;
} norm_case;

static const norm_case cases[] = {
    {CPU_LAYOUT_NHWC, 3, 5, 7},      {CPU_LAYOUT_NHWC, 130, 6, 5},
    {CPU_LAYOUT_NCHW, 2, 9, 33},     {CPU_LAYOUT_NCHW, 3, 2, 5},
    {CPU_LAYOUT_NCHW8C, 5, 3, 41},   {CPU_LAYOUT_NCHW16C, 20, 4, 39},
    {CPU_LAYOUT_NCHW16C, 33, 17, 2}, {CPU_LAYOUT_NCHW16C, 16, 257, 2}, /* 8 MiB */
};

/* About 1000; of odd channels the first quarter of the rows is 0. */
static float value_at(const norm_case *which, size_t index)
{
    size_t channel = index % which->channels;
    size_t row = index / which->channels / which->rows % which->rows;
    float noise = (float)(formula_hash(5, index) % 4096) / 2048 - 1;
    return channel % 2 == 1 && row < which->rows / 4 ? 0 : 1000 + noise;
}

typedef struct moments {
    double mean, variance;
} moments;

static moments expected_moments(const norm_case *which, const float *x, size_t channel)
{
    size_t pixels = which->rows * which->rows * which->batch;
    double sum = 0, squares = 0;
    for (size_t i = 0; i < pixels; i++)
        sum += (double)x[i * which->channels + channel];
    for (size_t i = 0; i < pixels; i++) {
        double off = (double)x[i * which->channels + channel] - sum / (double)pixels;
        squares += off * off;
    }
    return (moments){sum / (double)pixels, squares / (double)pixels};
}

/* A plan with the memory of a call; with momentum 0 the moving averages are the batch's. */
typedef struct norm_fixture {
    hpac_device *device;
    hpac_plan *plan;
    hpac_exec_args args;
    void *memory[6];
} norm_fixture;

static void *allocate(norm_fixture *fixture, size_t index, size_t nbytes)
{
    assert_ok(fixture->device->ops->alloc(fixture->device, HPAC_MEMORY_DEVICE, nbytes + 1,
                                          &fixture->memory[index]));
    return fixture->memory[index];
}

static void make_fixture(norm_fixture *fixture, const norm_case *which)
{
    const hpac_shape shape = {
        .rank = 3, .rows = which->rows, .cols = which->rows, .channels = which->channels};
    const hpac_op ops[] = {{.kind = HPAC_OP_BATCH_NORM,
                            .in = shape,
                            .out = shape,
                            .no_gamma = true,
                            .no_beta = true,
                            .epsilon = 1e-3F},
                           {.kind = HPAC_OP_RELU, .in = shape, .out = shape}};
    const hpac_plan_request request = {.ops = ops,
                                       .op_count = 2,
                                       .batch = which->batch,
                                       .input_layout = which->layout,
                                       .training = true};
    assert_ok(fixture->device->ops->plan_create(fixture->device, &request, &fixture->plan));
    const hpac_plan *plan = fixture->plan;
    fixture->args = (hpac_exec_args){
        .x = allocate(fixture, 0, plan->input_nbytes),
        .y = allocate(fixture, 1, plan->output_nbytes),
        .statistics = allocate(fixture, 2, plan->statistics_nbytes),
        .state = allocate(fixture, 3, plan->state_nbytes),
        .workspace = allocate(fixture, 4, plan->workspace_nbytes),
        .parameters = allocate(fixture, 5, plan->parameters_nbytes),
        .training = true,
    };
}

static void destroy_fixture(norm_fixture *fixture)
{
    fixture->device->ops->plan_destroy(fixture->plan);
    for (size_t i = 0; i < 6; i++)
        fixture->device->ops->free(fixture->device, HPAC_MEMORY_DEVICE, fixture->memory[i]);
}

static bool is_near(double got, double expected, double absolute, double relative)
{
    return fabs(got - expected) <= absolute + relative * fabs(expected);
}

static void expect_channel(const norm_case *which, const float *x, const float *y, size_t channel,
                           moments got)
{
    moments expected = expected_moments(which, x, channel);
    cr_expect(is_near(got.mean, expected.mean, 0, 1e-6),
              "layout %d, channel %zu: mean %.9g, "
              "expected %.9g",
              which->layout, channel, got.mean, expected.mean);
    cr_expect(is_near(got.variance, expected.variance, 0, 1e-5),
              "layout %d, channel %zu: "
              "variance %.9g, expected %.9g",
              which->layout, channel, got.variance, expected.variance);
    for (size_t i = channel; i < which->rows * which->rows * which->batch * which->channels;
         i += which->channels) {
        double normal = ((double)x[i] - expected.mean) / sqrt(expected.variance + 1e-3);
        cr_assert(is_near((double)y[i], normal > 0 ? normal : 0, 1e-5, 1e-5),
                  "layout %d, value %zu: %.9g, expected %.9g", which->layout, i, (double)y[i],
                  normal);
    }
}

static void expect_case(hpac_device *device, const norm_case *which)
{
    norm_fixture fixture = {.device = device};
    const hpac_device_ops *ops = device->ops;
    size_t count = which->rows * which->rows * which->batch * which->channels;
    float *x = malloc(count * sizeof *x), *y = malloc(count * sizeof *y);
    float *averages[2] = {calloc(which->channels, sizeof **averages),
                          calloc(which->channels, sizeof **averages)};
    cr_assert(x && y && averages[0] && averages[1]);
    make_fixture(&fixture, which);
    for (size_t i = 0; i < count; i++)
        x[i] = value_at(which, i);
    assert_ok(ops->activation_write(fixture.plan, true, (void *)fixture.args.x, x));
    assert_ok(ops->forward(fixture.plan, &fixture.args));
    assert_ok(ops->activation_read(fixture.plan, false, fixture.args.y, y));
    for (size_t i = 0; i < 2; i++)
        assert_ok(ops->parameter_read(fixture.plan, i, fixture.args.statistics, averages[i]));
    for (size_t channel = 0; channel < which->channels; channel++)
        expect_channel(which, x, y, channel,
                       (moments){(double)averages[0][channel], (double)averages[1][channel]});
    destroy_fixture(&fixture);
    for (size_t i = 0; i < 2; i++)
        free(averages[i]);
    free(x);
    free(y);
}

static void expect_cases_on(hpac_cpu_path path)
{
    hpac_device *device;
    if (path > hpac_cpu_path_best())
        cr_skip_test("the processor lacks it");
    cr_assert_eq(setenv("HPAC_CPU", hpac_cpu_path_name(path), 1), 0);
    assert_ok(hpac_device_open(&(hpac_device_options){.name = "cpu", .threads = 2}, &device));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_case(device, &cases[i]);
    hpac_device_close(device);
}

Test(cpu_batch_norm, agrees_with_double_precision_with_avx512)
{
    expect_cases_on(HPAC_CPU_PATH_AVX512);
}

Test(cpu_batch_norm, agrees_with_double_precision_with_avx2)
{
    expect_cases_on(HPAC_CPU_PATH_AVX2);
}

Test(cpu_batch_norm, agrees_with_double_precision_on_the_portable_path)
{
    expect_cases_on(HPAC_CPU_PATH_PORTABLE);
}
