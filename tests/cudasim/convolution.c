/*
 * Convolutions as products of matrices, of tiles of columns (columns.h) with the kernels. Images
 * are computed side by side, groups one by one, on copies of their channels.
 *
 * Whatever the number of threads: sums have the same order, unless another is asked for.
 */
#include "columns.h"

#include <stdlib.h>
#include <string.h>

/* Parts of the batch, each with a sum of its own, in backward filter. */
enum { MAX_PARTS = 8 };

size_t cudasim_convolution_x_count(const cudasim_convolution *conv)
{
    return (size_t)conv->batch * (size_t)conv->channels * (size_t)conv->rows * (size_t)conv->cols;
}

size_t cudasim_convolution_w_count(const cudasim_convolution *conv)
{
    return (size_t)conv->filters * cudasim_columns_depth(conv) / (size_t)conv->groups;
}

static size_t out_pixels(const cudasim_convolution *conv)
{
    return (size_t)conv->out_rows * (size_t)conv->out_cols;
}

size_t cudasim_convolution_y_count(const cudasim_convolution *conv)
{
    return (size_t)conv->batch * (size_t)conv->filters * out_pixels(conv);
}

/* ---- kernels, images, results ------------------------------------------------------------------
 */

/* Turns every kernel by 180 degrees; a second time gives the first back. */
static void turn_kernels(const cudasim_convolution *conv, float *to, const float *from)
{
    size_t places = (size_t)conv->kernel_rows * (size_t)conv->kernel_cols;
    size_t outer = (size_t)conv->filters * (conv->nhwc ? 1 : (size_t)conv->channels);
    size_t inner = conv->nhwc ? (size_t)conv->channels : 1;
    for (size_t o = 0; o < outer; o++)
        for (size_t p = 0; p < places; p++)
            memcpy(to + (o * places + p) * inner, from + (o * places + places - 1 - p) * inner,
                   inner * sizeof(float));
}

/* The kernels as floats, as a cross-correlation wants them. The caller frees. */
static float *load_kernels(const cudasim_convolution *conv, const void *w)
{
    size_t count = cudasim_convolution_w_count(conv);
    float *buffer = cudasim_floats(count), *kernels = cudasim_floats(count);
    const float *values = cudasim_as_floats(conv->numbers, w, count, buffer);
    if (conv->flipped)
        turn_kernels(conv, kernels, values);
    else
        memcpy(kernels, values, count * sizeof(float));
    free(buffer);
    return kernels;
}

static const void *at(const cudasim_convolution *conv, const void *memory, size_t element)
{
    return (const char *)memory + element * cudasim_number_nbytes(conv->numbers);
}

static const float *load_image(const cudasim_convolution *conv, const void *images, size_t first,
                               size_t image_count, float *buffer)
{
    return cudasim_as_floats(conv->numbers, at(conv, images, first), image_count, buffer);
}

/* Writes alpha x values + beta x what is there. */
static void blend(const cudasim_convolution *conv, void *to, float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] *= conv->alpha;
    if (conv->beta != 0.0f) {
        float *buffer = cudasim_floats(count);
        const float *prior = cudasim_as_addends(conv->numbers, to, count, buffer);
        for (size_t i = 0; i < count; i++)
            values[i] += conv->beta * prior[i];
        free(buffer);
    }
    cudasim_store(conv->numbers, to, values, count);
}

static void add_bias(float *values, size_t count, const float *bias, size_t period)
{
    for (size_t i = 0; i < count; i += period)
        for (size_t j = 0; j < period; j++)
            values[i + j] += bias[j];
}

/* Writes a run of outputs, `element` on, with the epilogue. bias: `period` values, over and over.
 */
