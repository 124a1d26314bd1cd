/* The tests' stream, handles and memory. */
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

sim_fixture fixture_open(void)
{
    sim_fixture fixture = {0};
    DONE(cudaStreamCreateWithFlags(&fixture.stream, cudaStreamNonBlocking));
    DONE(cudnnCreate(&fixture.cudnn));
    DONE(cudnnSetStream(fixture.cudnn, fixture.stream));
    DONE(cublasCreate(&fixture.cublas));
    DONE(cublasSetStream(fixture.cublas, fixture.stream));
    return fixture;
}

void fixture_close(sim_fixture *fixture)
{
    DONE(cudnnDestroy(fixture->cudnn));
    DONE(cublasDestroy(fixture->cublas));
    DONE(cudaStreamDestroy(fixture->stream));
}

float *new_floats(size_t count)
{
    float *floats = calloc(count, sizeof(float));
    cr_assert(floats != NULL);
    return floats;
}

static uint16_t to_bf16(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return (uint16_t)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

static float from_bf16(uint16_t bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof(value));
    return value;
}

void *put_floats(const sim_fixture *fixture, const float *values, size_t count, int bf16)
{
    size_t nbytes = count * (bf16 ? 2 : 4);
    void *pinned, *address;
    DONE(cudaMallocHost(&pinned, nbytes));
    DONE(cudaMalloc(&address, nbytes));
    for (size_t i = 0; bf16 && i < count; i++)
        ((uint16_t *)pinned)[i] = to_bf16(values[i]);
    if (!bf16)
        memcpy(pinned, values, nbytes);
    DONE(cudaMemcpyAsync(address, pinned, nbytes, cudaMemcpyHostToDevice, fixture->stream));
    DONE(cudaStreamSynchronize(fixture->stream));
    DONE(cudaFreeHost(pinned));
    return address;
}

void get_floats(const sim_fixture *fixture, const void *address, float *values, size_t count,
                int bf16)
{
    size_t nbytes = count * (bf16 ? 2 : 4);
    void *pinned;
    DONE(cudaMallocHost(&pinned, nbytes));
    DONE(cudaMemcpyAsync(pinned, address, nbytes, cudaMemcpyDeviceToHost, fixture->stream));
    DONE(cudaStreamSynchronize(fixture->stream));
    for (size_t i = 0; bf16 && i < count; i++)
        values[i] = from_bf16(((uint16_t *)pinned)[i]);
    if (!bf16)
        memcpy(values, pinned, nbytes);
    DONE(cudaFreeHost(pinned));
}

/* Numerical Recipes' generator; the low bits are poor and not used. */
static uint32_t next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 16;
}

void fill_floats(float *values, size_t count, uint32_t seed)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)((int)(next(&seed) % 255) - 127) / 128.0f;
}

void fill_integers(float *values, size_t count, uint32_t seed)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)((int)(next(&seed) % 7) - 3);
}
