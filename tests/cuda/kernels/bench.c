/* Device memory and tensors for the tests of single kernels. */
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BLOCKS = 4096 };

cudaStream_t bench_stream;
static void *blocks[MAX_BLOCKS];
static int block_count;

void bench_start(void)
{
    MUST_WORK(cudaStreamCreateWithFlags(&bench_stream, cudaStreamNonBlocking));
}

void bench_end(void)
{
    MUST_WORK(cudaStreamSynchronize(bench_stream));
    while (block_count > 0)
        MUST_WORK(cudaFree(blocks[--block_count]));
    MUST_WORK(cudaStreamDestroy(bench_stream));
}

static void *pinned_bytes(size_t nbytes)
{
    void *address = NULL;
    MUST_WORK(cudaHostAlloc(&address, nbytes, cudaHostAllocDefault));
    return address;
}

void *put_bytes(const void *from, size_t nbytes)
{
    void *address = NULL, *pinned = pinned_bytes(nbytes);
    cr_assert_lt(block_count, MAX_BLOCKS);
    MUST_WORK(cudaMalloc(&address, nbytes));
    blocks[block_count++] = address;
    if (from)
        memcpy(pinned, from, nbytes);
    else
        memset(pinned, 0xff, nbytes);
    MUST_WORK(cudaMemcpyAsync(address, pinned, nbytes, cudaMemcpyHostToDevice, bench_stream));
    MUST_WORK(cudaStreamSynchronize(bench_stream));
    MUST_WORK(cudaFreeHost(pinned));
    return address;
}

void get_bytes(void *to, const void *address, size_t nbytes)
{
    void *pinned = pinned_bytes(nbytes);
    MUST_WORK(cudaMemcpyAsync(pinned, address, nbytes, cudaMemcpyDeviceToHost, bench_stream));
    MUST_WORK(cudaStreamSynchronize(bench_stream));
    memcpy(to, pinned, nbytes);
    MUST_WORK(cudaFreeHost(pinned));
}

/* ---- bf16 ---- */

float from_bf16(uint16_t bits)
{
    uint32_t word = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &word, sizeof value);
    return value;
}

/* Of what would be infinity: the power of two that comes after the largest number. */
static double magnitude_of(uint16_t bits)
{
    return bits == 0x7f80 ? ldexp(1, 128) : (double)from_bf16(bits);
}

uint16_t to_bf16(float value)
{
    const uint16_t sign = signbit(value) ? 0x8000 : 0;
    const double magnitude = fabs((double)value);
    if (isnan(value))
        return 0x7fc0;
    if (isinf(value))
        return sign | 0x7f80;
    uint32_t word;
    memcpy(&word, &value, sizeof word);
    uint16_t below = (uint16_t)(word >> 16 & 0x7fff), above = (uint16_t)(below + 1);
    double down = magnitude - magnitude_of(below), up = magnitude_of(above) - magnitude;
    bool take_above = up < down || (up == down && below % 2 == 1);
    return (uint16_t)(sign | (take_above ? above : below));
}

float rounded_to(const kernel_tensor *tensor, float value)
{
    return tensor->bf16 ? from_bf16(to_bf16(value)) : value;
}

/* ---- tensors ---- */

size_t count_of(const kernel_tensor *tensor)
{
    return (size_t)tensor->batch * (size_t)tensor->rows * (size_t)tensor->cols *
           (size_t)tensor->channels;
}

static size_t first_of(const kernel_tensor *tensor)
{
    return tensor->wide_channels ? BENCH_FIRST : 0;
}

/* Where the value with this NHWC index lies in the image. */
static size_t place_of(const kernel_tensor *tensor, size_t index)
{
    size_t pixels = (size_t)tensor->rows * (size_t)tensor->cols;
    size_t channels = (size_t)tensor->channels;
    size_t wide = tensor->wide_channels ? (size_t)tensor->wide_channels : channels;
    size_t image = index / (pixels * channels), rest = index % (pixels * channels);
    size_t channel = first_of(tensor) + rest % channels, pixel = rest / channels;
    return tensor->nchw ? (image * wide + channel) * pixels + pixel
                        : (image * pixels + pixel) * wide + channel;
}

