/*
 * Asks the real cuDNN, without stand-ins and without a GPU, whether it takes the descriptors of
 * configurations, and gives their layers the sizes we do:
 *
 *     descriptors configs/baseline.yaml configs/improved.yaml
 *
 * Every convolution, with its batch and with a single image, in NHWC and NCHW, float32
 * and bfloat16, as src/device/cuda describes them. Exit code 1, and a line, at the first that is
 * refused or differs. The device's own descriptors go to the real cuDNN whenever it runs on the
 * simulator; this program has them without any stand-in.
 */
#include <hpac/config.h>

#include "net/layer_table.h"

#include <cudnn.h>
#include <dlfcn.h>
#include <string.h>

/* One way of describing one convolution, whose input has the padding inside if cuDNN, which pads
 * both ends alike, cannot add it. */
typedef struct layer_way {
    const hpac_op *op;
    hpac_shape in, out;
    size_t pad_rows, pad_cols;
    int batch;
    cudnnTensorFormat_t format;
    cudnnDataType_t type;
} layer_way;

typedef struct layer_descriptors {
    cudnnTensorDescriptor_t x, y, bias;
    cudnnFilterDescriptor_t kernel;
    cudnnConvolutionDescriptor_t convolution;
    cudnnActivationDescriptor_t relu;
} layer_descriptors;

static bool accepted(cudnnStatus_t status, const char *call)
{
    char reason[512] = "";
    if (status == CUDNN_STATUS_SUCCESS)
        return true;
    cudnnGetLastErrorString(reason, sizeof reason);
    printf("%.*s: %s: %s\n", (int)strcspn(call, "("), call, cudnnGetErrorString(status), reason);
    return false;
}

#define ACCEPTED(call) accepted(call, #call)

static bool create(layer_descriptors *made)
{
    return ACCEPTED(cudnnCreateTensorDescriptor(&made->x)) &&
           ACCEPTED(cudnnCreateTensorDescriptor(&made->y)) &&
           ACCEPTED(cudnnCreateTensorDescriptor(&made->bias)) &&
           ACCEPTED(cudnnCreateFilterDescriptor(&made->kernel)) &&
           ACCEPTED(cudnnCreateConvolutionDescriptor(&made->convolution)) &&
           ACCEPTED(cudnnCreateActivationDescriptor(&made->relu));
}

static bool destroy(const layer_descriptors *made)
{
    return ACCEPTED(cudnnDestroyTensorDescriptor(made->x)) &&
           ACCEPTED(cudnnDestroyTensorDescriptor(made->y)) &&
           ACCEPTED(cudnnDestroyTensorDescriptor(made->bias)) &&
           ACCEPTED(cudnnDestroyFilterDescriptor(made->kernel)) &&
           ACCEPTED(cudnnDestroyConvolutionDescriptor(made->convolution)) &&
           ACCEPTED(cudnnDestroyActivationDescriptor(made->relu));
}

/* cuDNN's numbers are ints. */
static int as_int(size_t number)
{
    return (int)number;
}

static bool describe_tensors(const layer_way *way, const layer_descriptors *to)
{
    const hpac_shape *in = &way->in, *out = &way->out;
    return ACCEPTED(cudnnSetTensor4dDescriptor(to->x, way->format, way->type, way->batch,
                                               as_int(in->channels), as_int(in->rows),
                                               as_int(in->cols))) &&
           ACCEPTED(cudnnSetTensor4dDescriptor(to->y, way->format, way->type, way->batch,
                                               as_int(out->channels), as_int(out->rows),
                                               as_int(out->cols))) &&
           ACCEPTED(cudnnSetTensor4dDescriptor(to->bias, way->format, way->type, 1,
                                               as_int(out->channels), 1, 1));
}

static bool describe_convolution(const layer_way *way, const layer_descriptors *to)
{
    const hpac_op *op = way->op;
    const cudnnMathType_t maths[] = {CUDNN_FMA_MATH, CUDNN_TENSOR_OP_MATH};
    for (int i = 0; i < 2; i++)
        if (!ACCEPTED(cudnnSetConvolutionMathType(to->convolution, maths[i])))
            return false;
    return ACCEPTED(cudnnSetFilter4dDescriptor(to->kernel, way->type, way->format,
                                               as_int(op->out.channels),
                                               as_int(op->in.channels / op->groups),
                                               as_int(op->kernel_rows), as_int(op->kernel_cols))) &&
           ACCEPTED(cudnnSetConvolution2dDescriptor(
               to->convolution, as_int(way->pad_rows), as_int(way->pad_cols),
               as_int(op->stride_rows), as_int(op->stride_cols), as_int(op->dilation_rows),
               as_int(op->dilation_cols), CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT)) &&
           ACCEPTED(cudnnSetConvolutionGroupCount(to->convolution, as_int(op->groups))) &&
           ACCEPTED(cudnnSetActivationDescriptor(to->relu, CUDNN_ACTIVATION_RELU,
                                                 CUDNN_NOT_PROPAGATE_NAN, 0));
}

