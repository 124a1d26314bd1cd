/*
 * A small network on the CUDA device under conditions that only the CUDA simulator can bring about:
 * two GPUs, any call that fails, and a count of the types that products are computed in. Skipped
 * where the tested device is another, or a real GPU.
 */
#include <hpac/network.h>

#include "../cudasim/counts.h"
#include "layers.h"
#include "tested_device.h"

#include <criterion/criterion.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const hpac_layer layers[] = {CONV2D(4),      CONV2D(8), MAXPOOL,
                                    DROPOUT(0.25F), FLATTEN,   OUTPUT(3)};
enum { LAYER_COUNT = sizeof layers / sizeof *layers, BATCH = 4, STEPS = 4 };

static const hpac_shape input = {3, 10, 10, 1};

typedef struct fixture {
    hpac_device *device;
    hpac_network *network;
    hpac_batch_format format;
    void *slot;
    double losses[STEPS];
} fixture;

static hpac_status open_device(fixture *fix, const hpac_device_options *options)
{
    *fix = (fixture){.format = {.batch_size = BATCH,
                                .target_count = 3,
                                .rows = input.rows,
                                .cols = input.cols,
                                .channels = input.channels,
                                .pixels = HPAC_PIXELS_UINT8}};
    return hpac_device_open(options, &fix->device);
}

/* As all that follows, returns a status, so that a failing call anywhere ends in close_fixture().
 */
static hpac_status create_network(fixture *fix)
{
    const hpac_network_options network = {
        .device = fix->device,
        .layers = layers,
        .layer_count = LAYER_COUNT,
        .format = fix->format,
        .training = true,
        .graph = true,
        .optimizer = {.learning_rate = 1.0F, .rho = 0.95F, .epsilon = 1e-7F},
        .seed = 7,
    };
    HPAC_TRY(hpac_network_create(&network, &fix->network));
    HPAC_TRY(hpac_network_allocate(fix->network));
    HPAC_TRY(hpac_network_initialize(fix->network, 1));
    HPAC_TRY(hpac_network_retain_images(fix->network, BATCH));
    HPAC_TRY(fix->device->ops->alloc(fix->device, HPAC_MEMORY_PINNED,
                                     hpac_batch_nbytes(&fix->format), &fix->slot));
    unsigned char *bytes = fix->slot;
    for (size_t i = 0; i < hpac_batch_nbytes(&fix->format); i++)
        bytes[i] = (unsigned char)(i < BATCH * 3 ? i % 2 : i * 7 % 251); /* targets, then pixels */
    return HPAC_OK;
}

static hpac_status open_fixture(fixture *fix, const hpac_device_options *options)
{
    HPAC_TRY(open_device(fix, options));
    return create_network(fix);
}

static void close_fixture(fixture *fix)
{
    if (fix->device)
        fix->device->ops->free(fix->device, HPAC_MEMORY_PINNED, fix->slot);
    hpac_network_destroy(fix->network);
    if (fix->device)
        fix->device->ops->close(fix->device);
}

static hpac_status train_step(fixture *fix, uint32_t step)
{
    static const uint32_t rows[BATCH] = {0, 1, 2, 3};
    const hpac_network_batch batch = {
        .slot = step < 2 ? fix->slot : NULL, /* then the images that are resident */
        .count = BATCH,
        .resident_rows = step == 0 ? NULL : rows,
    };
    hpac_outcome outcome;
    HPAC_TRY(hpac_network_train(fix->network, &batch, step));
    HPAC_TRY(hpac_network_collect(fix->network, &outcome));
    fix->losses[step] = outcome.result.loss_sum;
    return HPAC_OK;
}

/* Training steps, eager and as graphs, uploaded and resident; an evaluation; the weights. */
static hpac_status use_network(fixture *fix)
{
    for (uint32_t step = 0; step < STEPS; step++)
        HPAC_TRY(train_step(fix, step));
    hpac_outcome outcome;
    const hpac_network_batch batch = {.slot = fix->slot, .count = BATCH - 1};
    HPAC_TRY(hpac_network_evaluate(fix->network, &batch));
    HPAC_TRY(hpac_network_collect(fix->network, &outcome));
    hpac_weights *weights = hpac_weights_create(layers, LAYER_COUNT, input);
    cr_assert_not_null(weights);
    hpac_status status = hpac_network_export(fix->network, weights, NULL);
    hpac_weights_destroy(weights, LAYER_COUNT);
    return status;
}

