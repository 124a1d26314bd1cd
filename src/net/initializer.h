/* Initial weights: the distributions of the reference notebooks, drawn from Philox. */
#ifndef HPAC_INITIALIZER_H
#define HPAC_INITIALIZER_H

#include <hpac/layer.h>

/*
 * Draws the kernel of a layer; `stream` distinguishes the tensors of a network. Value i depends on
 * (seed, stream, i) alone.
 *
 * VarianceScaling, scale 1, fan-in, truncated normal: stddev sqrt(1 / fan_in) / 0.87962566103423978
 * (the standard deviation of a standard normal cut at two sigma), cut at two of it. Glorot uniform:
 * +-sqrt(6 / (fan_in + fan_out)). Fans of a convolution count its window, as Keras does.
 */
void hpac_initialize_kernel(hpac_initializer initializer, uint64_t seed, uint32_t stream,
                            hpac_weights *weights);

/* The quantile function of the standard normal: Wichura, algorithm AS 241 (PPND16), Applied
 * Statistics 37 (1988); relative error about 1e-16. 0 < p < 1. */
double hpac_normal_quantile(double p);

#endif