static void finish(const cudasim_convolution *conv, const cudasim_epilogue *epilogue, void *y,
                   size_t element, float *values, size_t count, const float *bias, size_t period)
{
    for (size_t i = 0; i < count; i++)
        values[i] *= conv->alpha;
    if (epilogue->z_scale != 0.0f) {
        float *buffer = cudasim_floats(count);
        const float *z =
            cudasim_as_addends(conv->numbers, at(conv, epilogue->z, element), count, buffer);
        for (size_t i = 0; i < count; i++)
            values[i] += epilogue->z_scale * z[i];
        free(buffer);
    }
    add_bias(values, count, bias, period);
    if (epilogue->relu)
        for (size_t i = 0; i < count; i++)
            values[i] = values[i] > 0.0f ? values[i] : 0.0f; /* NaN too becomes 0 */
    cudasim_store(conv->numbers, (void *)at(conv, y, element), values, count);
}

/* ---- forward -----------------------------------------------------------------------------------
 */

/* A tile of results lies as (pixels, filters) for NHWC, (filters, pixels) for NCHW. */
static void multiply_tile(const cudasim_convolution *conv, const float *kernels,
                          const cudasim_tile *tile, float *results)
{
    size_t filters = (size_t)conv->filters, depth = cudasim_columns_depth(conv);
    cudasim_product product;
    if (conv->nhwc)
        product = (cudasim_product){.rows = tile->pixels,
                                    .cols = filters,
                                    .depth = depth,
                                    .a = tile->columns,
                                    .lda = depth,
                                    .b = kernels,
                                    .ldb = depth,
                                    .b_transposed = true,
                                    .c = results,
                                    .ldc = filters};
    else
        product = (cudasim_product){.rows = filters,
                                    .cols = tile->pixels,
                                    .depth = depth,
                                    .a = kernels,
                                    .lda = depth,
                                    .b = tile->columns,
                                    .ldb = tile->pixels,
                                    .c = results,
                                    .ldc = tile->pixels};
    cudasim_multiply(&product);
}

static void write_tile(const cudasim_convolution *conv, const cudasim_epilogue *epilogue,
                       const float *bias, void *y, size_t image, const cudasim_tile *tile,
                       float *results)
{
    size_t filters = (size_t)conv->filters, pixels = out_pixels(conv);
    size_t runs = conv->nhwc ? 1 : filters;
    size_t count = conv->nhwc ? tile->pixels * filters : tile->pixels;
    for (size_t run = 0; run < runs; run++) {
        size_t element = image * conv->y_step + (conv->nhwc ? tile->first_pixel * filters
                                                            : run * pixels + tile->first_pixel);
        float *values = results + run * count;
        if (epilogue)
            finish(conv, epilogue, y, element, values, count, bias + (conv->nhwc ? 0 : run),
                   conv->nhwc ? filters : 1);
        else
            blend(conv, (void *)at(conv, y, element), values, count);
    }
}

static void convolve(const cudasim_convolution *conv, const cudasim_epilogue *epilogue,
                     const void *x, const void *w, void *y)
{
    size_t x_image = cudasim_convolution_x_count(conv) / (size_t)conv->batch;
    float *kernels = load_kernels(conv, w);
    float *bias_buffer = cudasim_floats((size_t)conv->filters);
    const float *bias = !epilogue ? NULL
                                  : cudasim_as_addends(conv->numbers, epilogue->bias,
                                                       (size_t)conv->filters, bias_buffer);
#pragma omp parallel
    {
        int rows = cudasim_tile_rows(conv);
        cudasim_tile tile = {.columns = cudasim_columns_create(conv)};
        float *buffer = cudasim_floats(x_image);
        float *results =
            cudasim_floats((size_t)conv->filters * (size_t)rows * (size_t)conv->out_cols);
#pragma omp for schedule(static)
        for (int n = 0; n < conv->batch; n++) {
            const float *image = load_image(conv, x, (size_t)n * conv->x_step, x_image, buffer);
            for (int row = 0; row < conv->out_rows; row += rows) {
                cudasim_tile_set(conv, &tile, row, rows);
                cudasim_columns_read(conv, image, &tile);
                multiply_tile(conv, kernels, &tile, results);
                write_tile(conv, epilogue, bias, y, (size_t)n, &tile, results);
            }
        }
        free(results);
        free(buffer);
        free(tile.columns);
    }
    free(bias_buffer);
    free(kernels);
}

