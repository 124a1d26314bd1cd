/*
 * The update of parameters by each optimizer, with clipping, L2, accumulation and averages;
 * included by kernels_body.h.
 */

/* Each takes one vector, and returns NaN in the lanes where a new value is not finite. */

INLINE vec update_adadelta(const update_job *job, vec g, float *w, float *a, float *u)
{
    const float rest = 1.0F - job->rho;
    vec square = job->rho * load(a) + rest * (g * g);
    vec change = load(u);
    vec delta = g * SQRT((change + job->epsilon) / (square + job->epsilon));
    vec weight = load(w) - job->learning_rate * delta;
    change = job->rho * change + rest * (delta * delta);
    store(a, square);
    store(u, change);
    store(w, weight);
    return 0 * square + 0 * change + 0 * weight;
}

INLINE vec update_sgd(const update_job *job, vec g, float *w, float *m)
{
    vec change = -job->learning_rate * g, weight = load(w);
    if (!m) {
        weight += change;
        store(w, weight);
        return 0 * weight;
    }
    vec moved = job->momentum * load(m) + change;
    weight += job->nesterov ? job->momentum * moved + change : moved;
    store(m, moved);
    store(w, weight);
    return 0 * moved + 0 * weight;
}

INLINE vec update_adam(const update_job *job, vec g, float *w, float *m, float *v)
{
    vec mean = load(m), square = load(v), weight = load(w);
    if (job->kind == HPAC_OPTIMIZER_ADAMW)
        weight -= job->decay * weight;
    mean += (1.0F - job->beta_1) * (g - mean);
    square += (1.0F - job->beta_2) * (g * g - square);
    weight -= job->learning_rate * mean / (SQRT(square) + job->epsilon);
    store(m, mean);
    store(v, square);
    store(w, weight);
    return 0 * mean + 0 * square + 0 * weight;
}

/* What is not finite anywhere in a vector of NaN and zeros. */
INLINE uint32_t any_nan(vec zero)
{
    ivec lanes = zero != zero; /* NOLINT(misc-redundant-expression): true for NaN */
    int32_t any = 0;
    for (size_t lane = 0; lane < LANES; lane++)
        any |= lanes[lane];
    return any != 0;
}

INLINE vec gradient_at(const update_job *job, size_t i)
{
    vec g = load(job->g + i);
    if (job->accumulated)
        g = (load(job->accumulated + i) + g) * job->mean;
    return job->l2 != 0.0F ? g + job->l2 * load(job->w + i) : g;
}

/* `plain`: nothing before the optimizer's own formula, and nothing after it. */
INLINE vec update_at(const update_job *job, hpac_optimizer_kind kind, bool plain, size_t i)
{
    float *w = job->w + i, *const *state = job->state;
    vec g = plain ? load(job->g + i) : gradient_at(job, i) * job->scale, zero;
    if (kind == HPAC_OPTIMIZER_ADADELTA)
        zero = update_adadelta(job, g, w, state[0] + i, state[1] + i);
    else if (kind == HPAC_OPTIMIZER_SGD)
        zero = update_sgd(job, g, w, state[0] ? state[0] + i : NULL);
    else
        zero = update_adam(job, g, w, state[0] + i, state[1] + i);
    if (plain)
        return zero;
    if (job->accumulated)
        store(job->accumulated + i, (vec){0});
    if (job->average) {
        vec average = job->average_momentum * load(job->average + i) +
                      (1.0F - job->average_momentum) * load(w);
        store(job->average + i, average);
    }
    /* An SGD without momentum has no state that would show it. */
    return kind == HPAC_OPTIMIZER_SGD ? zero + 0 * g : zero;
}

INLINE vec update_all(const update_job *job, hpac_optimizer_kind kind, bool plain, size_t count)
{
    vec zero = {0};
    for (size_t i = 0; i < count; i += LANES)
        zero += update_at(job, kind, plain, i);
    return zero;
}