/* Bytes of the image, and of what is before the view's first value. */
static size_t image_nbytes(const kernel_tensor *tensor)
{
    kernel_tensor image = *tensor;
    if (tensor->wide_channels)
        image.channels = tensor->wide_channels;
    return count_of(&image) * (tensor->bf16 ? 2 : 4);
}

static size_t view_offset(const kernel_tensor *tensor)
{
    size_t pixels = tensor->nchw ? (size_t)tensor->rows * (size_t)tensor->cols : 1;
    return first_of(tensor) * pixels * (tensor->bf16 ? 2 : 4);
}

static void expect_all_set(const kernel_tensor *tensor, const unsigned char *bytes)
{
    for (size_t i = 0; i < image_nbytes(tensor); i++)
        cr_assert_eq(bytes[i], 0xff, "%s: byte %zu is not the view's", name_of(tensor), i);
}

void *put_tensor(const kernel_tensor *tensor, const float *values)
{
    size_t count = count_of(tensor), width = tensor->bf16 ? 2 : 4;
    unsigned char *bytes = malloc(image_nbytes(tensor));
    cr_assert_not_null(bytes);
    memset(bytes, 0xff, image_nbytes(tensor));
    for (size_t i = 0; i < count; i++) {
        uint16_t half = to_bf16(values[i]);
        memcpy(bytes + place_of(tensor, i) * width,
               tensor->bf16 ? (const void *)&half : (const void *)&values[i], width);
    }
    char *address = put_bytes(bytes, image_nbytes(tensor));
    free(bytes);
    return address + view_offset(tensor);
}

void get_tensor(const kernel_tensor *tensor, const void *address, float *values)
{
    size_t count = count_of(tensor), width = tensor->bf16 ? 2 : 4;
    unsigned char *bytes = malloc(image_nbytes(tensor));
    cr_assert_not_null(bytes);
    get_bytes(bytes, (const char *)address - view_offset(tensor), image_nbytes(tensor));
    for (size_t i = 0; i < count; i++) {
        unsigned char *at = bytes + place_of(tensor, i) * width;
        uint16_t half;
        memcpy(&half, at, sizeof half);
        if (tensor->bf16)
            values[i] = from_bf16(half);
        else
            memcpy(&values[i], at, sizeof values[i]);
        memset(at, 0xff, width);
    }
    expect_all_set(tensor, bytes);
    free(bytes);
}

kernel_tensor variant_of(kernel_tensor shape, int number)
{
    shape.nchw = number & 1;
    shape.bf16 = number & 2;
    return shape;
}

const char *name_of(const kernel_tensor *tensor)
{
    static char name[96];
    snprintf(name, sizeof name, "%d x %d x %d x %d %s %s", tensor->batch, tensor->rows,
             tensor->cols, tensor->channels, tensor->nchw ? "nchw" : "nhwc",
             tensor->bf16 ? "bf16" : "float32");
    return name;
}

/* ---- values ---- */

float *new_values(size_t count)
{
    float *values = calloc(count ? count : 1, sizeof *values);
    cr_assert_not_null(values);
    return values;
}

float *draw_values(uint32_t stream, size_t count)
{
    float *values = new_values(count);
    hpac_random random;
    hpac_random_init(&random, 20, HPAC_PURPOSE_SYNTH, stream, 0);
    for (size_t i = 0; i < count; i++)
        values[i] = i % 8 == 5 ? 0.0F : 2 * hpac_random_uniform(&random) - 1;
    return values;
}

bool is_near(double got, double expected, double atol, double rtol)
{
    if (isnan(expected))
        return isnan(got);
    return got == expected || fabs(got - expected) <= atol + rtol * fabs(expected);
}
