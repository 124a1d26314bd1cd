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

HOST_KERNEL(activate<float, true>);
HOST_KERNEL(activate<float, false>);
HOST_KERNEL(activate<bfloat, true>);
HOST_KERNEL(activate<bfloat, false>);
HOST_KERNEL(activate_backward<float, true>);
HOST_KERNEL(activate_backward<float, false>);
HOST_KERNEL(activate_backward<bfloat, true>);
HOST_KERNEL(activate_backward<bfloat, false>);

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

HOST_KERNEL(bias_backward_rows<float, 1>);
HOST_KERNEL(bias_backward_rows<float, 4>);
HOST_KERNEL(bias_backward_rows<bfloat, 1>);
HOST_KERNEL(bias_backward_rows<bfloat, 4>);
HOST_KERNEL(bias_backward_planes<float, 1>);
HOST_KERNEL(bias_backward_planes<float, 4>);
HOST_KERNEL(bias_backward_planes<bfloat, 1>);
HOST_KERNEL(bias_backward_planes<bfloat, 4>);
HOST_KERNEL(sum_partials);

HOST_KERNEL(maxpool_quads<float, true>);
HOST_KERNEL(maxpool_quads<float, false>);
HOST_KERNEL(maxpool_quads<bfloat, true>);
HOST_KERNEL(maxpool_quads<bfloat, false>);
HOST_KERNEL(maxpool_tiles<float>);
HOST_KERNEL(maxpool_tiles<bfloat>);
HOST_KERNEL(maxpool_singles<float, uint8_t>);
HOST_KERNEL(maxpool_singles<float, uint32_t>);
HOST_KERNEL(maxpool_singles<bfloat, uint8_t>);
HOST_KERNEL(maxpool_singles<bfloat, uint32_t>);
HOST_KERNEL(maxpool_backward_rows<float, uint8_t, 1>);
HOST_KERNEL(maxpool_backward_rows<float, uint8_t, 4>);
HOST_KERNEL(maxpool_backward_rows<float, uint32_t, 1>);
HOST_KERNEL(maxpool_backward_rows<bfloat, uint8_t, 1>);
HOST_KERNEL(maxpool_backward_rows<bfloat, uint8_t, 4>);
HOST_KERNEL(maxpool_backward_rows<bfloat, uint32_t, 1>);
HOST_KERNEL(maxpool_backward_planes<float, uint8_t, true>);
HOST_KERNEL(maxpool_backward_planes<float, uint8_t, false>);
HOST_KERNEL(maxpool_backward_planes<float, uint32_t, false>);
HOST_KERNEL(maxpool_backward_planes<bfloat, uint8_t, true>);
HOST_KERNEL(maxpool_backward_planes<bfloat, uint8_t, false>);
HOST_KERNEL(maxpool_backward_planes<bfloat, uint32_t, false>);

HOST_KERNEL(window_max<float, uint8_t, 1>);
HOST_KERNEL(window_max<float, uint8_t, 4>);
HOST_KERNEL(window_max<float, uint32_t, 1>);
HOST_KERNEL(window_max<bfloat, uint8_t, 1>);
HOST_KERNEL(window_max<bfloat, uint8_t, 4>);
HOST_KERNEL(window_max<bfloat, uint32_t, 1>);
HOST_KERNEL(window_max_backward<float, uint8_t, 1>);
HOST_KERNEL(window_max_backward<float, uint8_t, 4>);
HOST_KERNEL(window_max_backward<float, uint32_t, 1>);
HOST_KERNEL(window_max_backward<bfloat, uint8_t, 1>);
HOST_KERNEL(window_max_backward<bfloat, uint8_t, 4>);
HOST_KERNEL(window_max_backward<bfloat, uint32_t, 1>);
HOST_KERNEL(window_mean<float, 1>);
HOST_KERNEL(window_mean<float, 4>);
HOST_KERNEL(window_mean<bfloat, 1>);
HOST_KERNEL(window_mean<bfloat, 4>);
HOST_KERNEL(window_mean_backward<float, 1>);
HOST_KERNEL(window_mean_backward<float, 4>);
HOST_KERNEL(window_mean_backward<bfloat, 1>);
HOST_KERNEL(window_mean_backward<bfloat, 4>);