/* What cuDNN says comes out, and what it takes up in memory. */
static bool sizes_agree(const layer_way *way, const layer_descriptors *from)
{
    int n = 0, c = 0, h = 0, w = 0;
    size_t nbytes = 0, number = way->type == CUDNN_DATA_FLOAT ? 4 : 2;
    if (!ACCEPTED(cudnnGetConvolution2dForwardOutputDim(from->convolution, from->x, from->kernel,
                                                        &n, &c, &h, &w)) ||
        !ACCEPTED(cudnnGetTensorSizeInBytes(from->y, &nbytes)))
        return false;
    if (n == way->batch && c == as_int(way->out.channels) && h == as_int(way->out.rows) &&
        w == as_int(way->out.cols) && nbytes == (size_t)n * hpac_shape_count(way->out) * number)
        return true;
    printf("cuDNN makes (%d, %d, %d, %d) of it, %zu bytes\n", n, c, h, w, nbytes);
    return false;
}

static bool try_way(const layer_way *way)
{
    layer_descriptors made = {0};
    bool good = create(&made) && describe_tensors(way, &made) && describe_convolution(way, &made) &&
                sizes_agree(way, &made) && destroy(&made);
    if (!good)
        printf("that was %s, batch %d, (%zu, %zu, %zu) to (%zu, %zu, %zu), %s, %s\n",
               hpac_op_name(way->op->kind), way->batch, way->in.rows, way->in.cols,
               way->in.channels, way->out.rows, way->out.cols, way->out.channels,
               way->format == CUDNN_TENSOR_NHWC ? "nhwc" : "nchw",
               way->type == CUDNN_DATA_FLOAT ? "float32" : "bf16");
    return good;
}

static layer_way describe_op(const hpac_op *op)
{
    layer_way way = {.op = op, .in = op->in, .out = op->out};
    if (op->pad_top == op->pad_bottom && op->pad_left == op->pad_right) {
        way.pad_rows = op->pad_top;
        way.pad_cols = op->pad_left;
    } else {
        way.in.rows += op->pad_top + op->pad_bottom;
        way.in.cols += op->pad_left + op->pad_right;
    }
    return way;
}

static bool try_convolution(const hpac_op *op, int batch)
{
    const cudnnTensorFormat_t formats[] = {CUDNN_TENSOR_NHWC, CUDNN_TENSOR_NCHW};
    const cudnnDataType_t types[] = {CUDNN_DATA_FLOAT, CUDNN_DATA_BFLOAT16};
    for (int i = 0; i < 8; i++) {
        layer_way way = describe_op(op);
        way.batch = i & 1 ? 1 : batch;
        way.format = formats[i >> 1 & 1];
        way.type = types[i >> 2];
        if (!try_way(&way))
            return false;
    }
    return true;
}

static bool try_configuration(const char *path)
{
    hpac_config config;
    int described = 0;
    if (hpac_config_load(path, NULL, 0, &config) != HPAC_OK) {
        printf("%s\n", hpac_error_message());
        return false;
    }
    static hpac_shape shapes[1 + HPAC_MAX_LAYERS]; /* that of the image first */
    size_t bad;
    shapes[0] = hpac_config_input_shape(&config);
    bool good = hpac_layers_shapes(config.layers, config.layer_count, shapes[0], shapes + 1,
                                   &bad) == HPAC_OK;
    for (size_t i = 0; good && i < config.layer_count; i++) {
        const hpac_layer *layer = &config.layers[i];
        hpac_op op;
        if (hpac_layer_row_of(layer)->op != HPAC_OP_CONV2D)
            continue;
        good = hpac_layer_op(layer, &shapes[hpac_layer_input(layer, i, 0)], &op) == HPAC_OK &&
               try_convolution(&op, as_int(config.train.batch_size));
        described++;
    }
    printf("%s: %d layers described in 8 ways each%s\n", path, described, good ? "" : ": no");
    hpac_config_fini(&config);
    return good && described > 0;
}

int main(int argc, char **argv)
{
    Dl_info library = {0};
    size_t version = cudnnGetVersion();
    bool good = dladdr((void *)(uintptr_t)cudnnCreate, &library) != 0 &&
                strstr(library.dli_fname, "cudasim") == NULL;
    printf("cuDNN %zu.%zu.%zu: %s\n", version / 10000, version % 10000 / 100, version % 100,
           good ? library.dli_fname : "not the real one");
    for (int i = 1; i < argc; i++)
        good = try_configuration(argv[i]) && good;
    return good && argc > 1 ? 0 : 1;
}
