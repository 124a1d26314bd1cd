/*
 * The memory of the simulator.
 *
 * Device memory has two ranges of addresses: the one that the program is given, PROT_NONE for
 * ever, and its shadow, where kernels and copies work. Pinned memory has one. In each range blocks
 * are given out one after another and never again; every block ends on the border of a page that
 * is no one's, and begins with all bits set, which is a NaN in any format of floats.
 */
#include "runtime.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE ((size_t)4096)
#define ALIGNMENT ((size_t)256) /* what cudaMalloc promises */
#define GAP ((size_t)1 << 16)   /* between blocks, at least */
#define FILLING 0xff
#define AREA_NBYTES ((size_t)1 << 40)

typedef struct area {
    const char *name;
    unsigned char *start, *shadow; /* the same of pinned memory */
    size_t used;                   /* given out, gaps too */
    memory_block *blocks;          /* by address */
    size_t count, capacity;
} area;

static area areas[] = {[MEMORY_DEVICE] = {.name = "device"}, [MEMORY_PINNED] = {.name = "pinned"}};

static size_t taken_nbytes; /* by another process */

static size_t round_up(size_t n, size_t unit)
{
    return (n + unit - 1) / unit * unit;
}

static unsigned char *reserve(void)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *start = mmap(NULL, AREA_NBYTES, PROT_NONE, flags, -1, 0);
    if (start == MAP_FAILED)
        cudasim_fail("no range of %zu addresses for the CUDA simulator's memory", AREA_NBYTES);
    return start;
}

static void reserve_areas(void)
{
    if (areas[MEMORY_DEVICE].start != NULL)
        return;
    areas[MEMORY_DEVICE].start = reserve();
    areas[MEMORY_DEVICE].shadow = reserve();
    areas[MEMORY_PINNED].start = reserve();
    areas[MEMORY_DEVICE].used = areas[MEMORY_PINNED].used = GAP;
    areas[MEMORY_PINNED].shadow = areas[MEMORY_PINNED].start;
}

bool memory_holds(memory_kind kind, const void *address)
{
    const unsigned char *byte = address, *start = areas[kind].start;
    return start != NULL && byte >= start && byte < start + AREA_NBYTES;
}

void *memory_shadow(const void *address)
{
    const area *device = &areas[MEMORY_DEVICE];
    return device->shadow + ((const unsigned char *)address - device->start);
}

const void *memory_unshadow(const void *shadow)
{
    const area *device = &areas[MEMORY_DEVICE];
    const unsigned char *byte = shadow;
    if (device->shadow == NULL || byte < device->shadow || byte >= device->shadow + AREA_NBYTES)
        return NULL;
    return device->start + (byte - device->shadow);
}

/* The last block that begins at or before the address. */
static memory_block *block_before(const area *from, const void *address)
{
    size_t low = 0, high = from->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (from->blocks[middle].pages <= (const unsigned char *)address)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? NULL : &from->blocks[low - 1];
}

const memory_block *memory_find(memory_kind kind, const void *address)
{
    const memory_block *block = block_before(&areas[kind], address);
    const unsigned char *byte = address;
    if (block == NULL || byte < block->start || byte > block->start + block->nbytes)
        return NULL;
    return block;
}

static unsigned char *shadow_of(const area *of, const unsigned char *address)
{
    return of->shadow + (address - of->start);
}

/* The next block of the area, filled. */
static memory_block *append_block(area *to, size_t nbytes, const void *caller)
{
    if (to->count == to->capacity) {
        to->capacity = to->capacity == 0 ? 256 : to->capacity * 2;
        to->blocks = realloc(to->blocks, to->capacity * sizeof *to->blocks);
        if (to->blocks == NULL)
            cudasim_fail("no host memory for the list of blocks");
    }
    size_t taken = round_up(nbytes, ALIGNMENT), pages_nbytes = round_up(taken, PAGE);
    if (to->used + 2 * pages_nbytes + GAP > AREA_NBYTES)
        cudasim_fail("all addresses for %s memory are used up", to->name);
    unsigned char *pages = to->start + to->used;
    memory_block *block = &to->blocks[to->count++];
    *block = (memory_block){.start = pages + pages_nbytes - taken,
                            .nbytes = nbytes,
                            .pages = pages,
                            .pages_nbytes = pages_nbytes,
                            .caller = caller,
                            .device = device_current(),
                            .live = true};
    /* A gap as large as the block: an index that is twice too large falls into it. */
    to->used += pages_nbytes + (pages_nbytes > GAP ? pages_nbytes : GAP);
    if (mprotect(shadow_of(to, pages), pages_nbytes, PROT_READ | PROT_WRITE) != 0)
        cudasim_fail("the host has no %zu bytes for %s memory", nbytes, to->name);
    memset(shadow_of(to, pages), FILLING, pages_nbytes);
    return block;
}

