/*
 * The CUDA device's own promises: opening and refusing, memory, queues, graphs, and what it says
 * when something fails. Skipped where the tested device is another; what only the CUDA simulator
 * can bring about is skipped on a GPU.
 */
#include "../cudasim/counts.h"
#include "tested_device.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static hpac_device *open_deterministic(void)
{
    return open_tested_device((hpac_device_options){.deterministic = true});
}

/* ---- opening ---- */

Test(cuda_device, describes_itself)
{
    need_cuda();
    hpac_device *device = open_deterministic();
    hpac_device_info info;
    assert_ok(device->ops->describe(device, &info));
    cr_expect(strncmp(info.name, "cuda:", 5) == 0, "%s", info.name);
    cr_expect(strstr(info.name, "compute capability"), "%s", info.name);
    cr_expect(strstr(info.libraries, "CUDA ") && strstr(info.libraries, "cuDNN ") &&
                  strstr(info.libraries, "cuBLAS "),
              "%s", info.libraries);
    cr_expect(info.free_nbytes > 0 && info.free_nbytes <= info.total_nbytes);
    device->ops->close(device);
}

Test(cuda_device, says_how_images_lie)
{
    need_cuda();
    static const struct {
        hpac_device_options options;
        bool plain_images, plain_vectors;
    } cases[] = {
        {{.image_layout = HPAC_IMAGE_LAYOUT_AUTO}, false, true},
        {{.image_layout = HPAC_IMAGE_LAYOUT_NCHW}, false, true},
        {{.image_layout = HPAC_IMAGE_LAYOUT_NHWC}, true, true},
        {{.precision = HPAC_PRECISION_TF32, .image_layout = HPAC_IMAGE_LAYOUT_NHWC}, true, true},
        {{.precision = HPAC_PRECISION_BF16}, false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hpac_device *device = open_tested_device(cases[i].options);
        hpac_device_info info;
        assert_ok(device->ops->describe(device, &info));
        cr_expect_eq(info.precision, cases[i].options.precision);
        cr_expect_eq(info.image_layout == HPAC_LAYOUT_PLAIN, cases[i].plain_images, "%zu", i);
        cr_expect_eq(info.vector_layout == HPAC_LAYOUT_PLAIN, cases[i].plain_vectors, "%zu", i);
        device->ops->close(device);
    }
}

Test(cuda_device, refuses_a_gpu_that_is_not_there)
{
    need_cuda();
    hpac_device *device = NULL;
    cr_expect_eq(hpac_device_open(&(hpac_device_options){.name = "cuda:99"}, &device),
                 HPAC_ERR_DEVICE);
    cr_expect_null(device);
    expect_message("cuda: no GPU 99: ");
}

Test(cuda_device, refuses_number_formats_that_the_gpu_lacks)
{
    need_cuda();
    static const hpac_precision precisions[] = {HPAC_PRECISION_TF32, HPAC_PRECISION_BF16};
    set_for_simulator("CUDASIM_CAPABILITY", "75");
    hpac_device *device = open_deterministic(), *other = NULL;
    need_simulator(device);
    for (size_t i = 0; i < 2; i++) {
        const hpac_device_options options = {.name = "cuda", .precision = precisions[i]};
        cr_expect_eq(hpac_device_open(&options, &other), HPAC_ERR_DEVICE);
        cr_expect_null(other);
        expect_message(i == 0 ? "device.precision: tf32 needs compute capability 8.0, and GPU 0"
                              : "device.precision: bf16 needs compute capability 8.0, and GPU 0");
        expect_message("has 7.5; fp32 works");
    }
    device->ops->close(device);
}

Test(cuda_device, takes_the_number_formats_of_the_oldest_gpu_that_has_them)
{
    need_cuda();
    set_for_simulator("CUDASIM_CAPABILITY", "80");
    hpac_device *device = open_deterministic(), *other = NULL;
    need_simulator(device);
    for (int i = 0; i < 2; i++) {
        const hpac_device_options options = {
            .name = "cuda", .precision = i ? HPAC_PRECISION_TF32 : HPAC_PRECISION_BF16};
        assert_ok(hpac_device_open(&options, &other));
        other->ops->close(other);
    }
    device->ops->close(device);
}

/* Of one name for all CUDA versions, and with interfaces that only grow. */
Test(cuda_device, refuses_a_cudnn_of_another_cuda_or_too_old)
{
    need_cuda();
    hpac_device *device = open_deterministic();
    need_simulator(device);
    device->ops->close(device);
    set_for_simulator("CUDASIM_CUDNN_CUDART", "11080");
    cr_expect_eq(hpac_device_open(&(hpac_device_options){.name = "cuda"}, &device),
                 HPAC_ERR_DEVICE);
    expect_message("is built for CUDA 11");
    unsetenv("CUDASIM_CUDNN_CUDART");
    set_for_simulator("CUDASIM_CUDNN_VERSION", "90000");
    cr_expect_eq(hpac_device_open(&(hpac_device_options){.name = "cuda"}, &device),
                 HPAC_ERR_DEVICE);
    expect_message("found cuDNN 9.0.0, libhpac_cuda.so is built with 9.");
}

/* cuBLAS asks for 4 MiB, from Hopper on for 32 (cublasSetWorkspace). */
Test(cuda_device, gives_cublas_the_workspace_it_asks_for)
{
    need_cuda();
    static const struct {
        const char *capability;
        uint64_t mib;
    } cases[] = {{"80", 4}, {"90", 32}, {"120", 32}};
    /* The library reads the variable once: each case is a process of its own. */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pid_t child = fork();
        cr_assert_geq(child, 0);
        if (child == 0) {
            cudasim_counts counts = {0};
            cudasim_get_counts_function *get_counts = NULL;
            set_for_simulator("CUDASIM_CAPABILITY", cases[i].capability);
            hpac_device *device = open_deterministic();
            void *symbol = find_in_simulator("cudasim_get_counts");
            memcpy(&get_counts, &symbol, sizeof symbol);
            if (get_counts)
                get_counts(&counts);
            device->ops->close(device);
            _exit(!get_counts || counts.cublas_workspace_nbytes == cases[i].mib << 20 ? 0 : 1);
        }
        int status = 1;
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_expect_eq(status, 0, "compute capability %s", cases[i].capability);
    }
}