/* ---- backward data -----------------------------------------------------------------------------
 */

/* Adds what `filters` filters from `first` on give to the columns of a tile; `gradients` is dy of
 * the image. */
static void multiply_back(const cudasim_convolution *conv, const float *kernels,
                          const float *gradients, const cudasim_tile *tile, size_t first,
                          size_t filters, float beta)
{
    size_t depth = cudasim_columns_depth(conv), all = (size_t)conv->filters,
           pixels = out_pixels(conv);
    cudasim_product product;
    if (conv->nhwc)
        product = (cudasim_product){.rows = tile->pixels,
                                    .cols = depth,
                                    .depth = filters,
                                    .a = gradients + tile->first_pixel * all + first,
                                    .lda = all,
                                    .b = kernels + first * depth,
                                    .ldb = depth,
                                    .c = tile->columns,
                                    .ldc = depth,
                                    .beta = beta};
    else
        product = (cudasim_product){.rows = depth,
                                    .cols = tile->pixels,
                                    .depth = filters,
                                    .a = kernels + first * depth,
                                    .lda = depth,
                                    .a_transposed = true,
                                    .b = gradients + first * pixels + tile->first_pixel,
                                    .ldb = pixels,
                                    .c = tile->columns,
                                    .ldc = tile->pixels,
                                    .beta = beta};
    cudasim_multiply(&product);
}

static void convolve_backward_data(const cudasim_convolution *conv, const void *w, const void *dy,
                                   void *dx)
{
    size_t x_image = cudasim_convolution_x_count(conv) / (size_t)conv->batch;
    size_t y_image = cudasim_convolution_y_count(conv) / (size_t)conv->batch;
    size_t filters = (size_t)conv->filters, first = conv->order % filters;
    float *kernels = load_kernels(conv, w);
#pragma omp parallel
    {
        int rows = cudasim_tile_rows(conv);
        cudasim_tile tile = {.columns = cudasim_columns_create(conv)};
        float *buffer = cudasim_floats(y_image), *sums = cudasim_floats(x_image);
#pragma omp for schedule(static)
        for (int n = 0; n < conv->batch; n++) {
            const float *gradients =
                load_image(conv, dy, (size_t)n * conv->y_step, y_image, buffer);
            memset(sums, 0, x_image * sizeof(float));
            for (int row = 0; row < conv->out_rows; row += rows) {
                cudasim_tile_set(conv, &tile, row, rows);
                multiply_back(conv, kernels, gradients, &tile, first, filters - first, 0.0f);
                if (first)
                    multiply_back(conv, kernels, gradients, &tile, 0, first, 1.0f);
                cudasim_columns_add(conv, sums, &tile);
            }
            blend(conv, (void *)at(conv, dx, (size_t)n * conv->x_step), sums, x_image);
        }
        free(sums);
        free(buffer);
        free(tile.columns);
    }
    free(kernels);
}

/* ---- backward filter ---------------------------------------------------------------------------
 */

/* Adds to `sum` what one tile gives. */
static void multiply_for_kernels(const cudasim_convolution *conv, const float *gradients,
                                 const cudasim_tile *tile, float *sum, float beta)
{
    size_t filters = (size_t)conv->filters, depth = cudasim_columns_depth(conv);
    cudasim_product product = {.rows = filters,
                               .cols = depth,
                               .depth = tile->pixels,
                               .b = tile->columns,
                               .c = sum,
                               .ldc = depth,
                               .beta = beta};
    if (conv->nhwc) {
        product.a = gradients + tile->first_pixel * filters;
        product.lda = filters;
        product.a_transposed = true;
        product.ldb = depth;
    } else {
        product.a = gradients + tile->first_pixel;
        product.lda = out_pixels(conv);
        product.ldb = tile->pixels;
        product.b_transposed = true;
    }
    cudasim_multiply(&product);
}

