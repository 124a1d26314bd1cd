/* The update of all parameters by one of the optimizers of device.h, which has their formulas. */
#ifndef HPAC_KERNELS_UPDATE_CUH
#define HPAC_KERNELS_UPDATE_CUH

#include "common.cuh"

/* Partial sums of the norm. */
#define NORM_PARTS 1024

struct update_arrays {
    const hpac_step *step;
    const hpac_update_range *ranges;
    float *parameters;
    const float *gradients;
    float *first, *second, *accumulated, *average; /* NULL: none */
    const double *scale; /* what clip_norm makes of the gradient; NULL: nothing */
    uint64_t count;
    uint32_t range_count;
    float mean;   /* 1 / accumulate */
    bool aligned; /* four neighbors may be moved at once */
};

/* The optimizer, without what the step and the ranges have. */
struct update_numbers {
    float rho, epsilon, momentum, beta_1, beta_2;
    bool nesterov, decays;
};

__device__ __forceinline__ bool is_nonfinite(float value)
{
    return (__float_as_uint(value) & 0x7f800000U) == 0x7f800000U;
}

/* The range of a parameter: the last that begins there or before. */
__device__ __forceinline__ hpac_update_range find_range(const update_arrays &arrays,
                                                        uint64_t parameter)
{
    uint32_t low = 0, high = arrays.range_count;
    while (high - low > 1) {
        const uint32_t middle = (low + high) / 2;
        if (arrays.ranges[middle].first <= parameter)
            low = middle;
        else
            high = middle;
    }
    return arrays.ranges[low];
}

__device__ __forceinline__ values<4> load_state(const float *at, uint64_t first, int part,
                                                bool aligned)
{
    values<4> none = {};
    return at ? load_part(at + first, part, aligned) : none;
}

__device__ __forceinline__ void store_state(float *at, uint64_t first, values<4> from, int part,
                                            bool aligned)
{
    if (at)
        store_part(at + first, from, part, aligned);
}

/* The gradients of four parameters, before their norm is taken. `sum`: as accumulated so far. */
__device__ __forceinline__ values<4> mean_gradients(const update_arrays &arrays,
                                                    const values<4> &sum, const values<4> &w,
                                                    float l2, uint64_t first, int part)
{
    values<4> g = load_part(arrays.gradients + first, part, arrays.aligned);
#pragma unroll
    for (int i = 0; i < 4; i++) {
        if (arrays.accumulated)
            g.v[i] = (sum.v[i] + g.v[i]) * arrays.mean;
        if (l2 != 0.0F)
            g.v[i] += l2 * w.v[i];
    }
    return g;
}

/* One parameter; `a` and `u` are the first and the second state. */
template <hpac_optimizer_kind KIND>
__device__ __forceinline__ void update_one(const update_numbers &numbers, float rate, float decay,
                                           float g, float &w, float &a, float &u)
{
    if (KIND == HPAC_OPTIMIZER_ADADELTA) {
        const float rest = 1.0F - numbers.rho;
        a = numbers.rho * a + rest * (g * g);
        const float delta = g * sqrtf((u + numbers.epsilon) / (a + numbers.epsilon));
        u = numbers.rho * u + rest * (delta * delta);
        w -= rate * delta;
    } else if (KIND == HPAC_OPTIMIZER_SGD) {
        const float change = -rate * g;
        a = numbers.momentum * a + change;
        w += numbers.nesterov ? numbers.momentum * a + change : a;
    } else {
        if (numbers.decays)
            w -= decay * w;
        a += (1.0F - numbers.beta_1) * (g - a);
        u += (1.0F - numbers.beta_2) * (g * g - u);
        w -= rate * a / (sqrtf(u) + numbers.epsilon);
    }
}

/* Of a step that accumulates: accumulated += gradients, and nothing else. 12 bytes per parameter.
 */
__device__ __forceinline__ void accumulate_four(const update_arrays &arrays, uint64_t first,
                                                int part, uint32_t *nonfinite)
{
    const values<4> g = load_part(arrays.gradients + first, part, arrays.aligned);
    values<4> sum = load_part(arrays.accumulated + first, part, arrays.aligned);
    bool bad = false;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        sum.v[i] += g.v[i];
        bad = bad || is_nonfinite(sum.v[i]);
    }
    store_part(arrays.accumulated + first, sum, part, arrays.aligned);
    if (bad)
        *nonfinite = 1;
}

/*
 * One update of four parameters per thread, one launch for a whole arena. Sets *nonfinite when a
 * new weight or state is not finite: a non-finite gradient makes one so. All threads that set it
 * write the same value. Moves 28 bytes per parameter with two states: 220 MB for the 7.9 million of
 * the improved model, at least 66 us on an H100. Bound by memory; the square root and the division,
 * rounded as on the CPU, are hidden behind it, as is the search for the range, whose table is in
 * the cache and whose branches neighbors take alike. A step that accumulates does nothing but that:
 * which of the two it is a graph does not know.
 */
