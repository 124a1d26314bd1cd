/*
 * Values with coefficients that depend on their channel, and sums of channels; included by
 * kernels_body.h. Value i has the coefficients i mod `period`, a multiple of LANES: a layout with
 * few channels side by side has them several times in a period.
 */

/* A value of x and dx, and of the other arrays. */
typedef struct channel_at {
    size_t x, y;
} channel_at;

/* Where ReLU lets a gradient through: by y, or by what made y, with the same roundings. */
INLINE vec affine_vector(const channel_job *job, channel_at i, size_t j, size_t n)
{
    vec y = (load_part(job->x + i.x, n) - load_part(job->center + j, n)) *
                load_part(job->scale + j, n) +
            load_part(job->shift + j, n);
    return job->side ? y + load_part(job->side + i.y, n) : y;
}

INLINE vec masked_gradient(const channel_job *job, channel_mask mask, channel_at i, size_t j,
                           size_t n)
{
    vec dy = load_part(job->dy + i.y, n);
    if (mask == CHANNEL_MASK_NONE)
        return dy;
    vec y = mask == CHANNEL_MASK_Y ? load_part(job->y + i.y, n) : affine_vector(job, i, j, n);
    return (vec)((ivec)dy & (ivec)(y > splat(0.0F)));
}

/* `body` on all vectors of a range; the last one of a run may be a part. */
#define FOR_VECTORS(body, ...)                                                                     \
    for (size_t run = 0; run < range.runs; run++)                                                  \
        for (size_t begin = 0; begin < range.count; begin += range.period) {                       \
            size_t left = range.count - begin, j = 0;                                              \
            size_t length = left < range.period ? left : range.period;                             \
            size_t x = run * range.x_step + begin, y = run * range.y_step + begin;                 \
            for (; j + LANES <= length; j += LANES)                                                \
                body(__VA_ARGS__, ((channel_at){x + j, y + j}), j, LANES);                         \
            if (j < length)                                                                        \
                body(__VA_ARGS__, ((channel_at){x + j, y + j}), j, length - j);                    \
        }

/* The masks apart, so that none is chosen inside of a loop. */
#define FOR_MASKS(body, ...)                                                                       \
    if (job.mask == CHANNEL_MASK_NONE)                                                             \
        body(&job, CHANNEL_MASK_NONE, __VA_ARGS__);                                                \
    else if (job.mask == CHANNEL_MASK_X)                                                           \
        body(&job, CHANNEL_MASK_X, __VA_ARGS__);                                                   \
    else                                                                                           \
        body(&job, CHANNEL_MASK_Y, __VA_ARGS__);

INLINE void apply_vector(const channel_job *job, bool relu, bool streams, channel_at i, size_t j,
                         size_t n)
{
    vec y = affine_vector(job, i, j, n), zero = splat(0.0F);
    y = relu ? choose(less(y, zero), zero, y) : y;
    if (streams && n == LANES)
        STREAM(job->y + i.y, y);
    else
        store_part(job->y + i.y, y, n);
}

/* Whether every vector of y is aligned. */
INLINE bool may_stream(const channel_job *job, channel_range range)
{
    bool aligned = (uintptr_t)job->y % sizeof(vec) == 0 && range.y_step % LANES == 0;
    return job->streams && aligned;
}

static void channel_apply(const channel_job *shared, channel_range range)
{
    const channel_job job = *shared; /* which no store can change */
    if (may_stream(&job, range)) {
        if (job.relu)
            FOR_VECTORS(apply_vector, &job, true, true)
        else
            FOR_VECTORS(apply_vector, &job, false, true)
        FENCE();
    } else if (job.relu)
        FOR_VECTORS(apply_vector, &job, true, false)
    else
        FOR_VECTORS(apply_vector, &job, false, false)
}

INLINE void dx_vector(const channel_job *job, channel_mask mask, bool by_x, channel_at i, size_t j,
                      size_t n)
{
    vec dx = load_part(job->slope + j, n) * masked_gradient(job, mask, i, j, n);
    if (by_x)
        dx += load_part(job->x_slope + j, n) *
                  (load_part(job->x + i.x, n) - load_part(job->center + j, n)) +
              load_part(job->constant + j, n);
    store_part(job->dx + i.x, job->adds ? load_part(job->dx + i.x, n) + dx : dx, n);
}