/* Whole vectors. */
static uint32_t update_vectors(const update_job *job, size_t count)
{
    bool plain = !job->accumulated && !job->average && job->l2 == 0.0F && job->scale == 1.0F;
    switch (job->kind) {
    case HPAC_OPTIMIZER_ADADELTA:
        return any_nan(plain ? update_all(job, HPAC_OPTIMIZER_ADADELTA, true, count)
                             : update_all(job, HPAC_OPTIMIZER_ADADELTA, false, count));
    case HPAC_OPTIMIZER_SGD:
        return any_nan(plain ? update_all(job, HPAC_OPTIMIZER_SGD, true, count)
                             : update_all(job, HPAC_OPTIMIZER_SGD, false, count));
    default:
        return any_nan(plain ? update_all(job, HPAC_OPTIMIZER_ADAM, true, count)
                             : update_all(job, HPAC_OPTIMIZER_ADAM, false, count));
    }
}

/* The arrays of a job; some may be missing. */
enum { UPDATE_ARRAYS = 5 };

static void list_arrays(const update_job *job, float *arrays[UPDATE_ARRAYS])
{
    float *const all[] = {job->w, job->state[0], job->state[1], job->accumulated, job->average};
    memcpy(arrays, all, sizeof all);
}

/* A job on the `count` < LANES values from `first` on, in vectors filled up with zeros. */
typedef struct update_rest {
    update_job job;
    float g[LANES], values[UPDATE_ARRAYS][LANES];
} update_rest;

static void copy_rest(update_rest *rest, const update_job *job, size_t first, size_t count)
{
    float *arrays[UPDATE_ARRAYS];
    list_arrays(job, arrays);
    *rest = (update_rest){.job = *job};
    memcpy(rest->g, job->g + first, count * sizeof(float));
    for (size_t i = 0; i < UPDATE_ARRAYS; i++)
        if (arrays[i])
            memcpy(rest->values[i], arrays[i] + first, count * sizeof(float));
    rest->job.g = rest->g;
    rest->job.w = rest->values[0];
    rest->job.state[0] = job->state[0] ? rest->values[1] : NULL;
    rest->job.state[1] = job->state[1] ? rest->values[2] : NULL;
    rest->job.accumulated = job->accumulated ? rest->values[3] : NULL;
    rest->job.average = job->average ? rest->values[4] : NULL;
}

static uint32_t update(const update_job *job, size_t count)
{
    size_t whole = count / LANES * LANES, left = count - whole;
    uint32_t bad = update_vectors(job, whole);
    if (left > 0) {
        update_rest rest;
        float *arrays[UPDATE_ARRAYS];
        list_arrays(job, arrays);
        copy_rest(&rest, job, whole, left);
        bad |= update_vectors(&rest.job, LANES);
        for (size_t i = 0; i < UPDATE_ARRAYS; i++)
            if (arrays[i])
                memcpy(arrays[i] + whole, rest.values[i], left * sizeof(float));
    }
    return bad;
}

static uint32_t accumulate(const update_job *job, size_t count)
{
    float zero = 0;
    for (size_t i = 0; i < count; i++) {
        job->accumulated[i] += job->g[i];
        zero += 0.0F * job->accumulated[i];
    }
    return zero != zero; /* NOLINT(misc-redundant-expression): true for NaN */
}

typedef double dvec __attribute__((vector_size(8 * LANES)));

static double square_sum(const update_job *job, size_t count)
{
    size_t whole = count / LANES * LANES;
    dvec sums = {0};
    for (size_t i = 0; i < whole; i += LANES) {
        dvec g = __builtin_convertvector(gradient_at(job, i), dvec);
        sums += g * g;
    }
    if (whole < count) {
        update_rest rest;
        copy_rest(&rest, job, whole, count - whole);
        dvec g = __builtin_convertvector(gradient_at(&rest.job, 0), dvec);
        sums += g * g;
    }
    double sum = 0;
    for (size_t lane = 0; lane < LANES; lane++)
        sum += sums[lane];
    return sum;
}
