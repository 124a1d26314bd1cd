/* Further inputs of operations: in the layout of the first they are used where they are, else by
 * way of the workspace. */
#include "cuda.h"

static bool has_planes(const kernel_tensor *tensor)
{
    return tensor->nchw && tensor->channels > 1 && tensor->rows * tensor->cols > 1;
}

void hpac_cuda_side_init(cuda_plan *plan, const hpac_plan_request *request, const hpac_op *op,
                         size_t index, cuda_side *side)
{
    hpac_plan *public = &plan->base;
    hpac_layout layout = request->side_layouts ? request->side_layouts[index] : 0;
    side->outside = hpac_cuda_tensor_of(op->sides[index], request->batch, layout);
    side->inside = hpac_cuda_tensor_of(op->sides[index], request->batch, request->input_layout);
    if (request->side_views)
        hpac_cuda_tensor_view(&side->outside, &request->side_views[index],
                              &plan->side_offsets[index]);
    side->converts = side->outside.bf16 != side->inside.bf16 ||
                     has_planes(&side->outside) != has_planes(&side->inside);
    side->adds = request->side_gradients && request->side_gradients[index] == HPAC_GRADIENT_ADDED;
    if (!side->converts)
        return;
    size_t nbytes = hpac_cuda_tensor_nbytes(&side->inside);
    side->value_offset = hpac_plan_reserve(&public->workspace_nbytes, nbytes);
    side->gradient_offset = hpac_plan_reserve(&public->workspace_nbytes, nbytes);
}

hpac_status hpac_cuda_side_read(const cuda_plan *plan, const cuda_side *side,
                                const hpac_exec_args *args, size_t index, const void **values)
{
    *values = args->sides[index];
    if (!side->converts)
        return HPAC_OK;
    void *converted = hpac_cuda_at(args->workspace, side->value_offset);
    *values = converted;
    CUDA_TRY(hpac_kernel_convert(&side->inside, converted, &side->outside, args->sides[index],
                                 false, hpac_cuda_stream(plan)));
    return HPAC_OK;
}

void *hpac_cuda_side_gradient(const cuda_side *side, const hpac_exec_args *args, size_t index,
                              bool *add)
{
    *add = side->adds && !side->converts;
    return args->dsides[index] && side->converts
               ? hpac_cuda_at(args->workspace, side->gradient_offset)
               : args->dsides[index];
}

hpac_status hpac_cuda_side_finish(const cuda_plan *plan, const cuda_side *side,
                                  const hpac_exec_args *args, size_t index)
{
    if (!side->converts || !args->dsides[index])
        return HPAC_OK;
    CUDA_TRY(hpac_kernel_convert(&side->outside, args->dsides[index], &side->inside,
                                 hpac_cuda_at(args->workspace, side->gradient_offset), side->adds,
                                 hpac_cuda_stream(plan)));
    return HPAC_OK;
}
