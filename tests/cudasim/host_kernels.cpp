/* The host builds of hpac's kernels: every instance that is launched is listed here. */
#include "cuda_on_host.h"

#include "../../kernels/bias.cuh"
#include "../../kernels/convert.cuh"
#include "../../kernels/elements.cuh"
#include "../../kernels/global.cuh"
#include "../../kernels/join.cuh"
#include "../../kernels/maxpool.cuh"
#include "../../kernels/norm.cuh"
#include "../../kernels/pointwise.cuh"
#include "../../kernels/shift.cuh"
#include "../../kernels/step.cuh"
#include "../../kernels/update.cuh"
#include "../../kernels/window.cuh"

/* In both number formats. */
#define HOST_KERNELS(kernel, ...)                                                                  \
    HOST_KERNEL(kernel<float __VA_OPT__(, ) __VA_ARGS__>);                                         \
    HOST_KERNEL(kernel<bfloat __VA_OPT__(, ) __VA_ARGS__>)

HOST_KERNEL(set_step);

HOST_KERNEL(pixels_planes<uint8_t, float>);
HOST_KERNEL(pixels_planes<uint8_t, bfloat>);
HOST_KERNEL(pixels_planes<float, float>);
HOST_KERNEL(pixels_planes<float, bfloat>);

HOST_KERNEL(convert_quads<uint8_t, float>);
HOST_KERNEL(convert_quads<uint8_t, bfloat>);
HOST_KERNEL(convert_quads<float, float>);
HOST_KERNEL(convert_quads<float, bfloat>);
HOST_KERNEL(convert_quads<bfloat, float>);
HOST_KERNEL(convert_quads<bfloat, bfloat>);
HOST_KERNEL(convert_tiles<float, float>);
HOST_KERNEL(convert_tiles<float, bfloat>);
HOST_KERNEL(convert_tiles<bfloat, float>);
HOST_KERNEL(convert_tiles<bfloat, bfloat>);

/* Dropout alone, then behind a bias, which reads float32 always. */
HOST_KERNEL(elements_quads<float, float, false>);
HOST_KERNEL(elements_quads<bfloat, bfloat, false>);
HOST_KERNEL(elements_tiles<float, float, false>);
HOST_KERNEL(elements_tiles<bfloat, bfloat, false>);
HOST_KERNEL(elements_singles<float, float, false>);
HOST_KERNEL(elements_singles<bfloat, bfloat, false>);
HOST_KERNEL(elements_quads<float, float, true>);
HOST_KERNEL(elements_quads<float, bfloat, true>);
HOST_KERNEL(elements_tiles<float, float, true>);
HOST_KERNEL(elements_tiles<float, bfloat, true>);
HOST_KERNEL(elements_singles<float, float, true>);
HOST_KERNEL(elements_singles<float, bfloat, true>);

HOST_KERNELS(bias_backward_rows, 1);
HOST_KERNELS(bias_backward_rows, 4);
HOST_KERNELS(bias_backward_planes, 1);
HOST_KERNELS(bias_backward_planes, 4);
HOST_KERNEL(sum_partials);

HOST_KERNELS(maxpool_quads, true);
HOST_KERNELS(maxpool_quads, false);
HOST_KERNELS(maxpool_tiles);
HOST_KERNELS(maxpool_singles, uint8_t);
HOST_KERNELS(maxpool_singles, uint32_t);
HOST_KERNELS(maxpool_backward_rows, uint8_t, 1);
HOST_KERNELS(maxpool_backward_rows, uint8_t, 4);
HOST_KERNELS(maxpool_backward_rows, uint32_t, 1);
HOST_KERNELS(maxpool_backward_planes, uint8_t, true);
HOST_KERNELS(maxpool_backward_planes, uint8_t, false);
HOST_KERNELS(maxpool_backward_planes, uint32_t, false);

HOST_KERNELS(window_max, uint8_t, 1);
HOST_KERNELS(window_max, uint8_t, 4);
HOST_KERNELS(window_max, uint32_t, 1);
HOST_KERNELS(window_max_backward, uint8_t, 1);
HOST_KERNELS(window_max_backward, uint8_t, 4);
HOST_KERNELS(window_max_backward, uint32_t, 1);
HOST_KERNELS(window_mean, 1);
HOST_KERNELS(window_mean, 4);
HOST_KERNELS(window_mean_backward, 1);
HOST_KERNELS(window_mean_backward, 4);

