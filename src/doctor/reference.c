/* The reference implementation of the operations: no tricks, on purpose. Backward begins with
 * gradients of zeros. */
#include "reference.h"

#include "base/random.h"

#include <math.h>
#include <string.h>

static size_t index_of(hpac_shape shape, size_t image, size_t row, size_t col, size_t channel)
{
    size_t pixel = (image * shape.rows + row) * shape.cols + col;
    return pixel * shape.channels + channel;
}

static size_t kernel_count(const hpac_op *op)
{
    if (op->kind == HPAC_OP_DENSE)
        return hpac_shape_count(op->in) * op->out.channels;
    if (op->kind == HPAC_OP_CONV2D)
        return op->kernel_rows * op->kernel_cols * (op->in.channels / op->groups) *
               op->out.channels;
    return 0;
}

size_t hpac_reference_count(const hpac_op *op, hpac_role role)
{
    bool norm = op->kind == HPAC_OP_BATCH_NORM;
    bool affine = op->kind == HPAC_OP_DENSE || op->kind == HPAC_OP_CONV2D;
    const bool has[HPAC_ROLE_COUNT] = {
        [HPAC_BIAS] = affine && !op->no_bias, [HPAC_GAMMA] = norm && !op->no_gamma,
        [HPAC_BETA] = norm && !op->no_beta,   [HPAC_MOVING_MEAN] = norm,
        [HPAC_MOVING_VARIANCE] = norm,
    };
    return role == HPAC_KERNEL ? kernel_count(op) : has[role] ? op->out.channels : 0;
}

static size_t output_count(const reference_call *call)
{
    return call->batch * hpac_shape_count(call->op->out);
}

/* ---- windows ---- */

/* The operation with all that windows need: a dense layer is a convolution whose kernel covers the
 * input, a global pool is one whose window does, and pools have no dilation. */
static hpac_op window_of(const hpac_op *op)
{
    hpac_op window = *op;
    if (op->kind == HPAC_OP_CONV2D)
        return window;
    window.dilation_rows = window.dilation_cols = window.groups = 1;
    if (op->kind == HPAC_OP_MAXPOOL || op->kind == HPAC_OP_AVGPOOL)
        return window;
    window.kernel_rows = op->in.rows;
    window.kernel_cols = op->in.cols;
    window.stride_rows = window.stride_cols = 1;
    window.pad_top = window.pad_bottom = window.pad_left = window.pad_right = 0;
    return window;
}

/* An output pixel of an image, and one of the pixels in its window. */
typedef struct window_tap {
    size_t n, r, c; /* image, output row and column */
    size_t i, j;    /* in the window */
    size_t row, col;
} window_tap;

typedef void tap_function(const reference_call *call, const hpac_op *op, const window_tap *tap,
                          void *context);

/* Calls `function` for the pixels of a window that are inside the image, in row order. */
static void for_window(const reference_call *call, const hpac_op *op, window_tap tap,
                       tap_function *function, void *context)
{
    for (tap.i = 0; tap.i < op->kernel_rows; tap.i++)
        for (tap.j = 0; tap.j < op->kernel_cols; tap.j++) {
            size_t row = tap.r * op->stride_rows + tap.i * op->dilation_rows;
            size_t col = tap.c * op->stride_cols + tap.j * op->dilation_cols;
            tap.row = row - op->pad_top;
            tap.col = col - op->pad_left;
            if (row >= op->pad_top && tap.row < op->in.rows && col >= op->pad_left &&
                tap.col < op->in.cols)
                function(call, op, &tap, context);
        }
}

typedef void window_function(const reference_call *call, const hpac_op *op, window_tap tap,
                             bool backward);

/* Calls `function` for each window of each image. */
static void for_windows(const reference_call *call, window_function *function, bool backward)
{
    const hpac_op op = window_of(call->op);
    for (size_t n = 0; n < call->batch; n++)
        for (size_t r = 0; r < op.out.rows; r++)
            for (size_t c = 0; c < op.out.cols; c++)
                function(call, &op, (window_tap){.n = n, .r = r, .c = c}, backward);
}

/* ---- convolution and dense ---- */