HOST_KERNEL(global_mean<float, 1>);
HOST_KERNEL(global_mean<float, 4>);
HOST_KERNEL(global_mean<bfloat, 1>);
HOST_KERNEL(global_mean<bfloat, 4>);
HOST_KERNEL(global_max<float, 1>);
HOST_KERNEL(global_max<float, 4>);
HOST_KERNEL(global_max<bfloat, 1>);
HOST_KERNEL(global_max<bfloat, 4>);
HOST_KERNEL(global_backward<float, true, 1>);
HOST_KERNEL(global_backward<float, true, 4>);
HOST_KERNEL(global_backward<bfloat, true, 1>);
HOST_KERNEL(global_backward<bfloat, true, 4>);
HOST_KERNEL(global_backward<float, false, 1>);
HOST_KERNEL(global_backward<float, false, 4>);
HOST_KERNEL(global_backward<bfloat, false, 1>);
HOST_KERNEL(global_backward<bfloat, false, 4>);

HOST_KERNEL(shift_image<float, 1>);
HOST_KERNEL(shift_image<float, 4>);
HOST_KERNEL(shift_image<bfloat, 1>);
HOST_KERNEL(shift_image<bfloat, 4>);

HOST_KERNEL(normalize<float, 1, true>);
HOST_KERNEL(normalize<float, 1, false>);
HOST_KERNEL(normalize<float, 4, true>);
HOST_KERNEL(normalize<float, 4, false>);
HOST_KERNEL(normalize<bfloat, 1, true>);
HOST_KERNEL(normalize<bfloat, 1, false>);
HOST_KERNEL(normalize<bfloat, 4, true>);
HOST_KERNEL(normalize<bfloat, 4, false>);
HOST_KERNEL(normalize_backward<float, 1, true>);
HOST_KERNEL(normalize_backward<float, 1, false>);
HOST_KERNEL(normalize_backward<float, 4, true>);
HOST_KERNEL(normalize_backward<float, 4, false>);
HOST_KERNEL(normalize_backward<bfloat, 1, true>);
HOST_KERNEL(normalize_backward<bfloat, 1, false>);
HOST_KERNEL(normalize_backward<bfloat, 4, true>);
HOST_KERNEL(normalize_backward<bfloat, 4, false>);
HOST_KERNEL(norm_sums_rows<float, 1, true>);
HOST_KERNEL(norm_sums_rows<float, 1, false>);
HOST_KERNEL(norm_sums_rows<float, 4, true>);
HOST_KERNEL(norm_sums_rows<float, 4, false>);
HOST_KERNEL(norm_sums_rows<bfloat, 1, true>);
HOST_KERNEL(norm_sums_rows<bfloat, 1, false>);
HOST_KERNEL(norm_sums_rows<bfloat, 4, true>);
HOST_KERNEL(norm_sums_rows<bfloat, 4, false>);
HOST_KERNEL(norm_sums_planes<float, 1, true>);
HOST_KERNEL(norm_sums_planes<float, 1, false>);
HOST_KERNEL(norm_sums_planes<float, 4, true>);
HOST_KERNEL(norm_sums_planes<float, 4, false>);
HOST_KERNEL(norm_sums_planes<bfloat, 1, true>);
HOST_KERNEL(norm_sums_planes<bfloat, 1, false>);
HOST_KERNEL(norm_sums_planes<bfloat, 4, true>);
HOST_KERNEL(norm_sums_planes<bfloat, 4, false>);
HOST_KERNEL(norm_statistics<float>);
HOST_KERNEL(norm_statistics<bfloat>);
HOST_KERNEL(norm_gradients);