static hpac_status open_and_use(const hpac_device_options *options, fixture *fix)
{
    hpac_status status = open_fixture(fix, options);
    if (status == HPAC_OK)
        status = use_network(fix);
    close_fixture(fix);
    return status;
}

static void assert_same_losses(const fixture *got, const fixture *expected)
{
    for (int i = 0; i < STEPS; i++)
        cr_assert_eq(got->losses[i], expected->losses[i], "step %d: %.17g, expected %.17g", i,
                     got->losses[i], expected->losses[i]);
}

/* ---- the simulator's functions ---- */

static cudasim_get_counts_function *get_counts;
static cudasim_get_device_counts_function *get_device_counts;
static cudasim_fail_nth_function *fail_nth;
static cudasim_failed_call_function *failed_call;
static cudasim_take_memory_function *take_memory;

static void find(void *function, const char *name)
{
    void *symbol = find_in_simulator(name);
    memcpy(function, &symbol, sizeof symbol);
}

/* Loads the library, and skips the test where it does not run on the simulator. */
static void need_simulator_functions(void)
{
    need_cuda();
    hpac_device *device = open_tested_device((hpac_device_options){.deterministic = true});
    need_simulator(device);
    find(&get_counts, "cudasim_get_counts");
    find(&get_device_counts, "cudasim_get_device_counts");
    find(&fail_nth, "cudasim_fail_nth");
    find(&failed_call, "cudasim_failed_call");
    find(&take_memory, "cudasim_take_memory");
    device->ops->close(device);
}

/* ---- several GPUs ---- */

static const hpac_device_options first_gpu = {.name = "cuda:0", .deterministic = true};
static const hpac_device_options second_gpu = {.name = "cuda:1", .deterministic = true};

/* The simulator refuses memory, streams, events, graphs and handles of another GPU; what it counts
 * shows on which GPU they are. */
Test(cuda_network, each_device_computes_on_its_own_gpu)
{
    set_for_simulator("CUDASIM_DEVICES", "2");
    need_simulator_functions();
    fixture first, second;
    cudasim_counts before, on_first, on_second;
    get_device_counts(0, &before);
    assert_ok(open_fixture(&first, &first_gpu));
    assert_ok(open_fixture(&second, &second_gpu));
    for (uint32_t step = 0; step < STEPS; step++) {
        assert_ok(train_step(&first, step));
        assert_ok(train_step(&second, step));
    }
    get_device_counts(0, &on_first);
    get_device_counts(1, &on_second);
    cr_expect_eq(on_second.kernels, on_first.kernels - before.kernels);
    cr_expect_eq(on_second.library_calls, on_first.library_calls - before.library_calls);
    cr_expect_eq(on_second.graph_launches, on_first.graph_launches);
    cr_expect_eq(on_second.live_nbytes, on_first.live_nbytes);
    assert_same_losses(&second, &first);
    close_fixture(&second);
    close_fixture(&first);
}

static void *use_on_thread(void *fix)
{
    return use_network(fix) == HPAC_OK ? fix : NULL;
}

/* A new thread's current GPU is the first one. */
Test(cuda_network, a_device_keeps_its_gpu_on_another_thread)
{
    set_for_simulator("CUDASIM_DEVICES", "2");
    need_simulator_functions();
    fixture fix;
    pthread_t thread;
    void *result = NULL;
    assert_ok(open_fixture(&fix, &second_gpu));
    cr_assert_eq(pthread_create(&thread, NULL, use_on_thread, &fix), 0);
    cr_assert_eq(pthread_join(thread, &result), 0);
    cr_expect_not_null(result);
    close_fixture(&fix);
}

static hpac_device *other;
static const hpac_device_ops *original;

/* Makes the other device's GPU the current one before each call. */
static void use_other(void)
{
    assert_ok(other->ops->set_step(other, &(hpac_step){0}));
}

