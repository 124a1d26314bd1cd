/* Dense layers, alone or between Flatten and ReLU and dropout, by cuBLAS.
 *
 * cuBLAS is column-major: our row-major X (batch, in), W (in, out) and Y (batch, out) are its
 * X', W' and Y'. So Y = X W is asked for as Y' = W' X', and likewise the gradients.
 *
 * Flatten costs nothing: an image is taken as a vector in its memory order, and the rows of the
 * kernel are stored in that order.
 *
 * fp32 asks for CUBLAS_COMPUTE_32F, which is float32 without TF32 by cuBLAS's default (unlike
 * cuDNN's).
 */
#include "cuda.h"

#include <stdio.h>

/* [flatten] dense [relu] [dropout] */
typedef struct dense_chain {
    size_t dense; /* index of the operation */
    bool relu, drops;
} dense_chain;

typedef struct dense_plan {
    cuda_plan base;
    dense_chain chain;
    bool has_bias;
    int inputs, outputs;
    kernel_dropout dropout;
    cublasComputeType_t compute;
    size_t sums_offset;     /* workspace, output in bf16: float32 before the bias */
    size_t gradient_offset; /* workspace, bf16 in and float32 out: the gradient in bf16 */
    size_t partials_offset;
} dense_plan;

/* c (m, n) = op(a) (m, k) x op(b) (k, n), or that is added to c; by columns and without gaps. */
static hpac_status gemm(const dense_plan *plan, cublasOperation_t op_a, cublasOperation_t op_b,
                        int m, int n, int k, const void *a, const void *b, void *c,
                        cudaDataType_t c_type, bool add)
{
    static const float one = 1, zero = 0;
    const cudaDataType_t type = plan->base.input.bf16 ? CUDA_R_16BF : CUDA_R_32F;
    CUDA_TRY(cublasGemmEx(hpac_cuda_device_of(&plan->base)->cublas, op_a, op_b, m, n, k, &one, a,
                          type, op_a == CUBLAS_OP_T ? k : m, b, type, op_b == CUBLAS_OP_T ? n : k,
                          add ? &one : &zero, c, c_type, m, plan->compute, CUBLAS_GEMM_DEFAULT));
    return HPAC_OK;
}

static hpac_status dense_forward(cuda_plan *base, const hpac_exec_args *args)
{
    const dense_plan *plan = (const dense_plan *)base;
    void *sums = base->output.bf16 ? hpac_cuda_at(args->workspace, plan->sums_offset) : args->y;
    HPAC_TRY(hpac_cuda_cast_parameters(base, args));
    HPAC_TRY(gemm(plan, CUBLAS_OP_N, CUBLAS_OP_N, plan->outputs, base->input.batch, plan->inputs,
                  hpac_cuda_weights(base, args, KERNEL), args->x, sums, CUDA_R_32F, false));
    const kernel_dropout *dropout = args->training && plan->chain.drops ? &plan->dropout : NULL;
    const float *bias = plan->has_bias ? hpac_cuda_parameter(base, args->parameters, BIAS) : NULL;
    if (sums == args->y && !bias && !plan->chain.relu && !dropout)
        return HPAC_OK;
    CUDA_TRY(hpac_kernel_bias(&base->output, bias, plan->chain.relu, dropout, args->y, sums,
                              hpac_cuda_stream(base)));
    return HPAC_OK;
}

/* The gradient of the sums, in the format of the products, and that of the bias if it is wanted. */
static hpac_status backward_to_sums(const dense_plan *plan, const hpac_exec_args *args,
                                    const void **dz)
{
    const cuda_plan *base = &plan->base;
    bool changes = plan->chain.relu || plan->chain.drops;
    float *gradient =
        plan->has_bias && !base->frozen ? hpac_cuda_parameter(base, args->gradients, BIAS) : NULL;
    if (changes || gradient)
        CUDA_TRY(hpac_kernel_bias_backward(
            &base->output, plan->chain.relu, plan->chain.drops ? &plan->dropout : NULL,
            changes ? args->dy : NULL, args->y, args->dy, gradient,
            hpac_cuda_at(args->workspace, plan->partials_offset), hpac_cuda_stream(base)));
    *dz = args->dy;
    if (base->input.bf16 == base->output.bf16)
        return HPAC_OK;
    void *cast = hpac_cuda_at(args->workspace, plan->gradient_offset);
    *dz = cast;
    return hpac_cuda_cast(base, cast, &base->output, args->dy);
}

