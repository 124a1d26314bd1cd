/*
 * Runs the blocks of a kernel one after another. A fiber begins the threads of a block in turn; it
 * goes on to the next thread when one ends, so that a kernel that never waits costs one call per
 * thread. When a thread waits its fiber sleeps, and another one begins the next threads: the rest
 * of the warp first. Then the sleepers of that warp go on as far as they can, then comes the next
 * warp.
 */
#include "executor.h"

#include "runtime.h"

#include <link.h>
#include <string.h>
#include <sys/mman.h>

#define POISON 0xff /* of shared memory: a NaN, an index out of bounds */

typedef struct warp_request {
    unsigned mask;
    int source, line;
    uint64_t value;
} warp_request;

cudasim_block_state cudasim_block;

static void **kernel_arguments;
static unsigned thread_count;
static fiber *sleeping[CUDASIM_MAX_THREADS];
static int barrier_line;
static warp_request requests[CUDASIM_MAX_THREADS];
static uint32_t arrivals[CUDASIM_MAX_THREADS / CUDASIM_WARP]; /* lanes that wait for lanes */
static bool moved; /* a thread went on since the scheduler looked last */

static uint3 place_of_thread(unsigned linear)
{
    dim3 block = cudasim_block.block_dim;
    return (uint3){linear % block.x, linear / block.x % block.y, linear / (block.x * block.y)};
}

/* ---- waiting ---- */

/* The end of its warp in the order in which threads begin. */
static unsigned end_of_warp(unsigned linear)
{
    unsigned first = linear - linear % CUDASIM_WARP, end = first + CUDASIM_WARP;
    if (runtime.reverse)
        return thread_count - first;
    return end < thread_count ? end : thread_count;
}

static void sleep_until_resumed(void)
{
    uint3 thread = cudasim_block.thread;
    unsigned linear = cudasim_block.linear, end = end_of_warp(linear);
    if (cudasim_block.stop > end)
        cudasim_block.stop = end;
    sleeping[linear] = fiber_current();
    fiber_pause();
    cudasim_block.thread = thread;
    cudasim_block.linear = linear;
}

void cudasim_fail_early_end(void)
{
    cudasim_fail("the thread ended while %u others wait at __syncthreads() in line %d",
                 cudasim_block.waiting, barrier_line);
}

void cudasim_sync_block(int line)
{
    cudasim_block_state *block = &cudasim_block;
    if (block->ended > 0)
        cudasim_fail("__syncthreads() in line %d after %u threads of the block have ended", line,
                     block->ended);
    if (block->waiting > 0 && line != barrier_line)
        cudasim_fail("__syncthreads() in line %d while %u threads wait at the one in line %d", line,
                     block->waiting, barrier_line);
    barrier_line = line;
    if (block->waiting + 1 == thread_count) {
        block->waiting = 0;
        memset(block->states, CUDASIM_RUNNABLE, thread_count);
        return;
    }
    block->states[block->linear] = CUDASIM_AT_BARRIER;
    block->waiting++;
    sleep_until_resumed();
}

static void check_request(const warp_request *request, unsigned lane, unsigned first)
{
    unsigned lanes = thread_count - first < CUDASIM_WARP ? thread_count - first : CUDASIM_WARP;
    if ((request->mask >> lane & 1) == 0)
        cudasim_fail("line %d: lane %u is not in its own mask %08x", request->line, lane,
                     request->mask);
    if (lanes < CUDASIM_WARP && request->mask >> lanes != 0)
        cudasim_fail("line %d: mask %08x names lanes beyond the block's %u threads", request->line,
                     request->mask, thread_count);
    if (request->source >= 0 && (request->mask >> request->source & 1) == 0)
        cudasim_fail("line %d: a shuffle reads lane %d, which is not in mask %08x", request->line,
                     request->source, request->mask);
}

