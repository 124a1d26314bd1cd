/* Dimensions of parameters in Keras's layout, and the check that they are numbers. */
#include "model_weights.h"

#include <math.h>

int hpac_model_kernel_dims(const hpac_layer *layer, hpac_shape in, hsize_t dims[4])
{
    size_t own[4], rank = hpac_layer_kernel_dims(layer, in, own);
    for (size_t i = 0; i < rank; i++)
        dims[i] = own[i];
    return (int)rank;
}

int hpac_model_bias_dims(const hpac_layer *layer, hsize_t dims[1])
{
    dims[0] = (hsize_t)hpac_layer_bias_count(layer);
    return dims[0] > 0;
}

static hpac_status check_values(const float *values, size_t count, bool not_negative, size_t number,
                                const char *what)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]) || (not_negative && values[i] < 0))
            return hpac_fail(HPAC_ERR_DATA, "layer %zu: %s value %zu is %g, expected a %s number",
                             number, what, i, (double)values[i],
                             not_negative ? "finite, not negative" : "finite");
    return HPAC_OK;
}

hpac_status hpac_model_check_finite(const hpac_weights *weights, size_t layer_count,
                                    bool not_negative)
{
    for (size_t i = 0; i < layer_count; i++) {
        hpac_status status =
            check_values(weights[i].kernel, weights[i].kernel_count, not_negative, i + 1, "kernel");
        if (status == HPAC_OK)
            status =
                check_values(weights[i].bias, weights[i].bias_count, not_negative, i + 1, "bias");
        if (status != HPAC_OK)
            return status;
    }
    return HPAC_OK;
}