Test(cuda_device, says_what_to_build_for_an_older_gpu)
{
    need_cuda();
    set_for_simulator("CUDASIM_CAPABILITY", "70");
    hpac_device *device = NULL;
    if (hpac_device_open(&(hpac_device_options){.name = "cuda"}, &device) == HPAC_OK) {
        device->ops->close(device);
        cr_skip("this GPU is not too old");
    }
    expect_message("has compute capability 7.0, and the kernels are built for ");
    expect_message("build with CUDA_ARCHS=70");
    expect_message("cudaErrorNoKernelImageForDevice");
}

Test(cuda_device, opens_the_second_of_two)
{
    need_cuda();
    set_for_simulator("CUDASIM_DEVICES", "2");
    hpac_device *first = open_deterministic(), *second = NULL;
    need_simulator(first);
    assert_ok(hpac_device_open(&(hpac_device_options){.name = "cuda:1"}, &second));
    hpac_device_info info;
    assert_ok(second->ops->describe(second, &info));
    cr_expect(strncmp(info.name, "cuda:1: ", 8) == 0, "%s", info.name);
    assert_ok(first->ops->describe(first, &info));
    cr_expect(strncmp(info.name, "cuda:0: ", 8) == 0, "%s", info.name);
    second->ops->close(second);
    first->ops->close(first);
}

/* The library is found by where its functions lie. */
Test(cuda_device, refuses_a_program_of_another_interface)
{
    need_cuda();
    hpac_device *device = open_deterministic(), *other = NULL;
    void *address;
    Dl_info found;
    memcpy(&address, &device->ops->close, sizeof address);
    cr_assert_neq(dladdr(address, &found), 0);
    void *library = dlopen(found.dli_fname, RTLD_NOW | RTLD_NOLOAD);
    cr_assert_not_null(library);
    hpac_cuda_open_function *open = NULL;
    void *symbol = dlsym(library, HPAC_CUDA_OPEN);
    memcpy(&open, &symbol, sizeof open);
    cr_assert_not_null(open);
    cr_expect_eq(open(HPAC_DEVICE_ABI + 1, &(hpac_device_options){.name = "cuda"}, 0, &other),
                 HPAC_ERR_DEVICE);
    cr_expect_null(other);
    expect_message("build both from the same sources");
    device->ops->close(device);
}

/* ---- memory ---- */

Test(cuda_device, memory_is_zeroed_and_aligned)
{
    need_cuda();
    static const size_t sizes[] = {0, 1, 4097, (size_t)5 << 20};
    hpac_device *device = open_deterministic();
    const hpac_device_ops *call = device->ops;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        void *memory = NULL, *pinned = NULL;
        assert_ok(call->alloc(device, HPAC_MEMORY_DEVICE, sizes[i], &memory));
        assert_ok(call->alloc(device, HPAC_MEMORY_PINNED, sizes[i], &pinned));
        cr_expect_eq((uintptr_t)memory % 256, 0);
        cr_expect_eq((uintptr_t)pinned % 256, 0);
        const unsigned char *bytes = pinned;
        for (int turn = 0; turn < 2; turn++) {
            for (size_t j = 0; j < sizes[i]; j++)
                cr_assert_eq(bytes[j], 0);
            memset(pinned, 1, sizes[i]);
            assert_ok(call->download(device, HPAC_QUEUE_COPY, pinned, memory, sizes[i]));
            assert_ok(call->synchronize(device));
        }
        call->free(device, HPAC_MEMORY_DEVICE, memory);
        call->free(device, HPAC_MEMORY_PINNED, pinned);
    }
    call->free(device, HPAC_MEMORY_DEVICE, NULL);
    call->free(device, HPAC_MEMORY_PINNED, NULL);
    call->close(device);
}

