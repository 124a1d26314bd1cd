/* The self-check's table: shapes that are small, odd, padded, and the whole network. */
#include "selfcheck_internal.h"

#include "base/memory.h"

#define ROW(...)                                                                                   \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define IMAGE(rows_, cols_, channels_)                                                             \
    ROW(.rank = 3, .rows = (rows_), .cols = (cols_), .channels = (channels_))
#define VECTOR(length) ROW(.rank = 1, .rows = 1, .cols = 1, .channels = (length))
#define WINDOW(kind_, rows, cols, filters)                                                         \
    ROW(.kind = (kind_), .kernel_rows = (rows), .kernel_cols = (cols), .out.channels = (filters))
#define CONV2D(rows, cols, filters) WINDOW(HPAC_OP_CONV2D, rows, cols, filters)
#define MAXPOOL(rows, cols) WINDOW(HPAC_OP_MAXPOOL, rows, cols, 0)
/* With attributes: strides and so on. */
#define CONV(rows, cols, filters, ...)                                                             \
    ROW(.kind = HPAC_OP_CONV2D, .kernel_rows = (rows), .kernel_cols = (cols),                      \
        .out.channels = (filters), __VA_ARGS__)
#define POOL(kind_, rows, cols, ...)                                                               \
    ROW(.kind = HPAC_OP_##kind_, .kernel_rows = (rows), .kernel_cols = (cols), __VA_ARGS__)
#define STRIDE(stride) .stride_rows = (stride), .stride_cols = (stride)
#define STRIDES(rows, cols) .stride_rows = (rows), .stride_cols = (cols)
#define DILATION(rows, cols) .dilation_rows = (rows), .dilation_cols = (cols)
#define PADDING(top, bottom, left, right)                                                          \
    .pad_top = (top), .pad_bottom = (bottom), .pad_left = (left), .pad_right = (right)
#define PADDED(all) PADDING(all, all, all, all)
#define GROUPS(count) .groups = (count)
#define NO_BIAS .no_bias = true
#define AVGPOOL(rows, cols) WINDOW(HPAC_OP_AVGPOOL, rows, cols, 0)
#define GLOBAL(kind_) ROW(.kind = HPAC_OP_GLOBAL_##kind_)
#define GLOBAL_IMAGE(kind_) ROW(.kind = HPAC_OP_GLOBAL_##kind_, .out.rank = 3)
#define ZERO_PAD(top, bottom, left, right)                                                         \
    ROW(.kind = HPAC_OP_ZERO_PAD, PADDING(top, bottom, left, right))
#define RESHAPE(rows_, cols_, channels_)                                                           \
    ROW(.kind = HPAC_OP_RESHAPE, .out.rank = 3, .out.rows = (rows_), .out.cols = (cols_),          \
        .out.channels = (channels_))
/* Keras's defaults, or others. */
#define NORM ROW(.kind = HPAC_OP_BATCH_NORM, .momentum = 0.99F, .epsilon = 1e-3F)
#define NORM_OF(momentum_, epsilon_)                                                               \
    ROW(.kind = HPAC_OP_BATCH_NORM, .momentum = (momentum_), .epsilon = (epsilon_))
#define NORM_WITH(momentum_, epsilon_, ...)                                                        \
    ROW(.kind = HPAC_OP_BATCH_NORM, .momentum = (momentum_), .epsilon = (epsilon_), __VA_ARGS__)
#define ADD(count) ROW(.kind = HPAC_OP_ADD, .side_count = (count))
#define MULTIPLY ROW(.kind = HPAC_OP_MULTIPLY, .side_count = 1)
#define SCALE ROW(.kind = HPAC_OP_MULTIPLY, .side_count = 1, .sides = {{.rows = 1, .cols = 1}})
#define CONCAT(channels_)                                                                          \
    ROW(.kind = HPAC_OP_CONCAT, .side_count = 1, .sides = {{.channels = (channels_)}})
#define CONCAT3(first, second)                                                                     \
    ROW(.kind = HPAC_OP_CONCAT, .side_count = 2,                                                   \
        .sides = {{.channels = (first)}, {.channels = (second)}})
#define SPATIAL_DROPOUT(rate_, stream_)                                                            \
    ROW(.kind = HPAC_OP_DROPOUT, .rate = (rate_), .stream = (stream_), .whole_channels = true)
#define IMAGE_DROPOUT(rate_, stream_)                                                              \
    ROW(.kind = HPAC_OP_DROPOUT, .rate = (rate_), .stream = (stream_), .whole_channels = true,     \
        .whole_images = true)
#define ACT(kind_) ROW(.kind = HPAC_OP_##kind_)
#define DENSE(units) ROW(.kind = HPAC_OP_DENSE, .out.channels = (units))
#define RELU ROW(.kind = HPAC_OP_RELU)
#define SIGMOID ROW(.kind = HPAC_OP_SIGMOID)
#define FLATTEN ROW(.kind = HPAC_OP_FLATTEN)
#define DROPOUT(rate_, stream_) ROW(.kind = HPAC_OP_DROPOUT, .rate = (rate_), .stream = (stream_))
#define BYTES ROW(.kind = HPAC_OP_PIXELS, .pixels = HPAC_PIXELS_UINT8)
#define FLOATS ROW(.kind = HPAC_OP_PIXELS, .pixels = HPAC_PIXELS_FLOAT32)
/* The operations of a case and how many they are. */
#define OPS(...)                                                                                   \
    .ops = {__VA_ARGS__}, .op_count = sizeof((hpac_op[]){__VA_ARGS__}) / sizeof(hpac_op),          \
    .run = hpac_selfcheck_stack

/* Where the stack's input or output lies in a wider image. */
#define INPUT_IN(channels, first) .input_view = {(channels), (first)}
#define OUTPUT_IN(channels, first) .output_view = {(channels), (first)}

/* The update alone; then with all that may come before and after it. */
#define ADAM_DEFAULTS .learning_rate = 0.001F, .beta_1 = 0.9F, .beta_2 = 0.999F, .epsilon = 1e-7F
#define UPDATE(name, ...)                                                                          \
    {name, .run = hpac_selfcheck_update, .optimizer = {__VA_ARGS__}},                              \
    {                                                                                              \
        name " of accumulated, clipped gradients", .run = hpac_selfcheck_update,                   \
                                                   .optimizer = {__VA_ARGS__}, .complete = true    \
    }

static const selfcheck_case cases[] = {
    {"pixels, bytes", 3, .input = IMAGE(5, 7, 4), OPS(BYTES)},
    {"pixels, floats", 2, .input = IMAGE(9, 4, 1), OPS(FLOATS)},
    {"relu, vector", 3, .input = VECTOR(37), OPS(RELU)},
    {"sigmoid, vector", 5, .input = VECTOR(19), OPS(SIGMOID)},
    {"dropout 0.5, vector", 7, .input = VECTOR(61), OPS(DROPOUT(0.5F, 3))},
    {"dropout 0.25, image", 2, .input = IMAGE(6, 5, 3), OPS(DROPOUT(0.25F, 1))},
    {"dropout 0, image", 1, .input = IMAGE(3, 3, 2), OPS(DROPOUT(0.0F, 0))},
    {"dropout 0.9, long vector", 1, .input = VECTOR(20011), OPS(DROPOUT(0.9F, 0xffffff))},
    {"flatten, plain", 2, .input = IMAGE(3, 4, 5), OPS(FLATTEN)},
    {"dense 10 to 3", 5, .input = VECTOR(10), OPS(DENSE(3))},
    {"dense 1 to 1", 1, .input = VECTOR(1), OPS(DENSE(1))},
    {"dense 257 to 64, relu", 33, .input = VECTOR(257), OPS(DENSE(64), RELU)},
    {"dense 100 to 80, relu", 7, .input = VECTOR(100), OPS(DENSE(80), RELU)},
    {"dense 64 to 28", 16, .input = VECTOR(64), OPS(DENSE(28))},
    {"dense, relu, dropout, dense, sigmoid", 4, .input = VECTOR(50),
     OPS(DENSE(17), RELU, DROPOUT(0.5F, 9), DENSE(5), SIGMOID)},
    {"maxpool 2 x 2", 2, .input = IMAGE(6, 8, 3), OPS(MAXPOOL(2, 2))},
    {"maxpool 2 x 3, rows and columns left over", 2, .input = IMAGE(7, 8, 17), OPS(MAXPOOL(2, 3))},
    {"maxpool 3 x 3, rows and columns left over", 1, .input = IMAGE(8, 11, 1), OPS(MAXPOOL(3, 3))},
    {"maxpool of the whole image", 2, .input = IMAGE(5, 4, 28), OPS(MAXPOOL(5, 4))},
    {"conv2d 3 x 3, 1 to 16 channels, relu", 2, .input = IMAGE(12, 12, 1),
     OPS(CONV2D(3, 3, 16), RELU)},
    {"conv2d 3 x 3, 16 to 32 channels, relu", 2, .input = IMAGE(9, 10, 16),
     OPS(CONV2D(3, 3, 32), RELU)},
    {"conv2d 3 x 3, 4 to 8 to 32 channels", 2, .input = IMAGE(11, 10, 4),
     OPS(CONV2D(3, 3, 8), RELU, CONV2D(3, 3, 32))},
    {"conv2d 3 x 5, 3 to 5 channels", 3, .input = IMAGE(7, 11, 3), OPS(CONV2D(3, 5, 5))},
    {"conv2d 5 x 5, 17 to 28 channels, relu", 1, .input = IMAGE(9, 9, 17),
     OPS(CONV2D(5, 5, 28), RELU)},
    {"conv2d 1 x 1, 28 to 17 channels", 2, .input = IMAGE(6, 5, 28), OPS(CONV2D(1, 1, 17))},
    {"conv2d of one pixel", 1, .input = IMAGE(1, 1, 4), OPS(CONV2D(1, 1, 3), RELU)},
    {"conv2d of the whole image", 2, .input = IMAGE(5, 5, 2), OPS(CONV2D(5, 5, 6))},
    {"conv2d 1 x 7, 2 to 1 channels", 2, .input = IMAGE(4, 13, 2), OPS(CONV2D(1, 7, 1))},
    {"conv2d of a long row", 1, .input = IMAGE(3, 301, 4), OPS(CONV2D(3, 3, 16), RELU)},
    {"conv2d, sigmoid, 5 channels", 2, .input = IMAGE(6, 6, 3), OPS(CONV2D(3, 3, 5), SIGMOID)},
    {"conv2d, dropout, 17 channels", 3, .input = IMAGE(8, 7, 2),
     OPS(CONV2D(3, 3, 17), DROPOUT(0.5F, 2))},
    {"conv2d, dropout, 32 channels", 2, .input = IMAGE(8, 7, 1),
     OPS(CONV2D(3, 3, 32), DROPOUT(0.25F, 5))},
    {"conv2d, maxpool, 28 channels", 2, .input = IMAGE(9, 9, 16),
     OPS(CONV2D(3, 3, 28), MAXPOOL(2, 2))},
    {"conv2d, relu, maxpool, 17 channels", 2, .input = IMAGE(9, 8, 2),
     OPS(CONV2D(3, 3, 17), RELU, MAXPOOL(3, 2))},
    {"conv2d, relu, maxpool, dropout, 16 channels", 2, .input = IMAGE(9, 8, 1),
     OPS(CONV2D(3, 3, 16), RELU, MAXPOOL(2, 2), DROPOUT(0.5F, 7))},
    {"conv2d, flatten, dense, relu, 5 channels", 4, .input = IMAGE(8, 7, 1),
     OPS(CONV2D(3, 3, 5), FLATTEN, DENSE(11), RELU)},
    {"conv2d, flatten, dense, 16 channels", 4, .input = IMAGE(8, 7, 1),
     OPS(CONV2D(3, 3, 16), FLATTEN, DENSE(64))},
    {"conv2d of three channels, twice", 2, .input = IMAGE(12, 11, 3),
     OPS(CONV2D(3, 3, 17), RELU, CONV2D(3, 3, 3), RELU)},
    {"the network, 1 channel", 3, .input = IMAGE(20, 20, 1),
     OPS(BYTES, CONV2D(3, 3, 16), RELU, CONV2D(3, 3, 32), RELU, MAXPOOL(2, 2), DROPOUT(0.5F, 3),
         FLATTEN, DENSE(64), RELU, DROPOUT(0.5F, 6), DENSE(28))},
    {"the network, 4 channels, odd sizes", 2, .input = IMAGE(17, 23, 4),
     OPS(FLOATS, CONV2D(3, 3, 16), RELU, CONV2D(3, 3, 32), RELU, MAXPOOL(2, 2), DROPOUT(0.5F, 3),
         FLATTEN, DENSE(64), RELU, DROPOUT(0.5F, 6), DENSE(3))},
    {"the network, one image", 1, .input = IMAGE(16, 14, 1),
     OPS(FLOATS, CONV2D(3, 3, 16), RELU, CONV2D(3, 3, 32), RELU, MAXPOOL(2, 2), FLATTEN, DENSE(64),
         RELU, DENSE(28))},
    {"the network, large enough to be fused", 3, .input = IMAGE(24, 40, 1),
     OPS(BYTES, CONV2D(3, 3, 16), RELU, CONV2D(3, 3, 32), RELU, MAXPOOL(2, 2), DROPOUT(0.25F, 3),
         FLATTEN, DENSE(64), RELU, DROPOUT(0.5F, 6), DENSE(28))},
    {"the network, fused, 4 channels, more filters, odd sizes", 2, .input = IMAGE(17, 27, 4),
     OPS(FLOATS, CONV2D(3, 3, 32), RELU, CONV2D(3, 3, 64), RELU, MAXPOOL(2, 2), DROPOUT(0.5F, 3),
         FLATTEN, DENSE(5))},
    {"the network, fused, without dropout", 9, .input = IMAGE(8, 22, 2),
     OPS(FLOATS, CONV2D(3, 3, 16), RELU, CONV2D(3, 3, 32), RELU, MAXPOOL(2, 2), FLATTEN, DENSE(3))},
    /* ---- convolutions with padding, strides, dilation, groups ---- */
    {"conv2d 3 x 3 same, 5 to 7 channels", 2, .input = IMAGE(6, 5, 5),
     OPS(CONV(3, 3, 7, PADDED(1)))},
    {"conv2d 3 x 3 same, 16 to 32 channels, relu", 2, .input = IMAGE(5, 6, 16),
     OPS(CONV(3, 3, 32, PADDED(1)), RELU)},
    {"conv2d 3 x 3 same, 32 to 48 channels, relu", 3, .input = IMAGE(9, 7, 32),
     OPS(CONV(3, 3, 48, PADDED(1)), RELU)},
    {"conv2d 3 x 3, full padding, 48 to 16 channels, no bias", 2, .input = IMAGE(12, 10, 48),
     OPS(CONV(3, 3, 16, PADDED(2), NO_BIAS))},
    {"conv2d 3 x 3 padded below and left, 16 to 32 channels", 2, .input = IMAGE(16, 21, 16),
     OPS(CONV(3, 3, 32, PADDING(0, 2, 1, 0)))},
    {"conv2d 3 x 3 same, twice, maxpool, 64 channels", 2, .input = IMAGE(16, 12, 16),
     OPS(CONV(3, 3, 64, PADDED(1)), RELU, CONV(3, 3, 64, PADDED(1)), RELU, MAXPOOL(2, 2))},
    {"conv2d 3 x 3 same, stride 2, even size, relu", 2, .input = IMAGE(8, 6, 3),
     OPS(CONV(3, 3, 17, PADDING(0, 1, 0, 1), STRIDE(2)), RELU)},
    {"conv2d 3 x 3 same, stride 2, odd size", 2, .input = IMAGE(7, 9, 16),
     OPS(CONV(3, 3, 32, PADDED(1), STRIDE(2)))},
    {"conv2d 7 x 7 same, stride 2, no bias", 2, .input = IMAGE(14, 13, 4),
     OPS(CONV(7, 7, 16, PADDING(2, 3, 3, 3), STRIDE(2), NO_BIAS))},
    {"conv2d 4 x 2 same, one image", 1, .input = IMAGE(5, 6, 3),
     OPS(CONV(4, 2, 5, PADDING(1, 2, 0, 1)))},
    {"conv2d padded above and right", 2, .input = IMAGE(4, 5, 2),
     OPS(CONV(3, 2, 5, PADDING(2, 0, 0, 1)))},
    {"conv2d 3 x 3 same of one pixel", 1, .input = IMAGE(1, 1, 3), OPS(CONV(3, 3, 5, PADDED(1)))},
    {"conv2d 5 x 5 same of one row", 2, .input = IMAGE(1, 9, 8), OPS(CONV(5, 5, 8, PADDED(2)))},
    {"conv2d 1 x 1, stride 2, no bias", 2, .input = IMAGE(5, 6, 8),
     OPS(CONV(1, 1, 13, STRIDE(2), NO_BIAS))},
    {"conv2d 1 x 2, strides 3 and 4", 2, .input = IMAGE(8, 9, 3),
     OPS(CONV(1, 2, 6, STRIDES(3, 4)))},
    {"conv2d 3 x 3, stride 2, columns left over", 2, .input = IMAGE(7, 8, 5),
     OPS(CONV(3, 3, 8, STRIDE(2)), RELU)},
    {"conv2d 3 x 3 same, dilation 2", 2, .input = IMAGE(7, 8, 3),
     OPS(CONV(3, 3, 5, PADDED(2), DILATION(2, 2)))},
    {"conv2d 3 x 2, dilation 2 and 3, no bias", 2, .input = IMAGE(9, 11, 16),
     OPS(CONV(3, 2, 16, DILATION(2, 3), NO_BIAS), RELU)},
    {"conv2d of 2 groups", 2, .input = IMAGE(6, 6, 6), OPS(CONV(3, 3, 10, GROUPS(2)))},
    {"conv2d of 2 groups of 16, same, relu", 2, .input = IMAGE(5, 5, 32),
     OPS(CONV(3, 3, 32, PADDED(1), GROUPS(2)), RELU)},
    {"conv2d of 3 groups, same, stride 2, no bias", 2, .input = IMAGE(8, 8, 9),
     OPS(CONV(3, 3, 6, PADDING(0, 1, 0, 1), STRIDE(2), GROUPS(3), NO_BIAS))},
    {"conv2d, depthwise, same", 2, .input = IMAGE(6, 7, 5),
     OPS(CONV(3, 3, 5, PADDED(1), GROUPS(5)))},
    {"conv2d, depthwise, 16 channels, relu6", 2, .input = IMAGE(7, 6, 16),
     OPS(CONV(3, 3, 16, PADDED(1), GROUPS(16), NO_BIAS), ACT(RELU6))},
    {"conv2d, depthwise, twice the channels, same, stride 2", 2, .input = IMAGE(8, 8, 3),
     OPS(CONV(3, 3, 6, PADDING(0, 1, 0, 1), STRIDE(2), GROUPS(3)))},
    {"conv2d, depthwise, 5 x 5, 24 channels, stride 2", 1, .input = IMAGE(9, 8, 24),
     OPS(CONV(5, 5, 24, PADDING(2, 2, 1, 2), STRIDE(2), GROUPS(24), NO_BIAS))},
    {"conv2d, depthwise, 3 x 7 same, 19 channels, bias, relu", 2, .input = IMAGE(9, 10, 19),
     OPS(CONV(3, 7, 19, PADDING(1, 1, 3, 3), GROUPS(19)), RELU)},
    {"conv2d, depthwise, 2 x 4, stride 3, 17 channels", 2, .input = IMAGE(11, 12, 17),
     OPS(CONV(2, 4, 17, STRIDE(3), GROUPS(17)))},
    {"conv2d, depthwise, 5 x 5 same of 40 channels behind conv2d", 2, .input = IMAGE(9, 13, 16),
     OPS(CONV(1, 1, 40, NO_BIAS), CONV(5, 5, 40, PADDED(2), GROUPS(40)), RELU)},
    {"conv2d, depthwise, 3 x 3, stride 2, of 24 channels behind conv2d", 3,
     .input = IMAGE(8, 9, 16),
     OPS(CONV(1, 1, 24, NO_BIAS),
         CONV(3, 3, 24, PADDING(0, 1, 1, 1), STRIDE(2), GROUPS(24), NO_BIAS))},
    {"conv2d, depthwise, dilation 2, one pixel", 3, .input = IMAGE(1, 1, 8),
     OPS(CONV(3, 3, 8, PADDED(2), DILATION(2, 2), GROUPS(8)))},
    {"conv2d, no bias, relu", 2, .input = IMAGE(6, 6, 4), OPS(CONV(3, 3, 16, NO_BIAS), RELU)},
    {"conv2d same, conv2d same, stride 2, 17 channels", 2, .input = IMAGE(8, 8, 3),
     OPS(CONV(3, 3, 17, PADDED(1)), RELU, CONV(3, 3, 17, PADDING(0, 1, 0, 1), STRIDE(2)), RELU)},
    {"dense, no bias", 3, .input = VECTOR(19),
     OPS(ROW(.kind = HPAC_OP_DENSE, .out.channels = 7, NO_BIAS), RELU)},
    /* ---- pools ---- */
    {"maxpool 3 x 3 same, stride 2, even size", 2, .input = IMAGE(8, 6, 5),
     OPS(POOL(MAXPOOL, 3, 3, PADDING(0, 1, 0, 1), STRIDE(2)))},
    {"maxpool 3 x 3 same, stride 2, odd size", 2, .input = IMAGE(7, 9, 16),
     OPS(POOL(MAXPOOL, 3, 3, PADDED(1), STRIDE(2)))},
    {"maxpool 3 x 4, padded unequally, global_avgpool, 80 channels", 2, .input = IMAGE(8, 9, 80),
     OPS(POOL(MAXPOOL, 3, 4, PADDING(1, 0, 0, 2), STRIDE(2)), GLOBAL(AVGPOOL))},
    {"maxpool 2 x 2, stride 1", 2, .input = IMAGE(5, 6, 3), OPS(POOL(MAXPOOL, 2, 2, STRIDE(1)))},
    {"maxpool 2 x 2, stride 3", 2, .input = IMAGE(8, 7, 3), OPS(POOL(MAXPOOL, 2, 2, STRIDE(3)))},
    {"maxpool 3 x 2 same, one pixel", 1, .input = IMAGE(1, 1, 5),
     OPS(POOL(MAXPOOL, 3, 2, PADDING(1, 1, 0, 1), STRIDE(1)))},
    {"conv2d, relu, maxpool 3 x 3 same, stride 2", 2, .input = IMAGE(8, 8, 3),
     OPS(CONV(3, 3, 17, PADDED(1)), RELU, POOL(MAXPOOL, 3, 3, PADDING(0, 1, 0, 1), STRIDE(2)))},
    {"avgpool 2 x 2", 2, .input = IMAGE(6, 8, 16), OPS(AVGPOOL(2, 2))},
    {"avgpool 2 x 3, rows and columns left over", 2, .input = IMAGE(7, 8, 17), OPS(AVGPOOL(2, 3))},
    {"avgpool 3 x 3 same, stride 2, even size", 2, .input = IMAGE(8, 6, 5),
     OPS(POOL(AVGPOOL, 3, 3, PADDING(0, 1, 0, 1), STRIDE(2)))},
    {"avgpool 3 x 3 same, stride 1", 1, .input = IMAGE(4, 5, 16),
     OPS(POOL(AVGPOOL, 3, 3, PADDED(1), STRIDE(1)))},
    {"avgpool 4 x 4, stride 2", 2, .input = IMAGE(9, 8, 3), OPS(POOL(AVGPOOL, 4, 4, STRIDE(2)))},
    {"avgpool 2 x 2 same, one pixel", 3, .input = IMAGE(1, 1, 7),
     OPS(POOL(AVGPOOL, 2, 2, PADDING(0, 1, 0, 1), STRIDE(2)))},
    {"conv2d, avgpool, 28 channels", 2, .input = IMAGE(9, 9, 16),
     OPS(CONV2D(3, 3, 28), AVGPOOL(2, 2))},
    {"global_avgpool", 2, .input = IMAGE(7, 5, 13), OPS(GLOBAL(AVGPOOL))},
    {"global_avgpool to an image, 16 channels", 3, .input = IMAGE(4, 4, 16),
     OPS(GLOBAL_IMAGE(AVGPOOL))},
    {"global_avgpool of one pixel", 1, .input = IMAGE(1, 1, 9), OPS(GLOBAL(AVGPOOL))},
    {"global_maxpool", 2, .input = IMAGE(7, 5, 13), OPS(GLOBAL(MAXPOOL))},
    {"global_maxpool to an image, 16 channels", 3, .input = IMAGE(4, 4, 16),
     OPS(GLOBAL_IMAGE(MAXPOOL))},
    {"global_maxpool of one pixel", 1, .input = IMAGE(1, 1, 9), OPS(GLOBAL(MAXPOOL))},
    {"conv2d, relu, global_avgpool, dense", 3, .input = IMAGE(6, 7, 3),
     OPS(CONV2D(3, 3, 17), RELU, GLOBAL(AVGPOOL), DENSE(5))},
    {"conv2d, relu, global_maxpool, dense", 3, .input = IMAGE(6, 7, 3),
     OPS(CONV2D(3, 3, 16), RELU, GLOBAL(MAXPOOL), DENSE(5))},
    /* ---- what moves values ---- */
    {"zero_pad", 2, .input = IMAGE(4, 3, 5), OPS(ZERO_PAD(1, 1, 1, 1))},
    {"zero_pad, uneven", 1, .input = IMAGE(3, 4, 16), OPS(ZERO_PAD(0, 3, 2, 1))},
    {"conv2d, zero_pad, conv2d, 17 channels", 2, .input = IMAGE(5, 6, 3),
     OPS(CONV2D(3, 3, 17), RELU, ZERO_PAD(0, 1, 0, 1), CONV(3, 3, 5, STRIDE(2)))},
    {"reshape of a vector", 3, .input = VECTOR(60), OPS(RESHAPE(3, 4, 5))},
    {"reshape of an image", 2, .input = IMAGE(4, 6, 5), OPS(RESHAPE(6, 2, 10))},
    {"conv2d, reshape, conv2d, 16 channels", 2, .input = IMAGE(5, 6, 3),
     OPS(CONV2D(3, 3, 16), RESHAPE(4, 12, 4), CONV2D(2, 3, 5))},
    {"dense, reshape, conv2d", 3, .input = VECTOR(11),
     OPS(DENSE(48), RELU, RESHAPE(4, 4, 3), CONV2D(3, 3, 5))},
    {"rescale, 1 channel", 2, .input = IMAGE(5, 6, 1),
     OPS(ROW(.kind = HPAC_OP_RESCALE, .factor = {4.5F}, .offset = {-2.25F}))},
    {"pixels, rescale, conv2d, 4 channels", 2, .input = IMAGE(6, 5, 4),
     OPS(BYTES,
         ROW(.kind = HPAC_OP_RESCALE, .factor = {4.5F, 2.0F, 8.0F, 0.5F},
             .offset = {-1.0F, 0.5F, 0.0F, 2.0F}),
         CONV2D(3, 3, 5), RELU)},
    /* ---- batch normalization ---- */
    {"batch_norm, 5 channels", 3, .input = IMAGE(5, 7, 5), OPS(NORM)},
    {"batch_norm, 16 channels", 2, .input = IMAGE(4, 6, 16), OPS(NORM)},
    {"batch_norm, vector", 7, .input = VECTOR(19), OPS(NORM)},
    {"batch_norm of one pixel", 9, .input = IMAGE(1, 1, 9), OPS(NORM)},
    {"batch_norm of one value", 1, .input = IMAGE(1, 1, 17), OPS(NORM)},
    {"batch_norm, one image, momentum 0.5, epsilon 1e-5", 1, .input = IMAGE(9, 5, 24),
     OPS(NORM_OF(0.5F, 1e-5F))},
    {"batch_norm, many pixels", 3, .input = IMAGE(33, 31, 3), OPS(NORM_OF(0.9F, 1e-3F))},
    {"batch_norm without gamma", 2, .input = IMAGE(5, 4, 7),
     OPS(NORM_WITH(0.9F, 1e-3F, .no_gamma = true))},
    {"batch_norm without beta, relu", 2, .input = IMAGE(5, 4, 7),
     OPS(NORM_WITH(0.9F, 1e-3F, .no_beta = true), RELU)},
    {"batch_norm without gamma and beta", 2, .input = IMAGE(5, 4, 16),
     OPS(NORM_WITH(0.9F, 1e-3F, .no_gamma = true, .no_beta = true))},
    {"batch_norm of a large mean", 2, .input = IMAGE(9, 8, 4),
     OPS(ROW(.kind = HPAC_OP_RESCALE, .factor = {1.0F, 0.5F, 2.0F, 1.0F},
             .offset = {300.0F, -100.0F, 50.0F, 0.0F}),
         NORM)},
    {"batch_norm, relu", 2, .input = IMAGE(6, 5, 17), OPS(NORM, RELU)},
    {"batch_norm, relu, conv2d, 8 channels", 2, .input = IMAGE(6, 5, 8),
     OPS(NORM, RELU, CONV(3, 3, 12, PADDED(1), NO_BIAS))},
    {"conv2d, batch_norm, relu, 17 channels", 2, .input = IMAGE(7, 8, 4),
     OPS(CONV(3, 3, 17, PADDED(1), NO_BIAS), NORM, RELU)},
    {"conv2d, batch_norm, relu, 32 channels", 2, .input = IMAGE(6, 5, 16),
     OPS(CONV(3, 3, 32, PADDED(1), NO_BIAS), NORM, RELU)},
    {"conv2d, batch_norm, relu6, with a bias, stride 2", 2, .input = IMAGE(8, 8, 3),
     OPS(CONV(3, 3, 16, PADDING(0, 1, 0, 1), STRIDE(2)), NORM, ACT(RELU6))},
    {"conv2d, depthwise, batch_norm, silu", 2, .input = IMAGE(6, 7, 8),
     OPS(CONV(3, 3, 8, PADDED(1), GROUPS(8), NO_BIAS), NORM, ACT(SILU))},
    {"conv2d, batch_norm, add, relu, 16 channels", 2, .input = IMAGE(6, 5, 8),
     OPS(CONV(3, 3, 16, PADDED(1), NO_BIAS), NORM, ADD(1), RELU)},
    {"conv2d, batch_norm, add, relu, 5 channels, one image", 1, .input = IMAGE(5, 7, 3),
     OPS(CONV(3, 3, 5, PADDED(1)), NORM, ADD(1), RELU)},
    {"conv2d, batch_norm, add, 24 channels", 3, .input = IMAGE(4, 4, 16),
     OPS(CONV(1, 1, 24, NO_BIAS), NORM, ADD(1))},
    {"dense, batch_norm, relu", 9, .input = VECTOR(13), OPS(DENSE(21), NORM, RELU)},
    /* ---- several inputs ---- */
    {"add", 2, .input = IMAGE(4, 5, 7), OPS(ADD(1))},
    {"add of four, 16 channels, relu", 2, .input = IMAGE(4, 5, 16), OPS(ADD(3), RELU)},
    {"add of vectors", 5, .input = VECTOR(13), OPS(ADD(2))},
    {"add of an image to itself", 2, .input = IMAGE(4, 5, 7), OPS(ADD(1)), .shared = true},
    {"conv2d, add, relu, 17 channels", 2, .input = IMAGE(6, 5, 3),
     OPS(CONV2D(3, 3, 17), ADD(1), RELU)},
    {"conv2d 3 x 3 same, add, relu, 32 channels", 2, .input = IMAGE(9, 7, 16),
     OPS(CONV(3, 3, 32, PADDED(1)), ADD(1), RELU)},
    {"conv2d 3 x 3 same, add, 16 channels, no bias", 2, .input = IMAGE(8, 13, 16),
     OPS(CONV(3, 3, 16, PADDED(1), NO_BIAS), ADD(1))},
    {"multiply", 2, .input = IMAGE(4, 5, 7), OPS(MULTIPLY)},
    {"multiply, vectors", 3, .input = VECTOR(13), OPS(MULTIPLY)},
    {"multiply an image by itself", 2, .input = IMAGE(4, 5, 16), OPS(MULTIPLY), .shared = true},
    {"multiply channels", 3, .input = IMAGE(4, 5, 7), OPS(SCALE)},
    {"multiply channels, 16 channels", 2, .input = IMAGE(5, 3, 16), OPS(SCALE)},
    {"multiply channels, many pixels", 1, .input = IMAGE(65, 33, 3), OPS(SCALE)},
    {"multiply channels of one pixel", 1, .input = IMAGE(1, 1, 9), OPS(SCALE)},
    {"conv2d, multiply channels, 28 channels", 2, .input = IMAGE(6, 7, 3),
     OPS(CONV2D(3, 3, 28), SCALE)},
    {"concat, 7 and 3 channels", 2, .input = IMAGE(4, 5, 7), OPS(CONCAT(3))},
    {"concat, 16 and 32 channels", 2, .input = IMAGE(4, 5, 16), OPS(CONCAT(32))},
    {"concat, 8, 17 and 1 channels, one image", 1, .input = IMAGE(3, 5, 8), OPS(CONCAT3(17, 1))},
    {"concat of vectors", 3, .input = VECTOR(5), OPS(CONCAT3(16, 3))},
    {"concat of an image with itself", 2, .input = IMAGE(4, 3, 5), OPS(CONCAT(5)), .shared = true},
    {"conv2d, concat, 12 and 12 channels", 2, .input = IMAGE(6, 5, 3),
     OPS(CONV2D(3, 3, 12), CONCAT(12))},
    {"conv2d, relu, concat, conv2d, 16 channels", 2, .input = IMAGE(6, 5, 3),
     OPS(CONV2D(3, 3, 16), RELU, CONCAT(16), CONV2D(1, 1, 5))},
    {"concat, batch_norm, relu, conv2d, 8 and 5 channels", 2, .input = IMAGE(5, 6, 8),
     OPS(CONCAT(5), NORM, RELU, CONV(1, 1, 16, NO_BIAS))},
    {"squeeze and excitation, the factors", 3, .input = IMAGE(5, 6, 17),
     OPS(GLOBAL_IMAGE(AVGPOOL), CONV2D(1, 1, 4), ACT(SILU), CONV2D(1, 1, 17), SIGMOID)},
    {"squeeze and excitation, by dense layers", 3, .input = IMAGE(5, 6, 16),
     OPS(GLOBAL(AVGPOOL), DENSE(4), RELU, DENSE(16), SIGMOID, RESHAPE(1, 1, 16))},
    {"squeeze and excitation, the product", 2, .input = IMAGE(6, 5, 8),
     OPS(CONV(3, 3, 8, PADDED(1), GROUPS(8), NO_BIAS), NORM, ACT(SILU), SCALE,
         CONV(1, 1, 5, NO_BIAS), NORM, ADD(1))},
    /* ---- activations and dropout ---- */
    {"relu6, vector", 3, .input = VECTOR(37), OPS(ACT(RELU6))},
    {"silu, vector", 3, .input = VECTOR(37), OPS(ACT(SILU))},
    {"gelu, vector", 3, .input = VECTOR(37), OPS(ACT(GELU))},
    {"softplus, vector", 3, .input = VECTOR(37), OPS(ACT(SOFTPLUS))},
    {"tanh, vector", 3, .input = VECTOR(37), OPS(ACT(TANH))},
    {"sigmoid, image, 7 channels", 2, .input = IMAGE(3, 5, 7), OPS(SIGMOID)},
    {"conv2d, relu6, 5 channels", 2, .input = IMAGE(6, 6, 3), OPS(CONV2D(3, 3, 5), ACT(RELU6))},
    {"conv2d, silu, 17 channels", 2, .input = IMAGE(6, 6, 3), OPS(CONV2D(3, 3, 17), ACT(SILU))},
    {"conv2d, gelu, 16 channels", 2, .input = IMAGE(6, 6, 3), OPS(CONV2D(3, 3, 16), ACT(GELU))},
    {"conv2d, softplus, 5 channels", 2, .input = IMAGE(6, 6, 3),
     OPS(CONV2D(3, 3, 5), ACT(SOFTPLUS))},
    {"conv2d, tanh, 5 channels", 2, .input = IMAGE(6, 6, 3), OPS(CONV2D(3, 3, 5), ACT(TANH))},
    {"dense, silu, dense, gelu", 5, .input = VECTOR(23),
     OPS(DENSE(17), ACT(SILU), DENSE(7), ACT(GELU))},
    {"dropout, spatial, 5 channels", 3, .input = IMAGE(4, 5, 5), OPS(SPATIAL_DROPOUT(0.5F, 4))},
    {"dropout, spatial, 16 channels", 2, .input = IMAGE(4, 3, 16), OPS(SPATIAL_DROPOUT(0.25F, 1))},
    {"conv2d, relu, dropout, spatial, 17 channels", 2, .input = IMAGE(6, 5, 3),
     OPS(CONV2D(3, 3, 17), RELU, SPATIAL_DROPOUT(0.5F, 8))},
    {"conv2d, relu, maxpool, dropout, spatial, 16 channels", 2, .input = IMAGE(9, 8, 1),
     OPS(CONV2D(3, 3, 16), RELU, MAXPOOL(2, 2), SPATIAL_DROPOUT(0.5F, 7))},
    {"dropout, images, 5 channels", 7, .input = IMAGE(4, 5, 5), OPS(IMAGE_DROPOUT(0.5F, 4))},
    {"dropout, images, 16 channels", 11, .input = IMAGE(4, 3, 16), OPS(IMAGE_DROPOUT(0.25F, 1))},
    {"conv2d, relu, dropout, images, 17 channels", 6, .input = IMAGE(5, 5, 2),
     OPS(CONV2D(3, 3, 17), RELU, IMAGE_DROPOUT(0.5F, 8))},
    {"conv2d, relu, maxpool, dropout, images", 6, .input = IMAGE(8, 8, 2),
     OPS(CONV2D(3, 3, 16), RELU, MAXPOOL(2, 2), IMAGE_DROPOUT(0.5F, 7))},
    {"a residual block, stride 2", 2, .input = IMAGE(8, 6, 8),
     OPS(CONV(3, 3, 16, PADDING(0, 1, 0, 1), STRIDE(2), NO_BIAS), NORM, RELU,
         CONV(3, 3, 16, PADDED(1), NO_BIAS), NORM, ADD(1), RELU, GLOBAL(AVGPOOL), DENSE(3))},
    /* ---- views ---- */
    {"concat in place", .run = hpac_selfcheck_concat_in_place},
    {"batch_norm of a view", 3, .input = IMAGE(5, 7, 32), INPUT_IN(96, 0), OPS(NORM)},
    {"batch_norm, relu of a view of few channels", 3, .input = IMAGE(5, 7, 16), INPUT_IN(64, 32),
     OPS(NORM, RELU)},
    {"batch_norm, relu of a view, many pixels", 2, .input = IMAGE(33, 31, 48), INPUT_IN(64, 0),
     OPS(NORM, RELU)},
    {"batch_norm, relu of a view to a view", 3, .input = IMAGE(4, 4, 32), INPUT_IN(64, 32),
     OUTPUT_IN(48, 16), OPS(NORM, RELU)},
    {"batch_norm, add, relu of a view to a view", 2, .input = IMAGE(6, 5, 32), INPUT_IN(48, 16),
     OUTPUT_IN(64, 32), OPS(NORM, ADD(1), RELU)},
    {"batch_norm without gamma of a view, relu", 3, .input = IMAGE(5, 7, 32), INPUT_IN(64, 16),
     OPS(NORM_WITH(0.9F, 1e-3F, .no_gamma = true), RELU)},
    {"batch_norm of a view from within a vector to another", 2, .input = IMAGE(5, 7, 16),
     INPUT_IN(48, 8), OUTPUT_IN(32, 4), OPS(NORM)},
    {"batch_norm of a view, 5 of 12 channels", 2, .input = IMAGE(5, 7, 5), INPUT_IN(12, 4),
     OUTPUT_IN(7, 1), OPS(NORM)},
    {"conv2d 3 x 3 same of a view to a view, 32 to 16 channels", 2, .input = IMAGE(9, 7, 32),
     INPUT_IN(80, 48), OUTPUT_IN(48, 16), OPS(CONV(3, 3, 16, PADDED(1)))},
    {"conv2d 3 x 3 same, relu of a view to a view, 16 to 32 channels", 3, .input = IMAGE(8, 9, 16),
     INPUT_IN(48, 16), OUTPUT_IN(96, 0), OPS(CONV(3, 3, 32, PADDED(1)), RELU)},
    {"conv2d 1 x 1, relu to a view", 2, .input = IMAGE(6, 5, 32), OUTPUT_IN(64, 32),
     OPS(CONV2D(1, 1, 16), RELU)},
    {"conv2d 3 x 3, stride 2, to a view of 3 of 7 channels", 2, .input = IMAGE(7, 8, 5),
     OUTPUT_IN(7, 2), OPS(CONV(3, 3, 3, STRIDE(2)))},
    {"conv2d, batch_norm, relu, conv2d to a view, dropout", 2, .input = IMAGE(8, 8, 32),
     OUTPUT_IN(80, 64),
     OPS(CONV2D(1, 1, 48), NORM, RELU, CONV(3, 3, 16, PADDED(1)), DROPOUT(0.5F, 3))},
    {"maxpool 3 x 3 same, stride 2, to a view", 2, .input = IMAGE(8, 6, 32), OUTPUT_IN(64, 16),
     OPS(POOL(MAXPOOL, 3, 3, PADDING(0, 1, 0, 1), STRIDE(2)))},
    {"conv2d of one channel, maxpool 3 x 3, stride 2, to a view", 2, .input = IMAGE(12, 11, 1),
     OUTPUT_IN(96, 16), OPS(CONV2D(3, 3, 32), RELU, POOL(MAXPOOL, 3, 3, STRIDE(2)))},
    {"avgpool 2 x 2 to a view", 2, .input = IMAGE(6, 8, 32), OUTPUT_IN(48, 16), OPS(AVGPOOL(2, 2))},
    {"concat to a view, 16 and 32 channels", 2, .input = IMAGE(4, 5, 16), OUTPUT_IN(96, 32),
     OPS(CONCAT(32))},
    {"loss", .run = hpac_selfcheck_loss},
    UPDATE("adadelta", .kind = HPAC_OPTIMIZER_ADADELTA, .learning_rate = 1.0F, .rho = 0.95F,
           .epsilon = 1e-7F),
    UPDATE("sgd", .kind = HPAC_OPTIMIZER_SGD, .learning_rate = 0.01F),
    UPDATE("sgd, momentum", .kind = HPAC_OPTIMIZER_SGD, .learning_rate = 0.01F, .momentum = 0.9F),
    UPDATE("sgd, nesterov", .kind = HPAC_OPTIMIZER_SGD, .learning_rate = 0.01F, .momentum = 0.9F,
           .nesterov = true),
    UPDATE("adam", .kind = HPAC_OPTIMIZER_ADAM, ADAM_DEFAULTS),
    UPDATE("adamw", .kind = HPAC_OPTIMIZER_ADAMW, ADAM_DEFAULTS, .weight_decay = 0.004F),
};

size_t hpac_selfcheck_count(void)
{
    return sizeof cases / sizeof *cases;
}

const char *hpac_selfcheck_name(size_t index)
{
    return cases[index].name;
}

static hpac_status check(selfcheck_gauge *gauge, const selfcheck_case *one, uint64_t seed)
{
    HPAC_TRY(hpac_selfcheck_gauge_init(gauge, gauge->device));
    HPAC_TRY(one->run(gauge, one, seed));
    return hpac_selfcheck_gauge_finish(gauge);
}

hpac_status hpac_selfcheck_run(hpac_device *device, size_t index, uint64_t seed,
                               hpac_selfcheck_reading *reading)
{
    HPAC_AUTO(hpac_selfcheck_gauge_fini) selfcheck_gauge gauge = {.device = device};
    hpac_status status = check(&gauge, &cases[index], seed);
    if (reading)
        *reading = gauge.reading;
    return status;
}
