/* Initial weights, each from its own random number by the quantile function: no rejection, so every
 * value has its index in the random sequence and threads do not matter. */
#include "network_internal.h"

#include "base/random.h"

#include <math.h>

/* a, b: rational approximations in rising powers; the coefficients are those of AS 241. */
static double ratio(const double a[8], const double b[8], double x)
{
    double above = a[7], below = b[7];
    for (int i = 6; i >= 0; i--) {
        above = above * x + a[i];
        below = below * x + b[i];
    }
    return above / below;
}

double hpac_normal_quantile(double p)
{
    static const double center[2][8] = {
        {3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
         1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
         3.3430575583588128105e4, 2.5090809287301226727e3},
        {1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
         2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4,
         5.2264952788528545610e3}};
    static const double tail[2][8] = {
        {1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
         3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
         2.27238449892691845833e-2, 7.74545014278341407640e-4},
        {1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
         1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
         1.05075007164441684324e-9}};
    static const double far[2][8] = {
        {6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0,
         2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
         2.71155556874348757815e-5, 2.01033439929228813265e-7},
        {1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
         7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
         2.04426310338993978564e-15}};
    double q = p - 0.5;
    if (fabs(q) <= 0.425)
        return q * ratio(center[0], center[1], 0.180625 - q * q);
    double r = sqrt(-log(q < 0 ? p : 1 - p));
    double x = r <= 5 ? ratio(tail[0], tail[1], r - 1.6) : ratio(far[0], far[1], r - 5);
    return q < 0 ? -x : x;
}

/* (0, 1), never an end of it. */
static double open_uniform(uint64_t seed, uint32_t stream, uint64_t index)
{
    return (hpac_random_u32(seed, HPAC_PURPOSE_INIT, stream, 0, index) + 0.5) * 0x1p-32;
}

void hpac_initialize_kernel(hpac_initializer initializer, uint64_t seed, uint32_t stream,
                            hpac_weights *weights)
{
    const hpac_tensor *tensor = &weights->tensors[HPAC_KERNEL];
    size_t count = tensor->count, rank = tensor->rank;
    float *kernel = tensor->values;
    if (rank == 0)
        return;
    /* The last two dimensions are input and output channels, those before them the window. */
    size_t inputs = count / tensor->dims[rank - 1], outputs = count / tensor->dims[rank - 2];
    double fan_in = (double)inputs, fan_out = (double)outputs;
    if (initializer == HPAC_INIT_GLOROT_UNIFORM) {
        double limit = sqrt(6 / (fan_in + fan_out));
#pragma omp parallel for schedule(static)
        for (size_t i = 0; i < count; i++)
            kernel[i] = (float)((2 * open_uniform(seed, stream, i) - 1) * limit);
        return;
    }
    double sigma = sqrt(1 / fan_in) / 0.87962566103423978;
    double below = 0.5 * erfc(sqrt(2)); /* the share of a normal below -2 sigma */
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i++) {
        double p = below + open_uniform(seed, stream, i) * (1 - 2 * below);
        kernel[i] = (float)(hpac_normal_quantile(p) * sigma);
    }
}