/* The products of one pixel with the kernel, each channel in its group. */
static void multiply_tap(const reference_call *call, const hpac_op *op, const window_tap *tap,
                         void *context)
{
    bool backward = *(const bool *)context;
    const double *kernel = call->values[HPAC_KERNEL];
    double *gradient = call->gradients[HPAC_KERNEL];
    size_t in = op->in.channels / op->groups, out = op->out.channels / op->groups;
    for (size_t m = 0; m < op->in.channels; m++) {
        size_t first = m / in * out;
        size_t xi = index_of(op->in, tap->n, tap->row, tap->col, m);
        size_t yi = index_of(op->out, tap->n, tap->r, tap->c, first);
        size_t wi = ((tap->i * op->kernel_cols + tap->j) * in + m % in) * op->out.channels + first;
        for (size_t k = 0; k < out; k++, yi++, wi++) {
            if (!backward)
                call->y[yi] += call->x[xi] * kernel[wi];
            else
                call->dx[xi] += call->dy[yi] * kernel[wi];
            if (backward && gradient)
                gradient[wi] += call->dy[yi] * call->x[xi];
        }
    }
}

static void affine_window(const reference_call *call, const hpac_op *op, window_tap tap,
                          bool backward)
{
    const double *bias = call->values[HPAC_BIAS];
    double *gradient = call->gradients[HPAC_BIAS];
    size_t yi = index_of(op->out, tap.n, tap.r, tap.c, 0);
    for (size_t k = 0; k < op->out.channels; k++)
        if (!backward)
            call->y[yi + k] = bias ? bias[k] : 0;
        else if (gradient)
            gradient[k] += call->dy[yi + k];
    for_window(call, op, tap, multiply_tap, &backward);
}

static void affine(const reference_call *call, bool backward)
{
    for_windows(call, affine_window, backward);
}

/* ---- pools ---- */

/* What a pool finds in a window, for one channel. */
typedef struct pool_scan {
    size_t channel, count, argmax;
    double sum, add; /* `add` is added to the gradient of each pixel */
} pool_scan;

static void scan_tap(const reference_call *call, const hpac_op *op, const window_tap *tap,
                     void *context)
{
    pool_scan *scan = context;
    size_t xi = index_of(op->in, tap->n, tap->row, tap->col, scan->channel);
    if (scan->count == 0 || call->x[xi] > call->x[scan->argmax])
        scan->argmax = xi;
    scan->sum += call->x[xi];
    scan->count++;
}

static void spread_tap(const reference_call *call, const hpac_op *op, const window_tap *tap,
                       void *context)
{
    const pool_scan *scan = context;
    call->dx[index_of(op->in, tap->n, tap->row, tap->col, scan->channel)] += scan->add;
}

static void maxpool_window(const reference_call *call, const hpac_op *op, window_tap tap,
                           bool backward)
{
    for (size_t k = 0; k < op->out.channels; k++) {
        pool_scan scan = {.channel = k};
        size_t yi = index_of(op->out, tap.n, tap.r, tap.c, k);
        for_window(call, op, tap, scan_tap, &scan);
        if (backward)
            call->dx[scan.argmax] += call->dy[yi];
        else
            call->y[yi] = call->x[scan.argmax];
    }
}

static void avgpool_window(const reference_call *call, const hpac_op *op, window_tap tap,
                           bool backward)
{
    for (size_t k = 0; k < op->out.channels; k++) {
        pool_scan scan = {.channel = k};
        size_t yi = index_of(op->out, tap.n, tap.r, tap.c, k);
        for_window(call, op, tap, scan_tap, &scan);
        scan.add = backward ? call->dy[yi] / (double)scan.count : 0;
        if (backward)
            for_window(call, op, tap, spread_tap, &scan);
        else
            call->y[yi] = scan.sum / (double)scan.count;
    }
}

static void maxpool(const reference_call *call, bool backward)
{
    for_windows(call, maxpool_window, backward);
}

static void avgpool(const reference_call *call, bool backward)
{
    for_windows(call, avgpool_window, backward);
}

/* ---- batch normalization ---- */

static bool uses_batch_statistics(const reference_call *call)
{
    return call->draw.training && !call->frozen_statistics;
}

reference_norm hpac_reference_norm(const reference_call *call, size_t channel)
{
    reference_norm norm = {0};
    size_t channels = call->op->in.channels, count = output_count(call);
    double pixels = (double)count / (double)channels;
    for (size_t i = channel; i < count; i += channels)
        norm.mean += call->x[i] / pixels;
    for (size_t i = channel; i < count; i += channels)
        norm.variance += (call->x[i] - norm.mean) * (call->x[i] - norm.mean) / pixels;
    if (!uses_batch_statistics(call)) {
        norm.mean = call->values[HPAC_MOVING_MEAN][channel];
        norm.variance = call->values[HPAC_MOVING_VARIANCE][channel];
    }
    norm.inverse = 1 / sqrt(norm.variance + (double)call->op->epsilon);
    return norm;
}

