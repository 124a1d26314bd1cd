/* Dense layers, alone or with Flatten before and ReLU and dropout behind, by cuBLAS.
 *
 * cuBLAS is column-major: our row-major X (batch, in), W (in, out) and Y (batch, out) are its
 * X', W' and Y'. So Y = X W is asked for as Y' = W' X', and likewise the gradients.
 *
 * Flatten costs nothing: an image is taken as a vector in the order in which it lies in memory, and
 * the rows of the kernel are put in that order when they are written (parameter.c).
 *
 * fp32 asks for CUBLAS_COMPUTE_32F, which is float32 without TF32 by cuBLAS's default (unlike
 * cuDNN's).
 */
#include "cuda.h"

#include <stdio.h>

typedef struct dense_plan {
    cuda_plan base;
    size_t op; /* index of the dense operation in the chain */
    int inputs, outputs;
    bool relu, drops;
    kernel_dropout dropout;
    cublasComputeType_t compute;
    size_t cast_offset;     /* state, bf16: the kernel */
    size_t sums_offset;     /* workspace, output in bf16: float32 before the bias */
    size_t gradient_offset; /* workspace, bf16 in and float32 out: the gradient in bf16 */
    size_t partials_offset;
} dense_plan;

enum { KERNEL, BIAS };

/* One product of cuBLAS: c = op(a) op(b), all by columns. */
typedef struct gemm {
    bool transpose_a, transpose_b;
    int m, n, k;
    const void *a, *b;
    int lda, ldb;
    void *c;
    bool c_bf16;
} gemm;

static hpac_status multiply(const dense_plan *plan, const gemm *product)
{
    static const float one = 1, zero = 0;
    const cudaDataType_t type = plan->base.input.bf16 ? CUDA_R_16BF : CUDA_R_32F;
    CUDA_TRY(cublasGemmEx(
        hpac_cuda_device_of(&plan->base)->cublas, product->transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N,
        product->transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N, product->m, product->n, product->k, &one,
        product->a, type, product->lda, product->b, type, product->ldb, &zero, product->c,
        product->c_bf16 ? CUDA_R_16BF : CUDA_R_32F, product->m, plan->compute,
        CUBLAS_GEMM_DEFAULT));
    return HPAC_OK;
}

/* The kernel as the products want it: in the arena, or cast in the state. */
static const void *kernel_of(const dense_plan *plan, const hpac_exec_args *args)
{
    return plan->base.input.bf16
               ? hpac_cuda_at(args->state, plan->cast_offset)
               : hpac_cuda_at(args->parameters, plan->base.base.parameters[KERNEL].offset_nbytes);
}

static hpac_status cast_kernel(const dense_plan *plan, const hpac_exec_args *args)
{
    const kernel_tensor from = {
        .batch = plan->inputs, .rows = 1, .cols = 1, .channels = plan->outputs};
    kernel_tensor to = from;
    to.bf16 = true;
    CUDA_TRY(hpac_kernel_convert(
        &to, hpac_cuda_at(args->state, plan->cast_offset), &from,
        hpac_cuda_at(args->parameters, plan->base.base.parameters[KERNEL].offset_nbytes),
        hpac_cuda_stream(&plan->base)));
    return HPAC_OK;
}

static hpac_status dense_forward(cuda_plan *base, const hpac_exec_args *args)
{
    const dense_plan *plan = (const dense_plan *)base;
    void *sums = base->output.bf16 ? hpac_cuda_at(args->workspace, plan->sums_offset) : args->y;
    if (base->input.bf16)
        HPAC_TRY(cast_kernel(plan, args));
    HPAC_TRY(multiply(plan, &(gemm){
                                .m = plan->outputs,
                                .n = base->input.batch,
                                .k = plan->inputs,
                                .a = kernel_of(plan, args),
                                .lda = plan->outputs,
                                .b = args->x,
                                .ldb = plan->inputs,
                                .c = sums,
                            }));
    CUDA_TRY(hpac_kernel_bias(
        &base->output, hpac_cuda_at(args->parameters, base->base.parameters[BIAS].offset_nbytes),
        plan->relu, args->training && plan->drops ? &plan->dropout : NULL, args->y, sums,
        hpac_cuda_stream(base)));
    return HPAC_OK;
}

/* The gradient of the sums, in the format of the products, and that of the bias. */
static hpac_status go_back_to_sums(const dense_plan *plan, const hpac_exec_args *args,
                                   const void **dz)
{
    const cuda_plan *base = &plan->base;
    cudaStream_t stream = hpac_cuda_stream(base);
    bool changes = plan->relu || plan->drops;
    CUDA_TRY(hpac_kernel_bias_backward(
        &base->output, plan->relu, plan->drops ? &plan->dropout : NULL, changes ? args->dy : NULL,
        args->y, args->dy, hpac_cuda_at(args->gradients, base->base.parameters[BIAS].offset_nbytes),
        hpac_cuda_at(args->workspace, plan->partials_offset), stream));
    *dz = args->dy;
    if (base->input.bf16 == base->output.bf16)
        return HPAC_OK;
    kernel_tensor narrow = base->output;
    narrow.bf16 = true;
    void *cast = hpac_cuda_at(args->workspace, plan->gradient_offset);
    CUDA_TRY(hpac_kernel_convert(&narrow, cast, &base->output, args->dy, stream));
    *dz = cast;
    return HPAC_OK;
}

