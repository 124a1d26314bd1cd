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