static hpac_status dense_backward(cuda_plan *base, const hpac_exec_args *args)
{
    const dense_plan *plan = (const dense_plan *)base;
    const void *dz = NULL;
    if (base->frozen && !args->dx)
        return HPAC_OK;
    HPAC_TRY(backward_to_sums(plan, args, &dz));
    if (!base->frozen)
        HPAC_TRY(gemm(plan, CUBLAS_OP_N, CUBLAS_OP_T, plan->outputs, plan->inputs,
                      base->input.batch, dz, args->x,
                      hpac_cuda_parameter(base, args->gradients, KERNEL), CUDA_R_32F, false));
    if (!args->dx)
        return HPAC_OK;
    return gemm(plan, CUBLAS_OP_T, CUBLAS_OP_N, plan->inputs, base->input.batch, plan->outputs,
                hpac_cuda_weights(base, args, KERNEL), dz, args->dx,
                base->input.bf16 ? CUDA_R_16BF : CUDA_R_32F, base->adds_dx);
}

/* Keras's rows are in (row, col, channel) order; ours in that of the input. */
static void add_parameters(dense_plan *plan)
{
    const cuda_order in = hpac_cuda_order_of(&plan->base.input);
    const size_t outputs = hpac_cuda_order_of(&plan->base.output).lengths[3];
    const cuda_order kernel = {
        .lengths = {in.lengths[1], in.lengths[2], in.lengths[3], outputs},
        .strides = {in.strides[1] * outputs, in.strides[2] * outputs, in.strides[3] * outputs, 1},
    };
    hpac_cuda_plan_add_kernel(&plan->base, plan->chain.dense, &kernel, plan->has_bias);
}

static void plan_memory(dense_plan *plan)
{
    const cuda_plan *base = &plan->base;
    hpac_plan *public = &plan->base.base;
    size_t count = hpac_cuda_tensor_count(&base->output);
    plan->partials_offset =
        hpac_plan_reserve(&public->workspace_nbytes, hpac_kernel_partials_nbytes(&base->output));
    if (base->output.bf16)
        plan->sums_offset = hpac_plan_reserve(&public->workspace_nbytes, count * sizeof(float));
    else if (base->input.bf16)
        plan->gradient_offset = hpac_plan_reserve(&public->workspace_nbytes, count * 2);
}

static void choose_precision(dense_plan *plan)
{
    const cuda_device *device = hpac_cuda_device_of(&plan->base);
    bool bf16 = plan->base.input.bf16, tf32 = device->precision != HPAC_PRECISION_FP32;
    plan->compute = !bf16 && tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
    snprintf(plan->base.base.algorithm, sizeof plan->base.base.algorithm, "cublas gemm, %s",
             bf16   ? "bf16"
             : tf32 ? "tf32"
                    : "fp32");
}

static bool find_chain(const hpac_plan_request *request, dense_chain *chain)
{
    const hpac_op *ops = request->ops;
    size_t next = ops[0].kind == HPAC_OP_FLATTEN;
    if (next >= request->op_count || ops[next].kind != HPAC_OP_DENSE)
        return false;
    chain->dense = next++;
    chain->relu = next < request->op_count && ops[next].kind == HPAC_OP_RELU;
    next += chain->relu;
    chain->drops = next < request->op_count && ops[next].kind == HPAC_OP_DROPOUT;
    next += chain->drops;
    return next == request->op_count;
}

hpac_status hpac_cuda_try_dense(cuda_device *device, const hpac_plan_request *request,
                                cuda_plan **result)
{
    dense_chain chain;
    if (!find_chain(request, &chain) || hpac_plan_has_views(request))
        return HPAC_OK;
    HPAC_TRY(hpac_cuda_plan_alloc(device, request, sizeof(dense_plan), dense_forward,
                                  dense_backward, result));
    dense_plan *plan = (dense_plan *)*result;
    plan->chain = chain;
    plan->has_bias = !request->ops[chain.dense].no_bias;
    plan->base.base.ignores_x = request->frozen;
    plan->base.base.ignores_y = !chain.relu;
    if (chain.drops)
        plan->dropout = hpac_cuda_dropout(device, &request->ops[request->op_count - 1]);
    plan->inputs = (int)hpac_shape_count(request->ops[chain.dense].in);
    plan->outputs = plan->base.output.channels;
    if (request->plain_output)
        hpac_cuda_plan_set_output(&plan->base, HPAC_LAYOUT_PLAIN);
    add_parameters(plan);
    plan_memory(plan);
    choose_precision(plan);
    return HPAC_OK;
}