HOST_KERNEL(add_values<float>);
HOST_KERNEL(add_values<bfloat>);
HOST_KERNEL(add_values_backward<float>);
HOST_KERNEL(add_values_backward<bfloat>);
HOST_KERNEL(multiply<float, 1, true>);
HOST_KERNEL(multiply<float, 1, false>);
HOST_KERNEL(multiply<float, 4, true>);
HOST_KERNEL(multiply<float, 4, false>);
HOST_KERNEL(multiply<bfloat, 1, true>);
HOST_KERNEL(multiply<bfloat, 1, false>);
HOST_KERNEL(multiply<bfloat, 4, true>);
HOST_KERNEL(multiply<bfloat, 4, false>);
HOST_KERNEL(multiply_backward<float, 1, true>);
HOST_KERNEL(multiply_backward<float, 1, false>);
HOST_KERNEL(multiply_backward<float, 4, true>);
HOST_KERNEL(multiply_backward<float, 4, false>);
HOST_KERNEL(multiply_backward<bfloat, 1, true>);
HOST_KERNEL(multiply_backward<bfloat, 1, false>);
HOST_KERNEL(multiply_backward<bfloat, 4, true>);
HOST_KERNEL(multiply_backward<bfloat, 4, false>);
HOST_KERNEL(factor_sums<float, 1>);
HOST_KERNEL(factor_sums<float, 4>);
HOST_KERNEL(factor_sums<bfloat, 1>);
HOST_KERNEL(factor_sums<bfloat, 4>);
HOST_KERNEL(copy_lines<float, 1>);
HOST_KERNEL(copy_lines<float, 4>);
HOST_KERNEL(copy_lines<bfloat, 1>);
HOST_KERNEL(copy_lines<bfloat, 4>);
HOST_KERNEL(factor_gradient<float>);
HOST_KERNEL(factor_gradient<bfloat>);

HOST_KERNEL(bend<float, HPAC_OP_RELU6>);
HOST_KERNEL(bend<float, HPAC_OP_SILU>);
HOST_KERNEL(bend<float, HPAC_OP_GELU>);
HOST_KERNEL(bend<float, HPAC_OP_SOFTPLUS>);
HOST_KERNEL(bend<float, HPAC_OP_TANH>);
HOST_KERNEL(bend<bfloat, HPAC_OP_RELU6>);
HOST_KERNEL(bend<bfloat, HPAC_OP_SILU>);
HOST_KERNEL(bend<bfloat, HPAC_OP_GELU>);
HOST_KERNEL(bend<bfloat, HPAC_OP_SOFTPLUS>);
HOST_KERNEL(bend<bfloat, HPAC_OP_TANH>);
HOST_KERNEL(bend_backward<float, HPAC_OP_RELU6>);
HOST_KERNEL(bend_backward<float, HPAC_OP_SILU>);
HOST_KERNEL(bend_backward<float, HPAC_OP_GELU>);
HOST_KERNEL(bend_backward<float, HPAC_OP_SOFTPLUS>);
HOST_KERNEL(bend_backward<float, HPAC_OP_TANH>);
HOST_KERNEL(bend_backward<bfloat, HPAC_OP_RELU6>);
HOST_KERNEL(bend_backward<bfloat, HPAC_OP_SILU>);
HOST_KERNEL(bend_backward<bfloat, HPAC_OP_GELU>);
HOST_KERNEL(bend_backward<bfloat, HPAC_OP_SOFTPLUS>);
HOST_KERNEL(bend_backward<bfloat, HPAC_OP_TANH>);
HOST_KERNEL(rescale<float, 1, true>);
HOST_KERNEL(rescale<float, 1, false>);
HOST_KERNEL(rescale<float, 4, true>);
HOST_KERNEL(rescale<float, 4, false>);
HOST_KERNEL(rescale<bfloat, 1, true>);
HOST_KERNEL(rescale<bfloat, 1, false>);
HOST_KERNEL(rescale<bfloat, 4, true>);
HOST_KERNEL(rescale<bfloat, 4, false>);
HOST_KERNEL(drop_channels<float, 1, true>);
HOST_KERNEL(drop_channels<float, 1, false>);
HOST_KERNEL(drop_channels<float, 4, true>);
HOST_KERNEL(drop_channels<float, 4, false>);
HOST_KERNEL(drop_channels<bfloat, 1, true>);
HOST_KERNEL(drop_channels<bfloat, 1, false>);
HOST_KERNEL(drop_channels<bfloat, 4, true>);
HOST_KERNEL(drop_channels<bfloat, 4, false>);

HOST_KERNEL(loss_step);
HOST_KERNEL(update_parameters<HPAC_OPTIMIZER_ADADELTA>);
HOST_KERNEL(update_parameters<HPAC_OPTIMIZER_SGD>);
HOST_KERNEL(update_parameters<HPAC_OPTIMIZER_ADAM>);
HOST_KERNEL(square_sums);
HOST_KERNEL(clip_scale);

HOST_KERNEL(gather_rows<uint4>);
HOST_KERNEL(gather_rows<uint32_t>);
HOST_KERNEL(gather_rows<uint8_t>);