static void norm_forward(const reference_call *call, size_t k, const reference_norm *norm)
{
    const double *gamma = call->values[HPAC_GAMMA], *beta = call->values[HPAC_BETA];
    double *mean = call->values[HPAC_MOVING_MEAN], *variance = call->values[HPAC_MOVING_VARIANCE];
    double momentum = (double)call->op->momentum;
    for (size_t i = k; i < output_count(call); i += call->op->in.channels)
        call->y[i] = (call->x[i] - norm->mean) * norm->inverse * (gamma ? gamma[k] : 1) +
                     (beta ? beta[k] : 0);
    if (!uses_batch_statistics(call))
        return;
    mean[k] = momentum * mean[k] + (1 - momentum) * norm->mean;
    variance[k] = momentum * variance[k] + (1 - momentum) * norm->variance;
}

/* Through mean and variance, too, where they are those of the batch. */
static void norm_backward(const reference_call *call, size_t k, const reference_norm *norm)
{
    const double *gamma = call->values[HPAC_GAMMA];
    size_t channels = call->op->in.channels, count = output_count(call);
    double factor = norm->inverse * (gamma ? gamma[k] : 1);
    double pixels = (double)count / (double)channels, sum_dy = 0, sum_dy_hat = 0;
    for (size_t i = k; i < count; i += channels) {
        sum_dy += call->dy[i];
        sum_dy_hat += call->dy[i] * (call->x[i] - norm->mean) * norm->inverse;
    }
    for (size_t i = k; i < count; i += channels) {
        double hat = (call->x[i] - norm->mean) * norm->inverse;
        double through = uses_batch_statistics(call) ? (sum_dy + hat * sum_dy_hat) / pixels : 0;
        call->dx[i] = factor * (call->dy[i] - through);
    }
    if (call->gradients[HPAC_GAMMA])
        call->gradients[HPAC_GAMMA][k] = sum_dy_hat;
    if (call->gradients[HPAC_BETA])
        call->gradients[HPAC_BETA][k] = sum_dy;
}

static void batch_norm(const reference_call *call, bool backward)
{
    for (size_t k = 0; k < call->op->in.channels; k++) {
        reference_norm norm = hpac_reference_norm(call, k);
        if (backward)
            norm_backward(call, k, &norm);
        else
            norm_forward(call, k, &norm);
    }
}

/* ---- several inputs ---- */

static void add(const reference_call *call, bool backward)
{
    for (size_t i = 0; i < output_count(call); i++) {
        double *to = backward ? &call->dx[i] : &call->y[i];
        *to = backward ? call->dy[i] : call->x[i];
        for (size_t s = 0; s < call->op->side_count; s++)
            if (backward)
                call->dsides[s][i] = call->dy[i];
            else
                *to += call->sides[s][i];
    }
}

/* The side's value for value i of x: its own, or that of its image and channel. */
static size_t factor_index(const hpac_op *op, size_t i)
{
    size_t count = hpac_shape_count(op->in), channels = op->in.channels;
    return hpac_shape_count(op->sides[0]) == count ? i : i / count * channels + i % channels;
}

static void multiply(const reference_call *call, bool backward)
{
    for (size_t i = 0; i < output_count(call); i++) {
        size_t factor = factor_index(call->op, i);
        if (backward) {
            call->dx[i] = call->dy[i] * call->sides[0][factor];
            call->dsides[0][factor] += call->dy[i] * call->x[i];
        } else {
            call->y[i] = call->x[i] * call->sides[0][factor];
        }
    }
}

/* Channels `first` .. of the output are the input `from`, or its gradient. */
static void copy_channels(const reference_call *call, hpac_shape shape, size_t first,
                          const double *from, double *gradient)
{
    hpac_shape out = call->op->out;
    for (size_t pixel = 0; pixel < call->batch * out.rows * out.cols; pixel++)
        for (size_t k = 0; k < shape.channels; k++) {
            size_t yi = pixel * out.channels + first + k;
            if (gradient)
                gradient[pixel * shape.channels + k] = call->dy[yi];
            else
                call->y[yi] = from[pixel * shape.channels + k];
        }
}

static void concat(const reference_call *call, bool backward)
{
    const hpac_op *op = call->op;
    size_t first = op->in.channels;
    copy_channels(call, op->in, 0, call->x, backward ? call->dx : NULL);
    for (size_t s = 0; s < op->side_count; first += op->sides[s++].channels)
        copy_channels(call, op->sides[s], first, call->sides[s], backward ? call->dsides[s] : NULL);
}

