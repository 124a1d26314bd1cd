/* The host twins of hpac's kernels: every kernel that is launched stands here, once an instance. */
#include "cuda_twin.h"

#include "../../kernels/adadelta.cuh"
#include "../../kernels/bias.cuh"
#include "../../kernels/convert.cuh"
#include "../../kernels/elements.cuh"
#include "../../kernels/gather.cuh"
#include "../../kernels/loss.cuh"
#include "../../kernels/maxpool.cuh"
#include "../../kernels/pixels.cuh"
#include "../../kernels/step.cuh"

TWIN(set_step);

TWIN(pixels_quads<uint8_t, float>);
TWIN(pixels_quads<uint8_t, bfloat>);
TWIN(pixels_quads<float, float>);
TWIN(pixels_quads<float, bfloat>);
TWIN(pixels_planes<uint8_t, float>);
TWIN(pixels_planes<uint8_t, bfloat>);
TWIN(pixels_planes<float, float>);
TWIN(pixels_planes<float, bfloat>);

TWIN(convert_quads<float, float>);
TWIN(convert_quads<float, bfloat>);
TWIN(convert_quads<bfloat, float>);
TWIN(convert_quads<bfloat, bfloat>);
TWIN(convert_tiles<float, float>);
TWIN(convert_tiles<float, bfloat>);
TWIN(convert_tiles<bfloat, float>);
TWIN(convert_tiles<bfloat, bfloat>);

TWIN(activate<float, true>);
TWIN(activate<float, false>);
TWIN(activate<bfloat, true>);
TWIN(activate<bfloat, false>);
TWIN(activate_backward<float, true>);
TWIN(activate_backward<float, false>);
TWIN(activate_backward<bfloat, true>);
TWIN(activate_backward<bfloat, false>);

/* Dropout alone, then behind a bias, which reads float32 always. */
TWIN(elements_quads<float, float, false>);
TWIN(elements_quads<bfloat, bfloat, false>);
TWIN(elements_tiles<float, float, false>);
TWIN(elements_tiles<bfloat, bfloat, false>);
TWIN(elements_singles<float, float, false>);
TWIN(elements_singles<bfloat, bfloat, false>);
TWIN(elements_quads<float, float, true>);
TWIN(elements_quads<float, bfloat, true>);
TWIN(elements_tiles<float, float, true>);
TWIN(elements_tiles<float, bfloat, true>);
TWIN(elements_singles<float, float, true>);
TWIN(elements_singles<float, bfloat, true>);

TWIN(bias_backward_rows<float, 1>);
TWIN(bias_backward_rows<float, 4>);
TWIN(bias_backward_rows<bfloat, 1>);
TWIN(bias_backward_rows<bfloat, 4>);
TWIN(bias_backward_planes<float, 1>);
TWIN(bias_backward_planes<float, 4>);
TWIN(bias_backward_planes<bfloat, 1>);
TWIN(bias_backward_planes<bfloat, 4>);
TWIN(sum_partials);

TWIN(maxpool_quads<float, true>);
TWIN(maxpool_quads<float, false>);
TWIN(maxpool_quads<bfloat, true>);
TWIN(maxpool_quads<bfloat, false>);
TWIN(maxpool_tiles<float>);
TWIN(maxpool_tiles<bfloat>);
TWIN(maxpool_singles<float, uint8_t>);
TWIN(maxpool_singles<float, uint32_t>);
TWIN(maxpool_singles<bfloat, uint8_t>);
TWIN(maxpool_singles<bfloat, uint32_t>);
TWIN(maxpool_backward_rows<float, uint8_t, 1>);
TWIN(maxpool_backward_rows<float, uint8_t, 4>);
TWIN(maxpool_backward_rows<float, uint32_t, 1>);
TWIN(maxpool_backward_rows<bfloat, uint8_t, 1>);
TWIN(maxpool_backward_rows<bfloat, uint8_t, 4>);
TWIN(maxpool_backward_rows<bfloat, uint32_t, 1>);
TWIN(maxpool_backward_planes<float, uint8_t, true>);
TWIN(maxpool_backward_planes<float, uint8_t, false>);
TWIN(maxpool_backward_planes<float, uint32_t, false>);
TWIN(maxpool_backward_planes<bfloat, uint8_t, true>);
TWIN(maxpool_backward_planes<bfloat, uint8_t, false>);
TWIN(maxpool_backward_planes<bfloat, uint32_t, false>);

TWIN(loss_step);
TWIN(adadelta_step);

TWIN(gather_rows<uint4>);
TWIN(gather_rows<uint32_t>);
TWIN(gather_rows<uint8_t>);