#define CALLS(X)                                                                                   \
    X(alloc, (hpac_device * device, hpac_memory memory, size_t nbytes, void **address),            \
      (device, memory, nbytes, address))                                                           \
    X(upload, (hpac_device * device, hpac_queue queue, void *to, const void *from, size_t nbytes), \
      (device, queue, to, from, nbytes))                                                           \
    X(download,                                                                                    \
      (hpac_device * device, hpac_queue queue, void *to, const void *from, size_t nbytes),         \
      (device, queue, to, from, nbytes))                                                           \
    X(event_create, (hpac_device * device, hpac_event * *event), (device, event))                  \
    X(event_record, (hpac_device * device, hpac_event * event, hpac_queue queue),                  \
      (device, event, queue))                                                                      \
    X(event_await, (hpac_device * device, hpac_event * event, hpac_queue queue),                   \
      (device, event, queue))                                                                      \
    X(event_synchronize, (hpac_device * device, hpac_event * event), (device, event))              \
    X(graph_begin, (hpac_device * device), (device))                                               \
    X(graph_end, (hpac_device * device, hpac_graph * *graph), (device, graph))                     \
    X(graph_launch, (hpac_device * device, hpac_graph * graph), (device, graph))                   \
    X(gather, (hpac_device * device, const hpac_gather *gather), (device, gather))                 \
    X(plan_create, (hpac_device * device, const hpac_plan_request *request, hpac_plan **plan),     \
      (device, request, plan))                                                                     \
    X(parameter_write, (hpac_plan * plan, size_t parameter, void *slice, const float *values),     \
      (plan, parameter, slice, values))                                                            \
    X(parameter_read, (hpac_plan * plan, size_t parameter, const void *slice, float *values),      \
      (plan, parameter, slice, values))                                                            \
    X(set_step, (hpac_device * device, const hpac_step *step), (device, step))                     \
    X(forward, (hpac_plan * plan, const hpac_exec_args *args), (plan, args))                       \
    X(backward, (hpac_plan * plan, const hpac_exec_args *args), (plan, args))                      \
    X(loss, (hpac_device * device, const hpac_loss *loss), (device, loss))                         \
    X(update, (hpac_device * device, const hpac_update *update), (device, update))

#define DEFINE(name, parameters, arguments)                                                        \
    static hpac_status name##_after_other parameters                                               \
    {                                                                                              \
        use_other();                                                                               \
        return original->name arguments;                                                           \
    }
CALLS(DEFINE)

#define ASSIGN(name, parameters, arguments) wrapped.name = name##_after_other;

/* Every function of the table selects its GPU itself. */
Test(cuda_network, calls_of_two_devices_can_be_mixed)
{
    set_for_simulator("CUDASIM_DEVICES", "2");
    need_simulator_functions();
    fixture plain, mixed;
    assert_ok(open_and_use(&second_gpu, &plain));
    assert_ok(hpac_device_open(&first_gpu, &other));
    assert_ok(open_device(&mixed, &second_gpu));
    original = mixed.device->ops;
    hpac_device_ops wrapped = *original;
    CALLS(ASSIGN)
    mixed.device->ops = &wrapped;
    assert_ok(create_network(&mixed));
    assert_ok(use_network(&mixed));
    assert_same_losses(&mixed, &plain);
    close_fixture(&mixed);
    other->ops->close(other);
}

/* ---- the types of products ---- */

/* fp32 computes no product in TF32, neither by cuDNN, whose default that is, nor by cuBLAS,
 * whichever way algorithms are chosen; and cuBLAS adds up in float32. */
Test(cuda_network, each_precision_multiplies_in_its_own_type)
{
    need_simulator_functions();
    static const hpac_precision precisions[] = {HPAC_PRECISION_FP32, HPAC_PRECISION_TF32,
                                                HPAC_PRECISION_BF16};
    for (int i = 0; i < 3 * 2 * 2; i++) {
        const hpac_device_options options = {
            .name = "cuda",
            .precision = precisions[i / 4],
            .deterministic = i & 1,
            .image_layout = i & 2 ? HPAC_IMAGE_LAYOUT_NHWC : HPAC_IMAGE_LAYOUT_NCHW,
        };
        fixture fix;
        cudasim_counts before, after;
        get_counts(&before);
        assert_ok(open_and_use(&options, &fix));
        get_counts(&after);
        const uint64_t products[] = {after.float32_products - before.float32_products,
                                     after.tf32_products - before.tf32_products,
                                     after.bf16_products - before.bf16_products};
        for (int type = 0; type < 3; type++)
            cr_expect((products[type] > 0) == (type == i / 4),
                      "case %d: %llu products in float32, %llu in TF32, %llu in bf16", i,
                      (unsigned long long)products[0], (unsigned long long)products[1],
                      (unsigned long long)products[2]);
        cr_expect_eq(after.reduced_sums, before.reduced_sums, "case %d", i);
    }
}

/* ---- memory that another process takes after it was seen to be free ---- */

static const hpac_device_ops *device_ops;
static int allocations_left; /* until all free memory is taken */