HOST_KERNELS(global_mean, 1);
HOST_KERNELS(global_mean, 4);
HOST_KERNELS(global_max, 1);
HOST_KERNELS(global_max, 4);
HOST_KERNELS(global_backward, true, 1);
HOST_KERNELS(global_backward, true, 4);
HOST_KERNELS(global_backward, false, 1);
HOST_KERNELS(global_backward, false, 4);

HOST_KERNELS(shift_image, 1);
HOST_KERNELS(shift_image, 4);

HOST_KERNELS(normalize, 1, true);
HOST_KERNELS(normalize, 1, false);
HOST_KERNELS(normalize, 4, true);
HOST_KERNELS(normalize, 4, false);
HOST_KERNELS(normalize_backward, 1, true);
HOST_KERNELS(normalize_backward, 1, false);
HOST_KERNELS(normalize_backward, 4, true);
HOST_KERNELS(normalize_backward, 4, false);
HOST_KERNELS(norm_sums_rows, 1, true);
HOST_KERNELS(norm_sums_rows, 1, false);
HOST_KERNELS(norm_sums_rows, 4, true);
HOST_KERNELS(norm_sums_rows, 4, false);
HOST_KERNELS(norm_sums_planes, 1, true);
HOST_KERNELS(norm_sums_planes, 1, false);
HOST_KERNELS(norm_sums_planes, 4, true);
HOST_KERNELS(norm_sums_planes, 4, false);
HOST_KERNELS(norm_statistics);
HOST_KERNEL(norm_gradients);

HOST_KERNELS(add_values);
HOST_KERNELS(add_values_backward);
HOST_KERNELS(multiply, 1, true);
HOST_KERNELS(multiply, 1, false);
HOST_KERNELS(multiply, 4, true);
HOST_KERNELS(multiply, 4, false);
HOST_KERNELS(multiply_backward, 1, true);
HOST_KERNELS(multiply_backward, 1, false);
HOST_KERNELS(multiply_backward, 4, true);
HOST_KERNELS(multiply_backward, 4, false);
HOST_KERNELS(factor_sums, 1);
HOST_KERNELS(factor_sums, 4);
HOST_KERNELS(copy_lines, 1);
HOST_KERNELS(copy_lines, 4);
HOST_KERNELS(factor_gradient);

HOST_KERNELS(activate, HPAC_OP_RELU);
HOST_KERNELS(activate, HPAC_OP_SIGMOID);
HOST_KERNELS(activate, HPAC_OP_RELU6);
HOST_KERNELS(activate, HPAC_OP_SILU);
HOST_KERNELS(activate, HPAC_OP_GELU);
HOST_KERNELS(activate, HPAC_OP_SOFTPLUS);
HOST_KERNELS(activate, HPAC_OP_TANH);
HOST_KERNELS(activate_backward, HPAC_OP_RELU);
HOST_KERNELS(activate_backward, HPAC_OP_SIGMOID);
HOST_KERNELS(activate_backward, HPAC_OP_RELU6);
HOST_KERNELS(activate_backward, HPAC_OP_SILU);
HOST_KERNELS(activate_backward, HPAC_OP_GELU);
HOST_KERNELS(activate_backward, HPAC_OP_SOFTPLUS);
HOST_KERNELS(activate_backward, HPAC_OP_TANH);
HOST_KERNELS(rescale, 1, true);
HOST_KERNELS(rescale, 1, false);
HOST_KERNELS(rescale, 4, true);
HOST_KERNELS(rescale, 4, false);
HOST_KERNELS(drop_channels, 1, true);
HOST_KERNELS(drop_channels, 1, false);
HOST_KERNELS(drop_channels, 4, true);
HOST_KERNELS(drop_channels, 4, false);

HOST_KERNEL(loss_step);
HOST_KERNEL(update_parameters<HPAC_OPTIMIZER_ADADELTA>);
HOST_KERNEL(update_parameters<HPAC_OPTIMIZER_SGD>);
HOST_KERNEL(update_parameters<HPAC_OPTIMIZER_ADAM>);
HOST_KERNEL(square_sums);
HOST_KERNEL(clip_scale);

HOST_KERNEL(gather_rows<uint4>);
HOST_KERNEL(gather_rows<uint32_t>);
HOST_KERNEL(gather_rows<uint8_t>);