typedef struct filter_part {
    int first, end; /* images */
    float *sum;
} filter_part;

static void sum_part(const cudasim_convolution *conv, const void *x, const void *dy,
                     const filter_part *part)
{
    size_t x_image = cudasim_convolution_x_count(conv) / (size_t)conv->batch;
    size_t y_image = cudasim_convolution_y_count(conv) / (size_t)conv->batch;
    cudasim_tile tile = {.columns = cudasim_columns_create(conv)};
    float *x_buffer = cudasim_floats(x_image), *y_buffer = cudasim_floats(y_image);
    int rows = cudasim_tile_rows(conv);
    for (int n = part->first; n < part->end; n++) {
        const float *image = load_image(conv, x, (size_t)n * conv->x_step, x_image, x_buffer);
        const float *gradients = load_image(conv, dy, (size_t)n * conv->y_step, y_image, y_buffer);
        for (int row = 0; row < conv->out_rows; row += rows) {
            cudasim_tile_set(conv, &tile, row, rows);
            cudasim_columns_read(conv, image, &tile);
            multiply_for_kernels(conv, gradients, &tile, part->sum,
                                 n == part->first && row == 0 ? 0.0f : 1.0f);
        }
    }
    free(y_buffer);
    free(x_buffer);
    free(tile.columns);
}

/* Adds the parts up, beginning with any of them, into `total`. */
static void add_parts(const cudasim_convolution *conv, const float *sums, int parts, float *total)
{
    size_t count = cudasim_convolution_w_count(conv);
    memset(total, 0, count * sizeof(float));
    for (int i = 0; i < parts; i++) {
        const float *sum = sums + ((unsigned)i + conv->order) % (unsigned)parts * count;
        for (size_t e = 0; e < count; e++)
            total[e] += sum[e];
    }
}

static void convolve_backward_filter(const cudasim_convolution *conv, const void *x, const void *dy,
                                     void *dw)
{
    size_t count = cudasim_convolution_w_count(conv);
    int parts = conv->batch < MAX_PARTS ? conv->batch : MAX_PARTS;
    float *sums = cudasim_floats((size_t)parts * count);
    float *total = cudasim_floats(count), *turned = cudasim_floats(count);
#pragma omp parallel for schedule(static)
    for (int p = 0; p < parts; p++) {
        filter_part part = {.first = (int)((int64_t)p * conv->batch / parts),
                            .end = (int)((int64_t)(p + 1) * conv->batch / parts),
                            .sum = sums + (size_t)p * count};
        sum_part(conv, x, dy, &part);
    }
    add_parts(conv, sums, parts, total);
    if (conv->flipped)
        turn_kernels(conv, turned, total);
    blend(conv, dw, conv->flipped ? turned : total, count);
    free(turned);
    free(total);
    free(sums);
}

/* ---- groups ------------------------------------------------------------------------------------
 */

/* The channels of one group of a tensor, copied into memory of their own, and back. */
typedef struct channel_slice {
    size_t outer, run;   /* runs of numbers that lie side by side, and their bytes */
    size_t step, offset; /* from one run to the next, to the first */
} channel_slice;

static channel_slice slice_of(const cudasim_convolution *conv, int channels, size_t pixels,
                              size_t image_step, int group)
{
    size_t number = cudasim_number_nbytes(conv->numbers), all = (size_t)channels;
    size_t own = all / (size_t)conv->groups, batch = (size_t)conv->batch;
    size_t inner = conv->nhwc ? number : pixels * number;
    return (channel_slice){.outer = conv->nhwc ? batch * pixels : batch,
                           .run = own * inner,
                           .step = conv->nhwc ? all * inner : image_step * number,
                           .offset = (size_t)group * own * inner};
}

static void *take_slice(const channel_slice *slice, const void *tensor)
{
    char *copy = malloc(slice->outer * slice->run);
    if (!copy)
        cudasim_fail("no memory for a group of channels");
    for (size_t i = 0; i < slice->outer; i++)
        memcpy(copy + i * slice->run, (const char *)tensor + i * slice->step + slice->offset,
               slice->run);
    return copy;
}

