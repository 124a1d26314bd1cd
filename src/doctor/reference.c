/* The reference implementation of the operations: no tricks, on purpose. Backward begins with dx of
 * zeros. */
#include "reference.h"

#include "base/random.h"

#include <math.h>
#include <string.h>

static size_t index_of(hpac_shape shape, size_t image, size_t row, size_t col, size_t channel)
{
    size_t pixel = (image * shape.rows + row) * shape.cols + col;
    return pixel * shape.channels + channel;
}

size_t hpac_reference_kernel_count(const hpac_op *op)
{
    if (op->kind == HPAC_OP_DENSE)
        return hpac_shape_count(op->in) * op->out.channels;
    if (op->kind == HPAC_OP_CONV2D)
        return op->kernel_rows * op->kernel_cols * op->in.channels * op->out.channels;
    return 0;
}

size_t hpac_reference_bias_count(const hpac_op *op)
{
    return hpac_reference_kernel_count(op) > 0 ? op->out.channels : 0;
}

static size_t output_count(const reference_call *call)
{
    return call->batch * hpac_shape_count(call->op->out);
}

/* All products of input and kernel, and the bias. A dense layer is a convolution whose kernel
 * covers the input. */
static void affine(const reference_call *call, bool backward)
{
    const hpac_op *op = call->op;
    bool dense = op->kind == HPAC_OP_DENSE;
    size_t rows = dense ? op->in.rows : op->kernel_rows;
    size_t cols = dense ? op->in.cols : op->kernel_cols;
    if (backward) {
        memset(call->kernel_gradient, 0,
               hpac_reference_kernel_count(op) * sizeof *call->kernel_gradient);
        memset(call->bias_gradient, 0, op->out.channels * sizeof *call->bias_gradient);
    }
    for (size_t i = 0; i < output_count(call); i++)
        if (backward)
            call->bias_gradient[i % op->out.channels] += call->dy[i];
        else
            call->y[i] = call->bias[i % op->out.channels];
    for (size_t n = 0; n < call->batch; n++)
        for (size_t r = 0; r < op->out.rows; r++)
            for (size_t c = 0; c < op->out.cols; c++)
                for (size_t i = 0; i < rows; i++)
                    for (size_t j = 0; j < cols; j++)
                        for (size_t m = 0; m < op->in.channels; m++) {
                            size_t yi = index_of(op->out, n, r, c, 0);
                            size_t xi = index_of(op->in, n, r + i, c + j, m);
                            size_t wi = ((i * cols + j) * op->in.channels + m) * op->out.channels;
                            for (size_t k = 0; k < op->out.channels; k++, yi++, wi++)
                                if (backward) {
                                    call->dx[xi] += call->dy[yi] * call->kernel[wi];
                                    call->kernel_gradient[wi] += call->dy[yi] * call->x[xi];
                                } else {
                                    call->y[yi] += call->x[xi] * call->kernel[wi];
                                }
                        }
}

/* The first maximum of the window, row by row: as in Keras, it gets the gradient. */
static size_t window_argmax(const reference_call *call, size_t n, size_t r, size_t c,
                            size_t channel)
{
    const hpac_op *op = call->op;
    size_t argmax = index_of(op->in, n, r * op->kernel_rows, c * op->kernel_cols, channel);
    for (size_t i = 0; i < op->kernel_rows; i++)
        for (size_t j = 0; j < op->kernel_cols; j++) {
            size_t other =
                index_of(op->in, n, r * op->kernel_rows + i, c * op->kernel_cols + j, channel);
            if (call->x[other] > call->x[argmax])
                argmax = other;
        }
    return argmax;
}

static void maxpool(const reference_call *call, bool backward)
{
    hpac_shape out = call->op->out;
    for (size_t n = 0; n < call->batch; n++)
        for (size_t r = 0; r < out.rows; r++)
            for (size_t c = 0; c < out.cols; c++)
                for (size_t k = 0; k < out.channels; k++) {
                    size_t argmax = window_argmax(call, n, r, c, k);
                    size_t yi = index_of(out, n, r, c, k);
                    if (backward)
                        call->dx[argmax] = call->dy[yi];
                    else
                        call->y[yi] = call->x[argmax];
                }
}

/* The factor by which dropout multiplies a value. */
static double dropout_factor(const reference_call *call, size_t index)
{
    const hpac_op *op = call->op;
    if (!call->draw.training)
        return 1;
    uint32_t number =
        hpac_random_u32(call->draw.seed, HPAC_PURPOSE_DROPOUT, op->stream, call->draw.step, index);
    return number < hpac_dropout_threshold(op->rate) ? 0 : (double)(1.0F / (1.0F - op->rate));
}

/* A value of y, or its derivative by x. */
static double elementwise(const reference_call *call, size_t i, bool derivative)
{
    double x = call->x[i], y = call->y[i];
    switch (call->op->kind) {
    case HPAC_OP_RELU:
        return derivative ? y > 0 : x > 0 ? x : 0;
    case HPAC_OP_SIGMOID:
        return derivative ? y * (1 - y) : 1 / (1 + exp(-x));
    case HPAC_OP_DROPOUT:
        return dropout_factor(call, i) * (derivative ? 1 : x);
    case HPAC_OP_PIXELS: /* the first, whose derivative nothing asks for */
        return derivative ? 1 : call->op->pixels == HPAC_PIXELS_UINT8 ? x / 255 : x;
    default:
        return derivative ? 1 : x;
    }
}

static void compute(const reference_call *call, bool backward)
{
    if (hpac_reference_kernel_count(call->op) > 0)
        affine(call, backward);
    else if (call->op->kind == HPAC_OP_MAXPOOL)
        maxpool(call, backward);
    else
        for (size_t i = 0; i < output_count(call); i++)
            if (backward)
                call->dx[i] = call->dy[i] * elementwise(call, i, true);
            else
                call->y[i] = elementwise(call, i, false);
}

void hpac_reference_forward(const reference_call *call)
{
    compute(call, false);
}

void hpac_reference_backward(const reference_call *call)
{
    size_t count = call->batch * hpac_shape_count(call->op->in);
    memset(call->dx, 0, count * sizeof *call->dx);
    compute(call, true);
}

void hpac_reference_adadelta(const hpac_adadelta *adadelta, double gradient, double *w, double *a,
                             double *u)
{
    const double rho = (double)adadelta->rho, epsilon = (double)adadelta->epsilon;
    *a = rho * *a + (1 - rho) * gradient * gradient;
    double d = gradient * sqrt(*u + epsilon) / sqrt(*a + epsilon);
    *u = rho * *u + (1 - rho) * d * d;
    *w -= (double)adadelta->learning_rate * d;
}