static void wait_for(hpac_device *device, hpac_event *event, hpac_queue queue)
{
    assert_ok(device->ops->event_record(device, event, queue));
    assert_ok(device->ops->event_synchronize(device, event));
}

/* The copy queue may use new memory at once: the zeros do not come later, from the compute queue;
 * and what is enqueued on it needs nothing of that one. In lazy mode the simulator runs a queue
 * only when something waits for it. */
Test(cuda_device, memory_is_zeroed_when_alloc_returns)
{
    need_cuda();
    enum { NBYTES = 64 };
    hpac_device *device = open_deterministic();
    const hpac_device_ops *call = device->ops;
    void *memory = NULL, *pinned = NULL;
    hpac_event *event = NULL;
    assert_ok(call->event_create(device, &event));
    assert_ok(call->alloc(device, HPAC_MEMORY_PINNED, NBYTES, &pinned));
    assert_ok(call->alloc(device, HPAC_MEMORY_DEVICE, NBYTES, &memory));
    unsigned char *bytes = pinned;
    memset(bytes, 7, NBYTES);
    assert_ok(call->upload(device, HPAC_QUEUE_COPY, memory, bytes, NBYTES / 2));
    wait_for(device, event, HPAC_QUEUE_COPY);
    for (int turn = 0; turn < 2; turn++) {
        memset(bytes, 1, NBYTES);
        assert_ok(call->download(device, HPAC_QUEUE_COPY, bytes, memory, NBYTES));
        wait_for(device, event, HPAC_QUEUE_COPY);
        for (int i = 0; i < NBYTES; i++)
            cr_expect_eq(bytes[i], i < NBYTES / 2 ? 7 : 0, "byte %d is %d", i, bytes[i]);
        assert_ok(call->synchronize(device));
    }
    call->event_destroy(device, event);
    call->free(device, HPAC_MEMORY_DEVICE, memory);
    call->free(device, HPAC_MEMORY_PINNED, pinned);
    call->close(device);
}

Test(cuda_device, says_what_is_free_and_what_to_lower)
{
    need_cuda();
    set_for_simulator("CUDASIM_MEMORY_MIB", "96");
    hpac_device *device = open_deterministic();
    hpac_device_info info;
    void *memory = NULL;
    assert_ok(device->ops->describe(device, &info));
    cr_expect_eq(device->ops->alloc(device, HPAC_MEMORY_DEVICE, 2 * info.total_nbytes, &memory),
                 HPAC_ERR_DEVICE);
    cr_expect_null(memory);
    expect_message("MiB of GPU memory");
    expect_message("are free; lower train.batch_size");
    expect_message("cudaErrorMemoryAllocation");
    /* Nothing is broken by it, nor does a later launch report it again. */
    assert_ok(device->ops->set_step(device, &(hpac_step){.seed = 1, .step = 1}));
    assert_ok(device->ops->alloc(device, HPAC_MEMORY_DEVICE, 1 << 20, &memory));
    device->ops->free(device, HPAC_MEMORY_DEVICE, memory);
    device->ops->close(device);
}

/* ---- queues and graphs ---- */

enum { COUNT = 1000 };

typedef struct copies {
    hpac_device *device;
    const hpac_device_ops *call;
    uint32_t *host; /* pinned */
    void *from, *to;
} copies;

static copies make_copies(void)
{
    copies made = {.device = open_deterministic()};
    made.call = made.device->ops;
    const size_t nbytes = COUNT * sizeof(uint32_t);
    void *pinned = NULL;
    assert_ok(made.call->alloc(made.device, HPAC_MEMORY_PINNED, nbytes, &pinned));
    assert_ok(made.call->alloc(made.device, HPAC_MEMORY_DEVICE, nbytes, &made.from));
    assert_ok(made.call->alloc(made.device, HPAC_MEMORY_DEVICE, nbytes, &made.to));
    made.host = pinned;
    return made;
}

static void free_copies(copies *made)
{
    made->call->free(made->device, HPAC_MEMORY_PINNED, made->host);
    made->call->free(made->device, HPAC_MEMORY_DEVICE, made->from);
    made->call->free(made->device, HPAC_MEMORY_DEVICE, made->to);
    made->call->close(made->device);
}

static void upload(copies *made, hpac_queue queue, uint32_t value)
{
    for (int i = 0; i < COUNT; i++)
        made->host[i] = value + (uint32_t)i;
    assert_ok(made->call->upload(made->device, queue, made->from, made->host,
                                 COUNT * sizeof *made->host));
}