/* Of the current device's memory. */
static size_t free_nbytes(void)
{
    size_t left = runtime.memory_nbytes - runtime_counts[device_current()].live_nbytes;
    return left - (taken_nbytes < left ? taken_nbytes : left);
}

void cudasim_take_memory(uint64_t nbytes)
{
    runtime_lock();
    taken_nbytes = nbytes;
    (void)runtime_return(cudaSuccess);
}

static cudaError_t allocate(memory_kind kind, void **address, size_t nbytes, const void *caller)
{
    cudaError_t refused = capture_refuse();
    if (refused != cudaSuccess)
        return refused;
    if (address == NULL)
        return cudaErrorInvalidValue;
    *address = NULL;
    if (nbytes == 0)
        return cudaSuccess;
    reserve_areas();
    bool device = kind == MEMORY_DEVICE;
    cudasim_counts *counts = &runtime_counts[device_current()];
    if (device && nbytes > free_nbytes())
        return cudaErrorMemoryAllocation;
    *address = append_block(&areas[kind], nbytes, caller)->start;
    counts->allocations++;
    counts->live_nbytes += device ? nbytes : 0;
    return cudaSuccess;
}

void memory_check_slack(memory_kind kind, const memory_block *block, const char *when)
{
    const unsigned char *pages = shadow_of(&areas[kind], block->pages);
    const unsigned char *end = pages + block->pages_nbytes;
    const unsigned char *start = pages + (block->start - block->pages);
    for (const unsigned char *byte = pages; byte < end; byte++) {
        if (byte == start)
            byte += block->nbytes;
        if (byte < end && *byte != FILLING) {
            char text[300];
            memory_describe(kind, block->pages + (byte - pages), text, sizeof text);
            cudasim_fail("%s memory out of bounds: written %s: %s", areas[kind].name, when, text);
        }
    }
}

/* Waits for everything first, as the real functions do. */
static cudaError_t release(memory_kind kind, void *address, const char *caller)
{
    cudaError_t refused = capture_refuse();
    if (refused != cudaSuccess)
        return refused;
    if (address == NULL)
        return cudaSuccess;
    stream_run_all(false);
    memory_block *block = block_before(&areas[kind], address);
    if (!memory_holds(kind, address) || block == NULL || block->start != address) {
        char text[300];
        memory_kind other = memory_holds(MEMORY_DEVICE, address) ? MEMORY_DEVICE : MEMORY_PINNED;
        memory_describe(other, address, text, sizeof text);
        cudasim_fail("%s: not the start of a block of %s memory: %s", caller, areas[kind].name,
                     text);
    }
    if (!block->live)
        cudasim_fail("%s: freed twice: the %zu bytes at %p", caller, block->nbytes, address);
    memory_check_slack(kind, block, "before it was freed");
    unsigned char *pages = shadow_of(&areas[kind], block->pages);
    mprotect(pages, block->pages_nbytes, PROT_NONE);
    madvise(pages, block->pages_nbytes, MADV_DONTNEED);
    block->live = false;
    cudasim_counts *counts = &runtime_counts[block->device];
    counts->frees++;
    counts->live_nbytes -= kind == MEMORY_DEVICE ? block->nbytes : 0;
    return cudaSuccess;
}

/* The block that the address lies in, or the nearer one of its neighbors. */
static const memory_block *nearest_block(const area *from, const void *address)
{
    const unsigned char *byte = address;
    const memory_block *before = block_before(from, address);
    const memory_block *after = before == NULL ? from->blocks : before + 1;
    if (after == from->blocks + from->count)
        return before;
    if (before == NULL)
        return after;
    return after->start - byte < byte - (before->start + before->nbytes) ? after : before;
}