static hpac_status alloc_late(hpac_device *device, hpac_memory memory, size_t nbytes,
                              void **address)
{
    if (memory == HPAC_MEMORY_DEVICE && --allocations_left == 0)
        take_memory(UINT64_MAX);
    return device_ops->alloc(device, memory, nbytes, address);
}

Test(cuda_network, memory_that_another_process_takes_first_is_a_clear_error)
{
    need_simulator_functions();
    cudasim_counts before, after;
    get_counts(&before);
    hpac_status status = HPAC_ERR_DEVICE;
    for (int n = 1; status != HPAC_OK; n++) {
        fixture fix;
        assert_ok(open_device(&fix, &(hpac_device_options){.name = "cuda", .deterministic = true}));
        device_ops = fix.device->ops;
        hpac_device_ops late = *device_ops;
        late.alloc = alloc_late;
        fix.device->ops = &late;
        allocations_left = n;
        status = create_network(&fix);
        take_memory(0);
        if (status != HPAC_OK) {
            cr_expect_eq(status, HPAC_ERR_DEVICE);
            expect_message("cannot allocate 0.");
            expect_message(" MiB of GPU memory, 0.0 MiB of 16384.0 MiB are free; lower "
                           "train.batch_size, or end other programs on the GPU: cudaMalloc: "
                           "cudaErrorMemoryAllocation");
        } else {
            cr_expect_gt(n, 10, "%d allocations", n - 1);
        }
        close_fixture(&fix);
        get_counts(&after);
        cr_assert_eq(after.live_objects, before.live_objects, "allocation %d: a leak", n);
    }
}

/* ---- calls that fail ---- */

static bool is_release(const char *call)
{
    return strstr(call, "Destroy") || strstr(call, "Free");
}

static void expect_clean_failure(hpac_status status, const char *call, uint64_t n)
{
    const char *message = hpac_error_message();
    if (status == HPAC_OK) {
        cr_expect(is_release(call), "call %llu, %s, failed and nobody noticed",
                  (unsigned long long)n, call);
        return;
    }
    cr_expect_eq(status, HPAC_ERR_DEVICE, "%s: status %d: %s", call, (int)status, message);
    cr_expect(strstr(message, "cudaErrorOperatingSystem") ||
                  strstr(message, "cudaErrorMemoryAllocation") ||
                  strstr(message, "EXECUTION_FAILED"),
              "%s: %s", call, message);
}

/* Lets each call of the runtime, cuDNN and cuBLAS fail in turn, from opening to closing: each time
 * that is an error of the device, and everything is given back. */
static void fail_each_call(const hpac_device_options *options, uint64_t min_calls)
{
    need_simulator_functions();
    fixture whole, broken;
    cudasim_counts before, after;
    assert_ok(open_and_use(options, &whole));
    get_counts(&before);
    uint64_t n = 1;
    for (bool failed = true; failed; n++) {
        fail_nth(n);
        hpac_status status = open_and_use(options, &broken);
        const char *call = failed_call();
        failed = call != NULL;
        if (failed)
            expect_clean_failure(status, call, n);
        else
            cr_expect_eq(status, HPAC_OK, "%s", hpac_error_message());
        get_counts(&after);
        cr_assert_eq(after.live_objects, before.live_objects, "call %llu, %s: %lld objects leaked",
                     (unsigned long long)n, call ? call : "none",
                     (long long)(after.live_objects - before.live_objects));
        cr_assert_eq(after.live_nbytes, before.live_nbytes);
    }
    fail_nth(0);
    cr_log_info("%llu calls", (unsigned long long)n);
    cr_expect_geq(n, min_calls);
    assert_ok(open_and_use(options, &broken));
    if (options->deterministic)
        assert_same_losses(&broken, &whole);
}

Test(cuda_network, any_call_that_fails_is_an_error_and_leaks_nothing)
{
    fail_each_call(&(hpac_device_options){.name = "cuda", .deterministic = true}, 300);
}

Test(cuda_network, any_call_that_fails_in_bf16_is_an_error_and_leaks_nothing)
{
    fail_each_call(&(hpac_device_options){.name = "cuda",
                                          .precision = HPAC_PRECISION_BF16,
                                          .deterministic = true},
                   300);
}

Test(cuda_network, any_call_that_fails_while_measuring_is_an_error_and_leaks_nothing)
{
    fail_each_call(&(hpac_device_options){.name = "cuda", .deterministic = false}, 300);
}