INLINE void dx_loop(const channel_job *job, channel_mask mask, channel_range range)
{
    if (job->x_slope)
        FOR_VECTORS(dx_vector, job, mask, true)
    else
        FOR_VECTORS(dx_vector, job, mask, false)
}

static void channel_dx(const channel_job *shared, channel_range range)
{
    const channel_job job = *shared;
    FOR_MASKS(dx_loop, range)
}

INLINE void dside_vector(const channel_job *job, channel_at i, size_t j, size_t n)
{
    vec dz = masked_gradient(job, job->mask, i, j, n);
    if (job->dz)
        store_part(job->dz + i.y, dz, n);
    if (job->dside)
        store_part(job->dside + i.y, job->adds_side ? load_part(job->dside + i.y, n) + dz : dz, n);
}

static void channel_dside(const channel_job *shared, channel_range range)
{
    const channel_job job = *shared;
    FOR_VECTORS(dside_vector, &job)
}

/* ---- sums ----
 *
 * Of GROUP vectors at a time over all periods of all runs: their sums stay in registers. */

enum { GROUP = 4 };

INLINE void add_values(const channel_job *job, channel_mask mask, channel_at i, size_t j, size_t n,
                       vec sums[2])
{
    (void)mask;
    (void)j;
    sums[0] += load_part(job->x + i.x, n);
}

INLINE void add_moments(const channel_job *job, channel_mask mask, channel_at i, size_t j, size_t n,
                        vec sums[2])
{
    (void)mask;
    vec x = load_part(job->x + i.x, n) - load_part(job->center + j, n);
    sums[0] += x;
    sums[1] += x * x;
}

INLINE void add_gradients(const channel_job *job, channel_mask mask, channel_at i, size_t j,
                          size_t n, vec sums[2])
{
    vec dz = masked_gradient(job, mask, i, j, n);
    sums[0] += dz;
    sums[1] += dz * (load_part(job->x + i.x, n) - load_part(job->center + j, n));
}

typedef void add_terms(const channel_job *job, channel_mask mask, channel_at i, size_t j, size_t n,
                       vec sums[2]);

/* The sums of `vectors` vectors from j on; the last period of a run may end within them. */
INLINE void sum_group(const channel_job *job, channel_mask mask, add_terms *terms, size_t j,
                      size_t vectors, channel_range range)
{
    vec sums[GROUP][2] = {{{0}}};
    for (size_t run = 0; run < range.runs; run++) {
        size_t x = run * range.x_step, y = run * range.y_step, i = j;
        for (; i + vectors * LANES <= range.count; i += range.period)
            for (size_t v = 0; v < vectors; v++)
                terms(job, mask, (channel_at){x + i + v * LANES, y + i + v * LANES}, j + v * LANES,
                      LANES, sums[v]);
        for (size_t v = 0; v < vectors && i + v * LANES < range.count; v++) {
            size_t rest = range.count - i - v * LANES;
            terms(job, mask, (channel_at){x + i + v * LANES, y + i + v * LANES}, j + v * LANES,
                  rest < LANES ? rest : LANES, sums[v]);
        }
    }
    for (size_t v = 0; v < vectors; v++) {
        store(job->sums[0] + j + v * LANES, sums[v][0]);
        store(job->sums[1] + j + v * LANES, sums[v][1]);
    }
}

INLINE void sum_all(const channel_job *job, channel_mask mask, add_terms *terms,
                    channel_range range)
{
    size_t j = 0;
    for (; j + GROUP * LANES <= range.period; j += GROUP * LANES)
        sum_group(job, mask, terms, j, GROUP, range);
    for (; j < range.period; j += LANES)
        sum_group(job, mask, terms, j, 1, range);
}

static void channel_sums(const channel_job *shared, channel_sum what, channel_range range)
{
    const channel_job job = *shared;
    if (what == CHANNEL_SUM_VALUES)
        sum_all(&job, CHANNEL_MASK_NONE, add_values, range);
    else if (what == CHANNEL_SUM_MOMENTS)
        sum_all(&job, CHANNEL_MASK_NONE, add_moments, range);
    else
        FOR_MASKS(sum_all, add_gradients, range)
}
