/* What the launchers (*.cu) share. Host code. */
#ifndef HPAC_KERNELS_LAUNCH_H
#define HPAC_KERNELS_LAUNCH_H

#include "common.cuh"

static inline uint64_t tensor_pixels(const kernel_tensor *tensor)
{
    return (uint64_t)tensor->rows * (uint64_t)tensor->cols;
}

static inline uint64_t tensor_count(const kernel_tensor *tensor)
{
    return (uint64_t)tensor->batch * tensor_pixels(tensor) * (uint64_t)tensor->channels;
}

/* Of the image in memory, of which a view has some. */
static inline uint64_t image_channels(const kernel_tensor *tensor)
{
    return (uint64_t)(tensor->wide_channels ? tensor->wide_channels : tensor->channels);
}

/* Whether memory order is another than NHWC. */
static inline bool has_planes(const kernel_tensor *tensor)
{
    return tensor->nchw && image_channels(tensor) > 1 && tensor_pixels(tensor) > 1;
}

/* Values from one image's first to the next one's. */
static inline uint64_t image_step(const kernel_tensor *tensor)
{
    return image_channels(tensor) * tensor_pixels(tensor);
}

/* Images as planes of pixels of several values: NHWC has a plane per image, whose pixels are all
 * channels, NCHW a plane per channel. */
static inline uint64_t tensor_planes(const kernel_tensor *tensor)
{
    return (uint64_t)tensor->batch * (tensor->nchw ? (uint64_t)tensor->channels : 1);
}

static inline uint32_t tensor_inner(const kernel_tensor *tensor)
{
    return tensor->nchw ? 1 : (uint32_t)tensor->channels;
}

static inline uint64_t divide_up(uint64_t value, uint64_t by)
{
    return (value + by - 1) / by;
}

/* Blocks for one thread per item. */
static inline unsigned blocks_for(uint64_t items)
{
    return (unsigned)divide_up(items, KERNEL_THREADS);
}

/* The largest power of two up to `limit` that is not above what `needed` rounds up to. */
static inline unsigned power_of_two(uint64_t needed, unsigned limit)
{
    unsigned power = 1;
    while (power < needed && power < limit)
        power *= 2;
    return power;
}

/* Lines of values, `step` from one's first to the next one's. */
struct line_address {
    const void *first;
    uint64_t step;
};

template <typename T> static inline bool is_aligned(const void *address)
{
    return (uintptr_t)address % (4 * sizeof(T)) == 0;
}

template <typename T> static inline bool is_aligned(line_address lines)
{
    return is_aligned<T>(lines.first) && lines.step % 4 == 0;
}

/* Whether each address is aligned to four values of type T. */
template <typename T, typename... ADDRESS> static inline bool fours_aligned(ADDRESS... addresses)
{
    return (is_aligned<T>(addresses) && ...);
}

/* launch(T()) with the type of a tensor's numbers. */
template <typename LAUNCH> static inline cudaError_t with_type(bool bf16, LAUNCH launch)
{
    return bf16 ? launch(bfloat()) : launch(float());
}

/* ---- sums over a tensor's channels, distributed over blocks: bias.cu, maxpool.cu ---- */

/* Per channel; more cost more in the second kernel than they save in the first. */
#define MAX_PARTIALS 1024
/* Min. items per thread before the grid grows. */
#define ITEMS_PER_THREAD 8

struct sum_grid {
    dim3 threads, blocks;
    size_t shared_nbytes;
    unsigned parts; /* partial sums per channel */
};

static inline unsigned limit_parts(uint64_t parts, uint64_t limit)
{
    const uint64_t at_most = limit < MAX_PARTIALS ? limit : MAX_PARTIALS;
    return (unsigned)(parts < at_most ? parts : at_most);
}

/* Blocks of (columns, rows) of threads, of `count` neighboring channels each. */
static inline sum_grid share_rows(uint64_t rows, uint32_t channels, unsigned count)
{
    const uint64_t across = divide_up(channels, count);
    const unsigned columns = power_of_two(across, 32), down = KERNEL_THREADS / columns;
    sum_grid grid;
    grid.parts =
        limit_parts(divide_up(rows ? rows : 1, (uint64_t)down * ITEMS_PER_THREAD), MAX_PARTIALS);
    grid.threads = dim3(columns, down);
    grid.blocks = dim3(grid.parts, (unsigned)divide_up(across, columns));
    grid.shared_nbytes = KERNEL_THREADS * count * sizeof(float);
    return grid;
}

/* Blocks of one channel, which is blocks.x. About 4096 blocks are several per resident block on the
 * largest GPUs. */
static inline sum_grid share_planes(uint64_t items, uint32_t channels)
{
    sum_grid grid;
    grid.parts = limit_parts(divide_up(items ? items : 1, KERNEL_THREADS * ITEMS_PER_THREAD),
                             divide_up(4096, channels));
    grid.threads = dim3(KERNEL_THREADS);
    grid.blocks = dim3(channels, grid.parts);
    grid.shared_nbytes = KERNEL_THREADS / 32 * sizeof(float);
    return grid;
}

/* Adds `count` partial sums per channel: bias.cu. */
cudaError_t hpac_kernel_sum_partials(float *gradient, const float *partials, unsigned count,
                                     unsigned channels, cudaStream_t stream);

/* Where blocks write their sums: to the gradient itself if there is one block per channel. NULL
 * gradient: no sums are wanted. */
static inline float *sums_of(float *gradient, void *partials, const sum_grid &grid)
{
    return gradient && grid.parts > 1 ? (float *)partials : gradient;
}

/* After the launch that writes them: its error, or the second kernel that adds partial sums. */
static inline cudaError_t finish_sums(float *gradient, const void *partials, const sum_grid &grid,
                                      unsigned channels, cudaStream_t stream)
{
    const cudaError_t error = cudaGetLastError();
    if (error != cudaSuccess || !gradient || grid.parts == 1)
        return error;
    return hpac_kernel_sum_partials(gradient, (const float *)partials, grid.parts, channels,
                                    stream);
}

#endif
