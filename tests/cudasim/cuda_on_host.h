/*
 * Lets g++ compile CUDA kernels for the host: included before them (-include), it gives the words
 * of CUDA C++ their meaning in the executor, one thread of a block at a time.
 *
 * A kernel needs nothing for that but external linkage, and DYN_SHARED(type, name) where it would
 * declare `extern __shared__ type name[]`. HOST_KERNEL(kernel) makes it known,
 * HOST_KERNEL(kernel<int>) an instance of a template.
 */
#ifndef CUDA_ON_HOST_H
#define CUDA_ON_HOST_H

#include "host_kernel_fields.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>
#include <cuda_runtime.h>

/* ---- declarations ----
 * Shared variables are thread-local because that gathers them in one place, which the executor
 * poisons before each block; there is one block at a time. */
#undef __shared__
#undef __forceinline__
#undef __launch_bounds__
#define __shared__ static __thread
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define DYN_SHARED(type, name) type *name = static_cast<type *>(cudasim_block.dynamic_shared)

#define threadIdx (cudasim_block.thread)
#define blockIdx (cudasim_block.block)
#define blockDim (cudasim_block.block_dim)
#define gridDim (cudasim_block.grid_dim)

/* ---- waiting ---- */

static inline void __syncthreads(int line = __builtin_LINE())
{
    cudasim_sync_block(line);
}

template <typename T> static inline T cudasim_shuffle(unsigned mask, T value, int source, int line)
{
    static_assert(sizeof(T) <= sizeof(uint64_t) && std::is_trivially_copyable<T>::value,
                  "a shuffle moves 4 or 8 bytes");
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof value);
    bits = cudasim_exchange(mask, bits, source, line);
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

static inline int cudasim_lane()
{
    return static_cast<int>(cudasim_block.linear % CUDASIM_WARP);
}

/* A lane whose source lies outside its part of `width` lanes gets its own value. */
template <typename T>
static inline T __shfl_sync(unsigned mask, T value, int source, int width = CUDASIM_WARP,
                            int line = __builtin_LINE())
{
    int first = cudasim_lane() & ~(width - 1);
    return cudasim_shuffle(mask, value, first + (source & (width - 1)), line);
}

template <typename T>
static inline T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = CUDASIM_WARP,
                                 int line = __builtin_LINE())
{
    int lane = cudasim_lane(), source = lane + static_cast<int>(delta);
    bool inside = (lane & (width - 1)) + static_cast<int>(delta) < width;
    return cudasim_shuffle(mask, value, inside ? source : lane, line);
}

template <typename T>
static inline T __shfl_xor_sync(unsigned mask, T value, int bits, int width = CUDASIM_WARP,
                                int line = __builtin_LINE())
{
    int lane = cudasim_lane(), source = lane ^ bits;
    bool inside = (source & ~(width - 1)) <= (lane & ~(width - 1));
    return cudasim_shuffle(mask, value, inside ? source : lane, line);
}

static inline unsigned __ballot_sync(unsigned mask, int predicate, int line = __builtin_LINE())
{
    return static_cast<unsigned>(cudasim_exchange(mask, predicate != 0, -1, line));
}

/* ---- atomics: one thread runs at a time ---- */

template <typename T, typename U> static inline T atomicAdd(T *address, U value)
{
    static_assert(!std::is_floating_point<T>::value,
                  "atomic float sums differ from run to run: reduce in a fixed order");
    T old = *address;
    *address = static_cast<T>(old + static_cast<T>(value));
    return old;
}

/* ---- bits ---- */

template <typename To, typename From> static inline To cudasim_bits(From value)
{
    static_assert(sizeof(To) == sizeof(From), "the same bits");
    To bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline unsigned __float_as_uint(float value)
{
    return cudasim_bits<unsigned>(value);
}

static inline float __uint_as_float(unsigned bits)
{
    return cudasim_bits<float>(bits);
}

/* ---- host builds ----
 * The arguments come as copies of what the launch was given; each thread gets its own. */

static inline void *cudasim_touch_shared()
{
    static __thread char marker;
    return &marker;
}

template <auto kernel> struct cudasim_registration;

template <typename... A, void (*kernel)(A...)> struct cudasim_registration<kernel> {
    static_assert(sizeof...(A) <= CUDASIM_MAX_ARGUMENTS,
                  "more arguments than the simulator expects");
    template <size_t... I> static void run(void **values, std::index_sequence<I...>)
    {
        while (cudasim_begin_thread()) {
            kernel(*static_cast<A *>(values[I])...);
            cudasim_end_thread();
        }
    }

    static void run_threads(void **values)
    {
        run(values, std::make_index_sequence<sizeof...(A)>());
    }

    explicit cudasim_registration(const char *name)
    {
        static const cudasim_argument arguments[] = {cudasim_argument_of<A>()..., {}};
        static cudasim_host_kernel host_kernel = {name,
                                                  reinterpret_cast<const void *>(kernel),
                                                  run_threads,
                                                  cudasim_touch_shared,
                                                  static_cast<int>(sizeof...(A)),
                                                  arguments,
                                                  nullptr,
                                                  nullptr};
        cudasim_add_host_kernel(&host_kernel);
    }
};

#define CUDASIM_JOIN2(a, b) a##b
#define CUDASIM_JOIN(a, b) CUDASIM_JOIN2(a, b)
#define HOST_KERNEL(...)                                                                           \
    static const cudasim_registration<__VA_ARGS__> CUDASIM_JOIN(cudasim_registration_,             \
                                                                __COUNTER__)(#__VA_ARGS__)

#endif
