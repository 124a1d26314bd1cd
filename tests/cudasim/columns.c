/* Images unrolled into columns, and columns added up into images. */
#include "columns.h"

#include <string.h>

/* Half a MB, well within the second cache. */
enum { TILE_FLOATS = 128 * 1024 };

size_t cudasim_columns_depth(const cudasim_convolution *conv)
{
    return (size_t)conv->channels * (size_t)conv->kernel_rows * (size_t)conv->kernel_cols;
}

int cudasim_tile_rows(const cudasim_convolution *conv)
{
    size_t row_floats = cudasim_columns_depth(conv) * (size_t)conv->out_cols;
    size_t rows = TILE_FLOATS / row_floats;
    rows = rows < 1 ? 1 : rows > (size_t)conv->out_rows ? (size_t)conv->out_rows : rows;
    return conv->order ? 1 + (int)(conv->order % rows) : (int)rows;
}

void cudasim_tile_set(const cudasim_convolution *conv, cudasim_tile *tile, int first_row, int rows)
{
    int left = conv->out_rows - first_row;
    tile->first_row = first_row;
    tile->row_count = rows < left ? rows : left;
    tile->first_pixel = (size_t)first_row * (size_t)conv->out_cols;
    tile->pixels = (size_t)tile->row_count * (size_t)conv->out_cols;
}

float *cudasim_columns_create(const cudasim_convolution *conv)
{
    return cudasim_floats(cudasim_columns_depth(conv) * (size_t)cudasim_tile_rows(conv) *
                          (size_t)conv->out_cols);
}

/* Reads numbers of an image into a column, or adds those of a column to the image. */
static inline void move(float *image, size_t step, float *column, size_t count, bool read)
{
    if (read && step == 1)
        memcpy(column, image, count * sizeof(float));
    else if (read)
        for (size_t i = 0; i < count; i++)
            column[i] = image[i * step];
    else
        for (size_t i = 0; i < count; i++)
            image[i * step] += column[i];
}

static inline void skip(float *column, size_t count, bool read)
{
    if (read)
        memset(column, 0, count * sizeof(float));
}

static inline int in_row(const cudasim_convolution *conv, int out_row, int kernel_row)
{
    return out_row * conv->stride_rows - conv->pad_rows + kernel_row * conv->dilation_rows;
}

static inline int in_col(const cudasim_convolution *conv, int out_col, int kernel_col)
{
    return out_col * conv->stride_cols - conv->pad_cols + kernel_col * conv->dilation_cols;
}

/* One kernel row of one output pixel, NHWC: kernel cols x channels, in one go where they lie side
 * by side. */
static inline void move_pixel(const cudasim_convolution *conv, float *image_row, int out_col,
                              float *column, bool read)
{
    size_t channels = (size_t)conv->channels;
    int first = in_col(conv, out_col, 0);
    if (conv->dilation_cols == 1 && first >= 0 && first + conv->kernel_cols <= conv->cols) {
        move(image_row + (size_t)first * channels, 1, column, channels * (size_t)conv->kernel_cols,
             read);
        return;
    }
    for (int s = 0; s < conv->kernel_cols; s++, column += channels) {
        int col = in_col(conv, out_col, s);
        if (col >= 0 && col < conv->cols)
            move(image_row + (size_t)col * channels, 1, column, channels, read);
        else
            skip(column, channels, read);
    }
}

static void move_columns_nhwc(const cudasim_convolution *conv, float *image,
                              const cudasim_tile *tile, bool read)
{
    size_t run = (size_t)conv->kernel_cols * (size_t)conv->channels;
    float *column = tile->columns;
    for (int i = tile->first_row; i < tile->first_row + tile->row_count; i++)
        for (int j = 0; j < conv->out_cols; j++)
            for (int r = 0; r < conv->kernel_rows; r++, column += run) {
                int row = in_row(conv, i, r);
                if (row >= 0 && row < conv->rows)
                    move_pixel(conv,
                               image + (size_t)row * (size_t)conv->cols * (size_t)conv->channels, j,
                               column, read);
                else
                    skip(column, run, read);
            }
}

/* One output row of one place of the kernel, NCHW. */
static inline void move_row(const cudasim_convolution *conv, float *image_row, int s, float *column,
                            bool read)
{
    int begin = 0, end = conv->out_cols;
    while (begin < end && in_col(conv, begin, s) < 0)
        begin++;
    while (end > begin && in_col(conv, end - 1, s) >= conv->cols)
        end--;
    skip(column, (size_t)begin, read);
    if (begin < end)
        move(image_row + in_col(conv, begin, s), (size_t)conv->stride_cols, column + begin,
             (size_t)(end - begin), read);
    skip(column + end, (size_t)(conv->out_cols - end), read);
}

static void move_columns_nchw(const cudasim_convolution *conv, float *image,
                              const cudasim_tile *tile, bool read)
{
    float *column = tile->columns;
    for (int c = 0; c < conv->channels; c++, image += (size_t)conv->rows * (size_t)conv->cols)
        for (int r = 0; r < conv->kernel_rows; r++)
            for (int s = 0; s < conv->kernel_cols; s++)
                for (int i = 0; i < tile->row_count; i++, column += conv->out_cols) {
                    int row = in_row(conv, tile->first_row + i, r);
                    if (row >= 0 && row < conv->rows)
                        move_row(conv, image + (size_t)row * (size_t)conv->cols, s, column, read);
                    else
                        skip(column, (size_t)conv->out_cols, read);
                }
}

void cudasim_columns_read(const cudasim_convolution *conv, const float *image,
                          const cudasim_tile *tile)
{
    float *unwritten = (float *)image; /* nothing is written to the image when reading */
    if (conv->nhwc)
        move_columns_nhwc(conv, unwritten, tile, true);
    else
        move_columns_nchw(conv, unwritten, tile, true);
}

void cudasim_columns_add(const cudasim_convolution *conv, float *image, const cudasim_tile *tile)
{
    if (conv->nhwc)
        move_columns_nhwc(conv, image, tile, false);
    else
        move_columns_nchw(conv, image, tile, false);
}