static hpac_status dense_backward(cuda_plan *base, const hpac_exec_args *args)
{
    const dense_plan *plan = (const dense_plan *)base;
    const void *dz = NULL;
    HPAC_TRY(go_back_to_sums(plan, args, &dz));
    HPAC_TRY(multiply(
        plan, &(gemm){
                  .transpose_b = true,
                  .m = plan->outputs,
                  .n = plan->inputs,
                  .k = base->input.batch,
                  .a = dz,
                  .lda = plan->outputs,
                  .b = args->x,
                  .ldb = plan->inputs,
                  .c = hpac_cuda_at(args->gradients, base->base.parameters[KERNEL].offset_nbytes),
              }));
    if (!args->dx)
        return HPAC_OK;
    return multiply(plan, &(gemm){
                              .transpose_a = true,
                              .m = plan->inputs,
                              .n = base->input.batch,
                              .k = plan->outputs,
                              .a = kernel_of(plan, args),
                              .lda = plan->outputs,
                              .b = dz,
                              .ldb = plan->outputs,
                              .c = args->dx,
                              .c_bf16 = base->input.bf16,
                          });
}

/* Keras's rows are in (row, col, channel) order; ours in that of the input. */
static void add_parameters(dense_plan *plan)
{
    const kernel_tensor *in = &plan->base.input;
    size_t rows = (size_t)in->rows, cols = (size_t)in->cols, channels = (size_t)in->channels;
    size_t outputs = (size_t)plan->outputs;
    const cuda_order kernel = {
        .lengths = {rows, cols, channels, outputs},
        .strides = {(in->nchw ? cols : cols * channels) * outputs,
                    (in->nchw ? 1 : channels) * outputs, (in->nchw ? rows * cols : 1) * outputs, 1},
    };
    const cuda_order bias = {.lengths = {1, 1, 1, outputs}, .strides = {0, 0, 0, 1}};
    hpac_cuda_plan_add_parameter(
        &plan->base, &(hpac_parameter){.op = plan->op, .count = (size_t)plan->inputs * outputs},
        &kernel);
    hpac_cuda_plan_add_parameter(
        &plan->base, &(hpac_parameter){.op = plan->op, .is_bias = true, .count = outputs}, &bias);
}

static void plan_memory(dense_plan *plan)
{
    const cuda_plan *base = &plan->base;
    hpac_plan *public = &plan->base.base;
    size_t count = hpac_cuda_tensor_count(&base->output);
    plan->partials_offset =
        hpac_plan_reserve(&public->workspace_nbytes, hpac_kernel_partials_nbytes(&base->output));
    if (base->input.bf16)
        plan->cast_offset =
            hpac_plan_reserve(&public->state_nbytes, public->parameters[KERNEL].count * 2);
    if (base->output.bf16)
        plan->sums_offset = hpac_plan_reserve(&public->workspace_nbytes, count * sizeof(float));
    else if (base->input.bf16)
        plan->gradient_offset = hpac_plan_reserve(&public->workspace_nbytes, count * 2);
}

static void choose_numbers(dense_plan *plan)
{
    const cuda_device *device = hpac_cuda_device_of(&plan->base);
    bool bf16 = plan->base.input.bf16, tf32 = device->precision != HPAC_PRECISION_FP32;
    plan->compute = !bf16 && tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
    snprintf(plan->base.base.algorithm, sizeof plan->base.base.algorithm, "cublas gemm, %s",
             bf16   ? "bf16"
             : tf32 ? "tf32"
                    : "fp32");
}

/* [flatten] dense [relu] [dropout]; finds the dense operation. */
static bool find_dense(const hpac_plan_request *request, size_t *op, bool *relu, bool *drops)
{
    size_t dense = request->ops[0].kind == HPAC_OP_FLATTEN ? 1 : 0, next = dense + 1;
    if (dense >= request->op_count || request->ops[dense].kind != HPAC_OP_DENSE)
        return false;
    *relu = next < request->op_count && request->ops[next].kind == HPAC_OP_RELU;
    next += *relu;
    *drops = next < request->op_count && request->ops[next].kind == HPAC_OP_DROPOUT;
    next += *drops;
    *op = dense;
    return next == request->op_count;
}

hpac_status hpac_cuda_try_dense(cuda_device *device, const hpac_plan_request *request,
                                cuda_plan **result)
{
    bool relu, drops;
    size_t op;
    if (!find_dense(request, &op, &relu, &drops))
        return HPAC_OK;
    HPAC_TRY(hpac_cuda_plan_alloc(device, request, sizeof(dense_plan), dense_forward,
                                  dense_backward, result));
    dense_plan *plan = (dense_plan *)*result;
    plan->op = op;
    plan->relu = relu;
    plan->drops = drops;
    if (drops)
        plan->dropout = hpac_cuda_dropout(device, &request->ops[request->op_count - 1]);
    plan->inputs = (int)hpac_shape_count(request->ops[op].in);
    plan->outputs = (int)request->ops[op].out.channels;
    if (request->plain_output)
        hpac_cuda_plan_set_output(&plan->base, HPAC_LAYOUT_PLAIN);
    add_parameters(plan);
    plan_memory(plan);
    choose_numbers(plan);
    return HPAC_OK;
}
