/*
 * Activations and their derivatives, on vectors; included by kernels_body.h. Each is exact to a few
 * units in the last place: memory is slower than the arithmetic, so that nothing is gained by less.
 */

INLINE ivec less(vec a, vec b)
{
    return (ivec)(a < b);
}

/* Horner's scheme, the constant term first. */
INLINE vec polynomial(vec x, const float *terms, size_t count)
{
    vec sum = splat(terms[count - 1]);
    for (size_t i = count - 1; i-- > 0;)
        sum = sum * x + splat(terms[i]);
    return sum;
}
#define POLYNOMIAL(x, ...)                                                                         \
    polynomial(x, (const float[]){__VA_ARGS__},                                                    \
               sizeof((const float[]){__VA_ARGS__}) / sizeof(float))

/* 2^n times the Taylor series on the rest, at most ln(2) / 2; arguments out of range are those at
 * its ends, about 1e-38 and 1e38. */
INLINE vec exponential(vec x)
{
    const vec low = splat(-87.3F), high = splat(88.0F), round = splat(0x1.8p23F);
    x = choose(less(x, low), low, x);
    x = choose(less(high, x), high, x);
    vec n = (x * 1.44269504F + round) - round; /* the nearest integer */
    vec rest = x - n * 0.693359375F;           /* ln(2) in two parts, of which n times the first */
    rest = rest + n * 2.12194440e-4F;          /* is exact */
    vec power = (vec)((__builtin_convertvector(n, ivec) + 127) << 23);
    return power * POLYNOMIAL(rest, 1.0F, 1.0F, 1.0F / 2, 1.0F / 6, 1.0F / 24, 1.0F / 120,
                              1.0F / 720, 1.0F / 5040);
}

INLINE vec magnitude(vec x)
{
    return (vec)((ivec)x & 0x7fffffff);
}

INLINE vec sigmoid(vec x)
{
    return 1.0F / (1.0F + exponential(-x));
}

/* The standard normal distribution function, from the upper tail of the normal,
 * erfc(z) = t exp(-z^2 + p(t)), t = 1 / (1 + z / 2), p fitted on 0 <= z <= 10 to 5e-8. */
INLINE vec normal_cdf(vec x)
{
    const vec largest = splat(10.0F);
    vec z = magnitude(x) * 0.707106781F;
    z = choose(less(largest, z), largest, z);
    vec t = 1.0F / (1.0F + 0.5F * z);
    vec p = POLYNOMIAL(t, -1.26544142F, 0.998492479F, 0.387899935F, 0.0283560529F, 0.0201990493F,
                       -0.1167932F, -0.65124172F, 1.12239599F, -0.666061044F, 0.142193884F);
    vec tail = 0.5F * t * exponential(p - z * z);
    return choose(less(x, splat(0.0F)), tail, 1.0F - tail);
}

/* Near 0 by x + x^3 p(x^2), p fitted on |x| <= 0.625 to 4e-9. */
INLINE vec hyperbolic_tangent(vec x)
{
    vec size = magnitude(x), square = x * x;
    vec large = 1.0F - 2.0F / (1.0F + exponential(2.0F * size));
    vec small = x + x * square *
                        POLYNOMIAL(square, -0.333332837F, 0.133314908F, -0.0537434965F,
                                   0.0206505861F, -0.0057170447F);
    large = choose(less(x, splat(0.0F)), -large, large);
    return choose(less(size, splat(0.625F)), small, large);
}

/* max(x, 0) + log(1 + u), u = exp(-|x|); the logarithm is 2 artanh(u / (2 + u)), as a series. */
INLINE vec softplus(vec x)
{
    vec u = exponential(-magnitude(x)), s = u / (2.0F + u), square = s * s;
    vec logarithm = 2.0F * s *
                    POLYNOMIAL(square, 1.0F, 1.0F / 3, 1.0F / 5, 1.0F / 7, 1.0F / 9, 1.0F / 11,
                               1.0F / 13, 1.0F / 15);
    return choose(less(x, splat(0.0F)), splat(0.0F), x) + logarithm;
}

INLINE vec activate(hpac_op_kind kind, vec x)
{
    const vec zero = splat(0.0F), six = splat(6.0F);
    switch (kind) {
    case HPAC_OP_RELU6:
        x = choose(less(x, zero), zero, x); /* a NaN stays one */
        return choose(less(six, x), six, x);
    case HPAC_OP_SILU:
        return x / (1.0F + exponential(-x));
    case HPAC_OP_GELU:
        return x * normal_cdf(x);
    case HPAC_OP_SOFTPLUS:
        return softplus(x);
    default:
        return hyperbolic_tangent(x);
    }
}

/* The derivative, from x (SiLU, GELU) or from y. */
INLINE vec derive(hpac_op_kind kind, vec from)
{
    vec s;
    switch (kind) {
    case HPAC_OP_RELU6:
        return (vec)((ivec)splat(1.0F) & less(splat(0.0F), from) & less(from, splat(6.0F)));
    case HPAC_OP_SILU:
        s = sigmoid(from);
        return s * (1.0F + from * (1.0F - s));
    case HPAC_OP_GELU: /* 1 / sqrt(2 pi) */
        return normal_cdf(from) + from * exponential(-0.5F * from * from) * 0.398942280F;
    case HPAC_OP_SOFTPLUS: /* sigmoid(x) = 1 - exp(-softplus(x)) */
        return 1.0F - exponential(-from);
    default:
        return 1.0F - from * from;
    }
}

INLINE void activation_loop(hpac_op_kind kind, const float *x, float *y, size_t count)
{
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        store(y + i, activate(kind, load(x + i)));
    if (i < count)
        store_part(y + i, activate(kind, load_part(x + i, count - i)), count - i);
}

INLINE void derivative_vector(hpac_op_kind kind, const activation_job *job, size_t i, size_t n)
{
    vec dx = load_part(job->dy + i, n) * derive(kind, load_part(job->from + i, n));
    store_part(job->dx + i, job->adds ? load_part(job->dx + i, n) + dx : dx, n);
}

INLINE void derivative_loop(hpac_op_kind kind, const activation_job *shared, size_t count)
{
    const activation_job job = *shared; /* which no store can change */
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        derivative_vector(kind, &job, i, LANES);
    if (i < count)
        derivative_vector(kind, &job, i, count - i);
}

/* A loop for each kind, so that none is decided inside. */
#define FOR_ACTIVATION(kind, loop, ...)                                                            \
    switch (kind) {                                                                                \
    case HPAC_OP_RELU6:                                                                            \
        loop(HPAC_OP_RELU6, __VA_ARGS__);                                                          \
        break;                                                                                     \
    case HPAC_OP_SILU:                                                                             \
        loop(HPAC_OP_SILU, __VA_ARGS__);                                                           \
        break;                                                                                     \
    case HPAC_OP_GELU:                                                                             \
        loop(HPAC_OP_GELU, __VA_ARGS__);                                                           \
        break;                                                                                     \
    case HPAC_OP_SOFTPLUS:                                                                         \
        loop(HPAC_OP_SOFTPLUS, __VA_ARGS__);                                                       \
        break;                                                                                     \
    default:                                                                                       \
        loop(HPAC_OP_TANH, __VA_ARGS__);                                                           \
    }

static void activation(hpac_op_kind kind, const float *x, float *y, size_t count)
{
    FOR_ACTIVATION(kind, activation_loop, x, y, count)
}

static void activation_backward(hpac_op_kind kind, const activation_job *job, size_t count)
{
    FOR_ACTIVATION(kind, derivative_loop, job, count)
}