/* ---- the rest: one value of x for one of y ---- */

static void zero_pad(const reference_call *call, bool backward)
{
    const hpac_op *op = call->op;
    if (!backward)
        memset(call->y, 0, output_count(call) * sizeof *call->y);
    for (size_t n = 0; n < call->batch; n++)
        for (size_t r = 0; r < op->in.rows; r++)
            for (size_t c = 0; c < op->in.cols; c++)
                for (size_t k = 0; k < op->in.channels; k++) {
                    size_t xi = index_of(op->in, n, r, c, k);
                    size_t yi = index_of(op->out, n, r + op->pad_top, c + op->pad_left, k);
                    if (backward)
                        call->dx[xi] = call->dy[yi];
                    else
                        call->y[yi] = call->x[xi];
                }
}

/* The factor by which dropout multiplies a value. */
static double dropout_factor(const reference_call *call, size_t index)
{
    const hpac_op *op = call->op;
    if (!call->draw.training)
        return 1;
    if (op->whole_images)
        index /= hpac_shape_count(op->in);
    else if (op->whole_channels)
        index = index / hpac_shape_count(op->in) * op->in.channels + index % op->in.channels;
    uint32_t number =
        hpac_random_u32(call->draw.seed, HPAC_PURPOSE_DROPOUT, op->stream, call->draw.step, index);
    return number < hpac_dropout_threshold(op->rate) ? 0 : (double)(1.0F / (1.0F - op->rate));
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double silu(double x, bool derivative)
{
    double s = sigmoid(x);
    return derivative ? s * (1 + x * (1 - s)) : x * s;
}

static double gelu(double x, bool derivative)
{
    const double root_2 = 1.4142135623730951, root_2_pi = 2.5066282746310002;
    double below = (1 + erf(x / root_2)) / 2;
    return derivative ? below + x * exp(-x * x / 2) / root_2_pi : x * below;
}

/* A value of y, or its derivative by x. */
static double elementwise(const reference_call *call, size_t i, bool derivative)
{
    const hpac_op *op = call->op;
    double x = call->x[i], y = call->y[i];
    switch (op->kind) {
    case HPAC_OP_RELU:
        return derivative ? y > 0 : x > 0 ? x : 0;
    case HPAC_OP_RELU6:
        return derivative ? y > 0 && y < 6 : fmin(x > 0 ? x : 0, 6);
    case HPAC_OP_SIGMOID:
        return derivative ? y * (1 - y) : sigmoid(x);
    case HPAC_OP_TANH:
        return derivative ? 1 - y * y : tanh(x);
    case HPAC_OP_SILU:
        return silu(x, derivative);
    case HPAC_OP_GELU:
        return gelu(x, derivative);
    case HPAC_OP_SOFTPLUS:
        return derivative ? sigmoid(x) : fmax(x, 0) + log1p(exp(-fabs(x)));
    case HPAC_OP_DROPOUT:
        return dropout_factor(call, i) * (derivative ? 1 : x);
    case HPAC_OP_RESCALE: {
        size_t k = i % op->in.channels;
        return derivative ? (double)op->factor[k]
                          : x * (double)op->factor[k] + (double)op->offset[k];
    }
    case HPAC_OP_PIXELS: /* the first, whose derivative nothing asks for */
        return derivative ? 1 : op->pixels == HPAC_PIXELS_UINT8 ? x / 255 : x;
    default: /* flatten, reshape */
        return derivative ? 1 : x;
    }
}

static void each_value(const reference_call *call, bool backward)
{
    for (size_t i = 0; i < output_count(call); i++)
        if (backward)
            call->dx[i] = call->dy[i] * elementwise(call, i, true);
        else
            call->y[i] = elementwise(call, i, false);
}

/* ---- margins ---- */

/* Distance of a value from the kinks. */
static double kink_distance(hpac_op_kind kind, double x)
{
    if (kind != HPAC_OP_RELU && kind != HPAC_OP_RELU6)
        return INFINITY;
    return kind == HPAC_OP_RELU6 ? fmin(fabs(x), fabs(x - 6)) : fabs(x);
}

/* The largest value of a window, for one channel, and the distance of the next one below. */
typedef struct margin_scan {
    size_t channel;
    double largest, *margin;
} margin_scan;

static void margin_tap(const reference_call *call, const hpac_op *op, const window_tap *tap,
                       void *context)
{
    margin_scan *scan = context;
    double x = call->x[index_of(op->in, tap->n, tap->row, tap->col, scan->channel)];
    if (x != scan->largest)
        *scan->margin = fmin(*scan->margin, scan->largest - x);
}

static double maxpool_margin(const reference_call *call)
{
    double margin = INFINITY;
    const hpac_op op = window_of(call->op);
    for (size_t i = 0; i < output_count(call); i++) {
        size_t pixel = i / op.out.channels, row = pixel / op.out.cols;
        margin_scan scan = {i % op.out.channels, call->y[i], &margin};
        for_window(
            call, &op,
            (window_tap){.n = row / op.out.rows, .r = row % op.out.rows, .c = pixel % op.out.cols},
            margin_tap, &scan);
    }
    return margin;
}

double hpac_reference_margin(const reference_call *call)
{
    double margin = INFINITY;
    if (call->op->kind == HPAC_OP_MAXPOOL || call->op->kind == HPAC_OP_GLOBAL_MAXPOOL)
        return maxpool_margin(call);
    for (size_t i = 0; i < call->batch * hpac_shape_count(call->op->in); i++)
        margin = fmin(margin, kink_distance(call->op->kind, call->x[i]));
    return margin;
}

typedef void compute_function(const reference_call *call, bool backward);

static void compute(const reference_call *call, bool backward)
{
    static compute_function *const functions[HPAC_OP_COUNT] = {
        [HPAC_OP_CONV2D] = affine,         [HPAC_OP_DENSE] = affine,
        [HPAC_OP_MAXPOOL] = maxpool,       [HPAC_OP_GLOBAL_MAXPOOL] = maxpool,
        [HPAC_OP_AVGPOOL] = avgpool,       [HPAC_OP_GLOBAL_AVGPOOL] = avgpool,
        [HPAC_OP_BATCH_NORM] = batch_norm, [HPAC_OP_ADD] = add,
        [HPAC_OP_MULTIPLY] = multiply,     [HPAC_OP_CONCAT] = concat,
        [HPAC_OP_ZERO_PAD] = zero_pad,
    };
    compute_function *function = functions[call->op->kind];
    (function ? function : each_value)(call, backward);
}

void hpac_reference_forward(const reference_call *call)
{
    compute(call, false);
}

static void clear(double *values, size_t count)
{
    if (values)
        memset(values, 0, count * sizeof *values);
}

void hpac_reference_backward(const reference_call *call)
{
    const hpac_op *op = call->op;
    clear(call->dx, call->batch * hpac_shape_count(op->in));
    for (size_t s = 0; s < op->side_count; s++)
        clear(call->dsides[s], call->batch * hpac_shape_count(op->sides[s]));
    for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++)
        clear(call->gradients[role], hpac_reference_count(op, role));
    compute(call, true);
}