template <hpac_optimizer_kind KIND>
__global__ void __launch_bounds__(KERNEL_THREADS)
    update_parameters(const update_arrays arrays, const update_numbers numbers,
                      uint32_t *__restrict__ nonfinite)
{
    const uint64_t first = 4 * thread_number();
    const int part = part_of_four(first, arrays.count);
    if (part == 0)
        return;
    const hpac_step step = *arrays.step;
    if (arrays.accumulated && step.accumulates) {
        accumulate_four(arrays, first, part, nonfinite);
        return;
    }
    const hpac_update_range range = find_range(arrays, first);
    const bool aligned = arrays.aligned;
    const float learning_rate = step.learning_rate * range.learning_rate_factor;
    const float decay = learning_rate * range.weight_decay;
    const bool adam = KIND == HPAC_OPTIMIZER_ADAM;
    const float rate = adam ? learning_rate * step.correction : learning_rate;
    const float scale = arrays.scale ? (float)*arrays.scale : 1.0F;
    values<4> sum = load_state(arrays.accumulated, first, part, aligned),
              w = load_part(arrays.parameters + first, part, aligned);
    values<4> g = mean_gradients(arrays, sum, w, range.l2, first, part);
    values<4> a = load_state(arrays.first, first, part, aligned),
              u = load_state(arrays.second, first, part, aligned),
              average = load_state(arrays.average, first, part, aligned);
    const float rest = 1.0F - step.average_momentum;
    bool bad = false;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        update_one<KIND>(numbers, rate, decay, g.v[i] * scale, w.v[i], a.v[i], u.v[i]);
        average.v[i] = step.average_momentum * average.v[i] + rest * w.v[i];
        sum.v[i] = 0.0F;
        bad = bad || is_nonfinite(a.v[i]) || is_nonfinite(u.v[i]) || is_nonfinite(w.v[i]);
    }
    store_state(arrays.first, first, a, part, aligned);
    store_state(arrays.second, first, u, part, aligned);
    store_state(arrays.accumulated, first, sum, part, aligned);
    store_state(arrays.average, first, average, part, aligned);
    store_part(arrays.parameters + first, w, part, aligned);
    if (bad)
        *nonfinite = 1;
}

/*
 * The squares of the gradients, summed by block into partial[block] in a fixed order. A block takes
 * `tiles` consecutive tiles of 4 x KERNEL_THREADS parameters. Moves 4 bytes per parameter (12 with
 * the sums of accumulated gradients and L2): 32 MB for the 7.9 million of the improved model, at
 * least 10 us on an H100. Bound by memory, or by the rate for double.
 */
__global__ void __launch_bounds__(KERNEL_THREADS)
    square_sums(const update_arrays arrays, double *__restrict__ partial, uint64_t tiles)
{
    __shared__ double warp_sums[KERNEL_THREADS / 32];
    double sum = 0;
    if (arrays.accumulated && arrays.step->accumulates)
        return;
    for (uint64_t tile = 0; tile < tiles; tile++) {
        const uint64_t first = 4 * ((blockIdx.x * tiles + tile) * KERNEL_THREADS + threadIdx.x);
        const int part = part_of_four(first, arrays.count);
        if (part == 0)
            continue;
        const float l2 = find_range(arrays, first).l2;
        const values<4> none = {};
        const values<4> w =
            l2 != 0.0F ? load_part(arrays.parameters + first, part, arrays.aligned) : none;
        const values<4> g =
            mean_gradients(arrays, load_state(arrays.accumulated, first, part, arrays.aligned), w,
                           l2, first, part);
#pragma unroll
        for (int i = 0; i < 4; i++)
            sum += (double)g.v[i] * g.v[i];
    }
    sum = block_sum<KERNEL_THREADS>(sum, warp_sums);
    if (threadIdx.x == 0)
        partial[blockIdx.x] = sum;
}

/* min(1, clip_norm / norm), NaN for a norm that is not finite. One block; 8 kB. */
__global__ void __launch_bounds__(KERNEL_THREADS)
    clip_scale(double *__restrict__ scale, const double *__restrict__ partial, uint32_t parts,
               double clip_norm)
{
    __shared__ double warp_sums[KERNEL_THREADS / 32];
    double sum = 0;
    for (uint32_t i = threadIdx.x; i < parts; i += KERNEL_THREADS)
        sum += partial[i];
    sum = block_sum<KERNEL_THREADS>(sum, warp_sums);
    if (threadIdx.x == 0) {
        const double norm = sqrt(sum);
        *scale = (norm > clip_norm ? clip_norm / norm : 1) + (norm - norm);
    }
}

#endif