/* The lanes that wait for each other must do so at the same place, and all of them must come. */
static void check_lanes(unsigned linear)
{
    const warp_request *mine = &requests[linear];
    unsigned lane = linear % CUDASIM_WARP, first = linear - lane;
    for (unsigned rest = mine->mask; rest != 0; rest &= rest - 1) {
        unsigned other = (unsigned)__builtin_ctz(rest);
        const warp_request *request = &requests[first + other];
        unsigned char state = cudasim_block.states[first + other];
        if (state == CUDASIM_ENDED)
            cudasim_fail("line %d: mask %08x names lane %u, which has ended", mine->line,
                         mine->mask, other);
        if (state == CUDASIM_AT_BARRIER)
            cudasim_fail("line %d: mask %08x names lane %u, which waits at __syncthreads()",
                         mine->line, mine->mask, other);
        if (request->mask != mine->mask || request->line != mine->line)
            cudasim_fail("lanes %u and %u wait for each other in lines %d and %d, with masks %08x "
                         "and %08x",
                         lane, other, mine->line, request->line, mine->mask, request->mask);
    }
}

/* Gives every lane of the mask what it asked for, and lets it go on. */
static void answer(unsigned mask, unsigned first)
{
    uint64_t values[CUDASIM_WARP] = {0}, bits = 0;
    for (unsigned rest = mask; rest != 0; rest &= rest - 1) {
        unsigned lane = (unsigned)__builtin_ctz(rest);
        values[lane] = requests[first + lane].value;
        bits |= (values[lane] & 1) << lane;
    }
    for (unsigned rest = mask; rest != 0; rest &= rest - 1) {
        unsigned lane = (unsigned)__builtin_ctz(rest);
        warp_request *request = &requests[first + lane];
        request->value = request->source < 0 ? bits : values[request->source];
        cudasim_block.states[first + lane] = CUDASIM_RUNNABLE;
    }
}

uint64_t cudasim_exchange(unsigned mask, uint64_t value, int source, int line)
{
    unsigned linear = cudasim_block.linear, lane = linear % CUDASIM_WARP, first = linear - lane;
    warp_request *mine = &requests[linear];
    *mine = (warp_request){.mask = mask, .source = source, .line = line, .value = value};
    check_request(mine, lane, first);
    cudasim_block.states[linear] = CUDASIM_AT_WARP;
    uint32_t *arrived = &arrivals[linear / CUDASIM_WARP];
    *arrived |= 1u << lane;
    if ((*arrived & mask) == mask) {
        check_lanes(linear);
        *arrived &= ~mask;
        answer(mask, first);
    } else {
        sleep_until_resumed();
    }
    return requests[linear].value;
}

/* ---- the scheduler ---- */

static void run_fiber(void)
{
    for (;;) {
        cudasim_block.host_kernel->run_threads(kernel_arguments);
        fiber_idle();
    }
}

/* Lets the sleepers from `first` on, at most a warp, go on until each waits or has ended. */
static void resume_warp(unsigned first)
{
    unsigned end = first + CUDASIM_WARP < thread_count ? first + CUDASIM_WARP : thread_count;
    for (bool again = true; again;) {
        again = false;
        for (unsigned i = 0; i < end - first; i++) {
            unsigned linear = runtime.reverse ? end - 1 - i : first + i;
            if (sleeping[linear] == NULL || cudasim_block.states[linear] != CUDASIM_RUNNABLE)
                continue;
            fiber *resumed = sleeping[linear];
            sleeping[linear] = NULL;
            fiber_resume(resumed);
            again = moved = true;
        }
    }
}

/* Begins threads until all have begun, or some of a warp wait; then those go on. */
static void begin_threads(void)
{
    cudasim_block_state *block = &cudasim_block;
    unsigned first = block->next;
    block->stop = thread_count;
    while (block->next < block->stop)
        fiber_resume(fiber_take(run_fiber));
    moved = true;
    if (block->ended == block->next)
        return;
    for (; first < block->next; first = end_of_warp(block->order[first].linear)) {
        unsigned linear = block->order[first].linear;
        resume_warp(linear - linear % CUDASIM_WARP);
    }
}

static void report_deadlock(void)
{
    for (unsigned linear = 0; linear < thread_count; linear++)
        if (cudasim_block.states[linear] == CUDASIM_AT_WARP) {
            cudasim_block.thread = place_of_thread(linear);
            check_lanes(linear);
        }
    cudasim_fail("deadlock: of %u threads %u have ended and %u wait at __syncthreads()",
                 thread_count, cudasim_block.ended, cudasim_block.waiting);
}