static void adadelta(const hpac_optimizer *optimizer, double lr, double g, double *w, double *a,
                     double *u)
{
    const double rho = (double)optimizer->rho, epsilon = (double)optimizer->epsilon;
    *a = rho * *a + (1 - rho) * g * g;
    double d = g * sqrt(*u + epsilon) / sqrt(*a + epsilon);
    *u = rho * *u + (1 - rho) * d * d;
    *w -= lr * d;
}

static void sgd(const hpac_optimizer *optimizer, double lr, double g, double *w, double *m)
{
    const double momentum = (double)optimizer->momentum;
    double moved = (momentum > 0 ? momentum * *m : 0) - lr * g;
    *w += optimizer->nesterov ? momentum * moved - lr * g : moved;
    if (momentum > 0)
        *m = moved;
}

static void adam(const hpac_optimizer *optimizer, double lr, double correction, double g, double *w,
                 double *m, double *v)
{
    if (optimizer->kind == HPAC_OPTIMIZER_ADAMW)
        *w -= lr * (double)optimizer->weight_decay * *w;
    *m += (1 - (double)optimizer->beta_1) * (g - *m);
    *v += (1 - (double)optimizer->beta_2) * (g * g - *v);
    *w -= lr * correction * *m / (sqrt(*v) + (double)optimizer->epsilon);
}

void hpac_reference_update(const hpac_optimizer *optimizer, const hpac_step *step, double gradient,
                           double *w, double *state, double *state_2)
{
    double lr = (double)step->learning_rate;
    if (optimizer->kind == HPAC_OPTIMIZER_ADADELTA)
        adadelta(optimizer, lr, gradient, w, state, state_2);
    else if (optimizer->kind == HPAC_OPTIMIZER_SGD)
        sgd(optimizer, lr, gradient, w, state);
    else
        adam(optimizer, lr, (double)step->correction, gradient, w, state, state_2);
}
