/* The losses of single logits against Keras, torchvision and PyTorch
 * (tools/reference/make_losses.py). */
#include "tested_device.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    hpac_loss_formula formula;
    float weight;
} cases[] = {
    {"keras_focal", {.gamma_pos = 2, .gamma_neg = 2}, 1},
    {"keras_balanced",
     {.gamma_pos = 1.5F, .gamma_neg = 1.5F, .alpha = 0.25F, .label_smoothing = 0.1F},
     1},
    {"keras_smoothed", {.label_smoothing = 0.2F}, 1},
    {"torchvision", {.gamma_pos = 2, .gamma_neg = 2, .alpha = 0.25F}, 1},
    {"asymmetric", {.gamma_pos = 1, .gamma_neg = 4, .clip = 0.05F}, 1},
    {"asymmetric_unclipped", {.gamma_pos = 0.5F, .gamma_neg = 3}, 1},
    {"asymmetric_smoothed",
     {.gamma_pos = 1, .gamma_neg = 4, .clip = 0.05F, .label_smoothing = 0.2F},
     1},
    {.name = "weighted", .weight = 3},
};

enum { CASES = sizeof cases / sizeof *cases, LOGITS = 9 };

/* Memory of both kinds for one logit; all arrays are floats or smaller. */
typedef struct loss_bench {
    hpac_device *device;
    void *pinned, *logit, *target, *weight, *dlogit, *result;
} loss_bench;

static void *new_memory(hpac_device *device, hpac_memory memory)
{
    void *address;
    assert_ok(device->ops->alloc(device, memory, sizeof(hpac_step_result), &address));
    return address;
}

static loss_bench open_bench(void)
{
    hpac_device *device = open_tested_device((hpac_device_options){.deterministic = true});
    return (loss_bench){
        .device = device,
        .pinned = new_memory(device, HPAC_MEMORY_PINNED),
        .logit = new_memory(device, HPAC_MEMORY_DEVICE),
        .target = new_memory(device, HPAC_MEMORY_DEVICE),
        .weight = new_memory(device, HPAC_MEMORY_DEVICE),
        .dlogit = new_memory(device, HPAC_MEMORY_DEVICE),
        .result = new_memory(device, HPAC_MEMORY_DEVICE),
    };
}

static void close_bench(loss_bench *bench)
{
    void *const addresses[] = {bench->logit, bench->target, bench->weight, bench->dlogit,
                               bench->result};
    const hpac_device_ops *ops = bench->device->ops;
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
        ops->free(bench->device, HPAC_MEMORY_DEVICE, addresses[i]);
    ops->free(bench->device, HPAC_MEMORY_PINNED, bench->pinned);
    hpac_device_close(bench->device);
}

static void put(const loss_bench *bench, void *to, const void *value, size_t nbytes)
{
    memcpy(bench->pinned, value, nbytes);
    assert_ok(
        bench->device->ops->upload(bench->device, HPAC_QUEUE_COMPUTE, to, bench->pinned, nbytes));
    assert_ok(bench->device->ops->synchronize(bench->device));
}

static void get(const loss_bench *bench, void *value, const void *from, size_t nbytes)
{
    assert_ok(bench->device->ops->download(bench->device, HPAC_QUEUE_COMPUTE, bench->pinned, from,
                                           nbytes));
    assert_ok(bench->device->ops->synchronize(bench->device));
    memcpy(value, bench->pinned, nbytes);
}

/* Sets the loss and its gradient. */
static void run(const loss_bench *bench, size_t number, float logit, uint8_t label, double *loss,
                float *gradient)
{
    const hpac_loss request = {
        .batch = 1,
        .count = 1,
        .classes = 1,
        .logits = bench->logit,
        .targets = bench->target,
        .formula = cases[number].formula,
        .positive_weights = bench->weight,
        .dlogits = bench->dlogit,
        .result = bench->result,
    };
    hpac_step_result result;
    put(bench, bench->logit, &logit, sizeof logit);
    put(bench, bench->target, &label, sizeof label);
    put(bench, bench->weight, &cases[number].weight, sizeof(float));
    assert_ok(bench->device->ops->loss(bench->device, &request));
    get(bench, gradient, bench->dlogit, sizeof *gradient);
    get(bench, &result, bench->result, sizeof result);
    *loss = result.loss_sum;
}

static void expect_close(double got, double expected, const char *what, const char *line)
{
    cr_expect(fabs(got - expected) <= 1e-6 * fabs(expected) + 1e-10, "%s %.9g, expected %s", what,
              got, line);
}

Test(losses, are_those_of_keras_and_pytorch)
{
    loss_bench bench = open_bench();
    FILE *file = fopen("tests/golden/losses.csv", "re");
    size_t checked = 0;
    char line[128], name[32];
    unsigned label;
    float logit, gradient;
    double expected_loss, expected_gradient, loss;
    cr_assert_not_null(file);
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "%31[^,],%u,%f,%lf,%lf", name, &label, &logit, &expected_loss,
                   &expected_gradient) != 5)
            continue;
        size_t i = 0;
        while (i < CASES && strcmp(cases[i].name, name) != 0)
            i++;
        cr_assert_lt(i, CASES, "%s", name);
        run(&bench, i, logit, (uint8_t)label, &loss, &gradient);
        expect_close(loss, expected_loss, "loss", line);
        expect_close((double)gradient, expected_gradient, "gradient", line);
        checked++;
    }
    fclose(file);
    cr_expect_eq(checked, CASES * 2 * LOGITS);
    close_bench(&bench);
}