static void put_slice(const channel_slice *slice, void *tensor, const void *copy)
{
    for (size_t i = 0; i < slice->outer; i++)
        memcpy((char *)tensor + i * slice->step + slice->offset,
               (const char *)copy + i * slice->run, slice->run);
}

/* A group by itself, with copies of its x and y, and its filters in their place. */
typedef struct group_call {
    cudasim_convolution conv;
    channel_slice x_slice, y_slice;
    void *x, *y;
    size_t w_offset, bias_offset; /* bytes */
} group_call;

static group_call enter_group(const cudasim_convolution *conv, const void *x, const void *y,
                              int group)
{
    size_t number = cudasim_number_nbytes(conv->numbers), count = (size_t)conv->groups;
    group_call call = {.conv = *conv};
    call.conv.groups = 1;
    call.conv.channels /= conv->groups;
    call.conv.filters /= conv->groups;
    size_t pixels = (size_t)conv->rows * (size_t)conv->cols;
    call.x_slice = slice_of(conv, conv->channels, pixels, conv->x_step, group);
    call.y_slice = slice_of(conv, conv->filters, out_pixels(conv), conv->y_step, group);
    call.conv.x_step = (size_t)call.conv.channels * pixels;
    call.conv.y_step = (size_t)call.conv.filters * out_pixels(conv);
    call.x = take_slice(&call.x_slice, x);
    call.y = take_slice(&call.y_slice, y);
    call.w_offset = cudasim_convolution_w_count(conv) / count * (size_t)group * number;
    call.bias_offset = (size_t)conv->filters / count * (size_t)group * number;
    return call;
}

static void leave_group(group_call *call)
{
    free(call->x);
    free(call->y);
}

/* z is y or another tensor of its shape. */
static void convolve_group(const group_call *call, const cudasim_epilogue *epilogue, const void *w)
{
    cudasim_epilogue own = {0};
    const char *kernels = (const char *)w + call->w_offset;
    if (!epilogue) {
        convolve(&call->conv, NULL, call->x, kernels, call->y);
        return;
    }
    own = *epilogue;
    void *z = take_slice(&call->y_slice, epilogue->z);
    own.bias = (const char *)epilogue->bias + call->bias_offset;
    own.z = z;
    convolve(&call->conv, &own, call->x, kernels, call->y);
    free(z);
}

void cudasim_convolve(const cudasim_convolution *conv, const cudasim_epilogue *epilogue,
                      const void *x, const void *w, void *y)
{
    if (conv->groups == 1) {
        convolve(conv, epilogue, x, w, y);
        return;
    }
    for (int g = 0; g < conv->groups; g++) {
        group_call call = enter_group(conv, x, y, g);
        convolve_group(&call, epilogue, w);
        put_slice(&call.y_slice, y, call.y);
        leave_group(&call);
    }
}

void cudasim_convolve_backward_data(const cudasim_convolution *conv, const void *w, const void *dy,
                                    void *dx)
{
    if (conv->groups == 1) {
        convolve_backward_data(conv, w, dy, dx);
        return;
    }
    for (int g = 0; g < conv->groups; g++) {
        group_call call = enter_group(conv, dx, dy, g);
        convolve_backward_data(&call.conv, (const char *)w + call.w_offset, call.y, call.x);
        put_slice(&call.x_slice, dx, call.x);
        leave_group(&call);
    }
}

void cudasim_convolve_backward_filter(const cudasim_convolution *conv, const void *x,
                                      const void *dy, void *dw)
{
    if (conv->groups == 1) {
        convolve_backward_filter(conv, x, dy, dw);
        return;
    }
    for (int g = 0; g < conv->groups; g++) {
        group_call call = enter_group(conv, x, dy, g);
        convolve_backward_filter(&call.conv, call.x, call.y, (char *)dw + call.w_offset);
        leave_group(&call);
    }
}