static void expect_copied(copies *made, uint32_t value)
{
    assert_ok(made->call->synchronize(made->device));
    memset(made->host, 0, COUNT * sizeof *made->host);
    assert_ok(made->call->download(made->device, HPAC_QUEUE_COMPUTE, made->host, made->to,
                                   COUNT * sizeof *made->host));
    assert_ok(made->call->synchronize(made->device));
    for (int i = 0; i < COUNT; i++)
        cr_assert_eq(made->host[i], value + (uint32_t)i);
}

static hpac_status copy(const copies *made)
{
    return made->call->copy(made->device, made->to, made->from, COUNT * sizeof *made->host);
}

Test(cuda_device, queues_wait_for_events)
{
    need_cuda();
    copies made = make_copies();
    hpac_event *event = NULL;
    assert_ok(made.call->event_create(made.device, &event));
    assert_ok(made.call->event_synchronize(made.device, event)); /* never recorded: past */
    for (uint32_t turn = 1; turn <= 3; turn++) {
        upload(&made, HPAC_QUEUE_COPY, turn * 10000);
        assert_ok(made.call->event_record(made.device, event, HPAC_QUEUE_COPY));
        assert_ok(made.call->event_await(made.device, event, HPAC_QUEUE_COMPUTE));
        assert_ok(copy(&made));
        expect_copied(&made, turn * 10000);
    }
    made.call->event_destroy(made.device, event);
    made.call->event_destroy(made.device, NULL);
    free_copies(&made);
}

Test(cuda_device, timers_tell_the_time_between)
{
    need_cuda();
    copies made = make_copies();
    hpac_event *from = NULL, *to = NULL;
    double ms = -1;
    assert_ok(made.call->timer_create(made.device, &from));
    assert_ok(made.call->timer_create(made.device, &to));
    assert_ok(made.call->event_record(made.device, from, HPAC_QUEUE_COMPUTE));
    assert_ok(copy(&made));
    assert_ok(made.call->event_record(made.device, to, HPAC_QUEUE_COMPUTE));
    assert_ok(made.call->event_synchronize(made.device, to));
    assert_ok(made.call->elapsed_ms(made.device, from, to, &ms));
    cr_expect(ms >= 0 && ms < 60000, "%g", ms);
    made.call->event_destroy(made.device, from);
    made.call->event_destroy(made.device, to);
    free_copies(&made);
}

Test(cuda_device, graphs_run_what_was_recorded_again_and_again)
{
    need_cuda();
    copies made = make_copies();
    hpac_graph *graph = NULL;
    assert_ok(copy(&made));
    assert_ok(made.call->graph_begin(made.device));
    assert_ok(copy(&made));
    assert_ok(made.call->graph_end(made.device, &graph));
    cr_assert_not_null(graph);
    for (uint32_t turn = 1; turn <= 3; turn++) {
        upload(&made, HPAC_QUEUE_COMPUTE, turn * 5000);
        assert_ok(made.call->graph_launch(made.device, graph));
        expect_copied(&made, turn * 5000);
    }
    made.call->graph_destroy(made.device, graph);
    made.call->graph_destroy(made.device, NULL);
    free_copies(&made);
}

Test(cuda_device, a_recording_can_be_thrown_away)
{
    need_cuda();
    copies made = make_copies();
    upload(&made, HPAC_QUEUE_COMPUTE, 1);
    assert_ok(copy(&made));
    expect_copied(&made, 1);
    upload(&made, HPAC_QUEUE_COMPUTE, 2);
    assert_ok(made.call->graph_begin(made.device));
    assert_ok(copy(&made));
    assert_ok(made.call->graph_end(made.device, NULL));
    expect_copied(&made, 1);
    assert_ok(copy(&made));
    expect_copied(&made, 2);
    free_copies(&made);
}

/* The first kernel runs when the device opens. */
Test(cuda_device, says_that_a_failed_kernel_ends_the_run)
{
    need_cuda();
    set_for_simulator("CUDASIM_FAIL_KERNEL", "2");
    hpac_device *device = open_deterministic();
    need_simulator(device);
    hpac_status status = device->ops->set_step(device, &(hpac_step){.seed = 1, .step = 1});
    if (status == HPAC_OK) /* it reports this when it has run, at the earliest */
        status = device->ops->synchronize(device);
    cr_expect_eq(status, HPAC_ERR_DEVICE);
    expect_message(": cudaError");
    expect_message("start the run again (--resume");
    cr_expect_eq(device->ops->set_step(device, &(hpac_step){.seed = 1, .step = 2}),
                 HPAC_ERR_DEVICE);
    expect_message("start the run again (--resume");
    device->ops->close(device);
}