static void run_block(void)
{
    cudasim_block_state *block = &cudasim_block;
    block->next = block->ended = block->waiting = 0;
    memset(block->states, CUDASIM_NEW, thread_count);
    memset(arrivals, 0, sizeof arrivals);
    while (block->ended < thread_count) {
        moved = false;
        if (block->next < thread_count)
            begin_threads();
        else
            for (unsigned i = 0; i < thread_count; i += CUDASIM_WARP)
                resume_warp(runtime.reverse ? (thread_count - 1) / CUDASIM_WARP * CUDASIM_WARP - i
                                            : i);
        if (!moved)
            report_deadlock();
    }
}

/* ---- shared memory and places ---- */

typedef struct shared_region {
    const void *inside; /* an address in it */
    unsigned char *start;
    size_t nbytes;
} shared_region;

static int find_region(struct dl_phdr_info *info, size_t info_nbytes, void *found)
{
    (void)info_nbytes;
    shared_region *region = found;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        unsigned char *start = info->dlpi_tls_data;
        if (header->p_type != PT_TLS || start == NULL)
            continue;
        const unsigned char *inside = region->inside;
        if (inside < start || inside >= start + header->p_memsz)
            continue;
        region->start = start;
        region->nbytes = header->p_memsz;
        return 1;
    }
    return 0;
}

/* Every __shared__ variable of a library of host builds: they are thread-local, nothing else there
 * is. */
static shared_region static_shared(const cudasim_host_kernel *host_kernel)
{
    shared_region region = {.inside = host_kernel->touch_shared()};
    if (dl_iterate_phdr(find_region, &region) == 0)
        cudasim_fail("the shared memory of the host builds was not found");
    return region;
}

/* At the end of a page that is followed by none. */
static void *dynamic_shared(size_t nbytes)
{
    static unsigned char *memory;
    if (memory == NULL) {
        memory = mmap(NULL, 2 * CUDASIM_DYNAMIC_NBYTES, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED ||
            mprotect(memory, CUDASIM_DYNAMIC_NBYTES, PROT_READ | PROT_WRITE) != 0)
            cudasim_fail("no host memory for shared memory");
        cudasim_block.shared_end = memory + CUDASIM_DYNAMIC_NBYTES;
    }
    return memory + CUDASIM_DYNAMIC_NBYTES - (nbytes + 15) / 16 * 16;
}

static void order_threads(void)
{
    for (unsigned i = 0; i < thread_count; i++) {
        unsigned linear = runtime.reverse ? thread_count - 1 - i : i;
        cudasim_block.order[i] = (cudasim_thread){place_of_thread(linear), linear};
    }
}

static uint3 place_of_block(dim3 grid, uint64_t number)
{
    uint64_t row = number / grid.x;
    return (uint3){(unsigned)(number % grid.x), (unsigned)(row % grid.y), (unsigned)(row / grid.y)};
}

void executor_run(const cudasim_host_kernel *host_kernel, dim3 grid, dim3 block,
                  size_t shared_nbytes, void **arguments)
{
    kernel_arguments = arguments;
    thread_count = block.x * block.y * block.z;
    cudasim_block.host_kernel = host_kernel;
    cudasim_block.grid_dim = grid;
    cudasim_block.block_dim = block;
    cudasim_block.shared_nbytes = shared_nbytes;
    cudasim_block.dynamic_shared = dynamic_shared(shared_nbytes);
    order_threads();
    shared_region shared = static_shared(host_kernel);
    uint64_t blocks = (uint64_t)grid.x * grid.y * grid.z;
    for (uint64_t i = 0; i < blocks; i++) {
        cudasim_block.block = place_of_block(grid, runtime.reverse ? blocks - 1 - i : i);
        memset(shared.start, POISON, shared.nbytes);
        if (shared_nbytes > 0)
            memset(cudasim_block.dynamic_shared, POISON, shared_nbytes);
        run_block();
    }
    cudasim_block.host_kernel = NULL;
}