void memory_describe(memory_kind kind, const void *address, char *text, size_t text_nbytes)
{
    const memory_block *block = NULL;
    if (memory_holds(kind, address))
        block = nearest_block(&areas[kind], address);
    if (block == NULL) {
        snprintf(text, text_nbytes, "%p was never given out", address);
        return;
    }
    long offset = (long)((const unsigned char *)address - block->start);
    long size = (long)block->nbytes;
    const char *freed = block->live ? "" : "freed ";
    if (offset < 0)
        snprintf(text, text_nbytes, "%p is %ld bytes before the %s%ld bytes at %p", address,
                 -offset, freed, size, (void *)block->start);
    else if (offset >= size)
        snprintf(text, text_nbytes, "%p is %ld bytes past the end of the %s%ld bytes at %p",
                 address, offset - size, freed, size, (void *)block->start);
    else
        snprintf(text, text_nbytes, "%p is byte %ld of the %s%ld bytes at %p", address, offset,
                 freed, size, (void *)block->start);
}

void memory_report_leaks(void)
{
    for (int kind = MEMORY_DEVICE; kind <= MEMORY_PINNED; kind++)
        for (size_t i = 0; i < areas[kind].count; i++) {
            const memory_block *block = &areas[kind].blocks[i];
            if (!block->live)
                continue;
            memory_check_slack((memory_kind)kind, block, "before the program ended");
            Dl_info caller = {0};
            dladdr(block->caller, &caller);
            long place = (const char *)block->caller - (const char *)caller.dli_fbase;
            report_leak("%zu bytes of %s memory, allocated by %s+0x%lx (%s)", block->nbytes,
                        areas[kind].name, caller.dli_fname, place,
                        caller.dli_sname != NULL ? caller.dli_sname : "?");
        }
}

void *cudasim_memory(const void *address, size_t nbytes, const char *what, ...)
{
    const memory_block *block = memory_find(MEMORY_DEVICE, address);
    const unsigned char *byte = address;
    if (block != NULL && block->live && nbytes <= (size_t)(block->start + block->nbytes - byte))
        return memory_shadow(address);
    char name[200], text[300];
    va_list arguments;
    va_start(arguments, what);
    vsnprintf(name, sizeof name, what, arguments);
    va_end(arguments);
    if (memory_holds(MEMORY_PINNED, address))
        cudasim_fail("%s: pinned host memory where device memory is wanted", name);
    memory_describe(MEMORY_DEVICE, address, text, sizeof text);
    cudasim_fail("%s: %zu bytes wanted: %s", name, nbytes, text);
}

void cudasim_check_device(const void *address, int device, const char *what)
{
    const memory_block *block = memory_find(MEMORY_DEVICE, address);
    if (block != NULL && block->device != device)
        cudasim_fail("%s: memory of GPU %d in an operation on GPU %d", what, block->device, device);
}

cudaError_t cudaMalloc(void **address, size_t nbytes)
{
    RUNTIME_CALL();
    const void *caller = __builtin_return_address(0);
    return runtime_return(allocate(MEMORY_DEVICE, address, nbytes, caller));
}

cudaError_t cudaMallocHost(void **address, size_t nbytes)
{
    RUNTIME_CALL();
    const void *caller = __builtin_return_address(0);
    return runtime_return(allocate(MEMORY_PINNED, address, nbytes, caller));
}

/* The flags choose how the host's memory is mapped: nothing of it shows here. */
cudaError_t cudaHostAlloc(void **address, size_t nbytes, unsigned flags)
{
    RUNTIME_CALL();
    const unsigned known = cudaHostAllocPortable | cudaHostAllocMapped | cudaHostAllocWriteCombined;
    const void *caller = __builtin_return_address(0);
    return runtime_return((flags & ~known) != 0 ? cudaErrorInvalidValue
                                                : allocate(MEMORY_PINNED, address, nbytes, caller));
}

cudaError_t cudaFree(void *address)
{
    cudaError_t failure = runtime_enter(__func__);
    cudaError_t error = release(MEMORY_DEVICE, address, __func__);
    return runtime_return(failure != cudaSuccess ? failure : error);
}

cudaError_t cudaFreeHost(void *address)
{
    cudaError_t failure = runtime_enter(__func__);
    cudaError_t error = release(MEMORY_PINNED, address, __func__);
    return runtime_return(failure != cudaSuccess ? failure : error);
}

cudaError_t cudaMemGetInfo(size_t *available_nbytes, size_t *total_nbytes)
{
    RUNTIME_CALL();
    *total_nbytes = runtime.memory_nbytes;
    *available_nbytes = free_nbytes();
    return runtime_return(cudaSuccess);
}
