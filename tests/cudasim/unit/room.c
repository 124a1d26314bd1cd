/* The tests' stream, handles and memory. */
#include "room.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

test_room room_open(void)
{
    test_room room = {0};
    DONE(cudaStreamCreateWithFlags(&room.stream, cudaStreamNonBlocking));
    DONE(cudnnCreate(&room.cudnn));
    DONE(cudnnSetStream(room.cudnn, room.stream));
    DONE(cublasCreate(&room.cublas));
    DONE(cublasSetStream(room.cublas, room.stream));
    return room;
}

void room_close(test_room *room)
{
    DONE(cudnnDestroy(room->cudnn));
    DONE(cublasDestroy(room->cublas));
    DONE(cudaStreamDestroy(room->stream));
}

float *room_floats(size_t count)
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

void *room_put(const test_room *room, const float *values, size_t count, int bf16)
{
    size_t nbytes = count * (bf16 ? 2 : 4);
    void *pinned, *address;
    DONE(cudaMallocHost(&pinned, nbytes));
    DONE(cudaMalloc(&address, nbytes));
    for (size_t i = 0; bf16 && i < count; i++)
        ((uint16_t *)pinned)[i] = to_bf16(values[i]);
    if (!bf16)
        memcpy(pinned, values, nbytes);
    DONE(cudaMemcpyAsync(address, pinned, nbytes, cudaMemcpyHostToDevice, room->stream));
    DONE(cudaStreamSynchronize(room->stream));
    DONE(cudaFreeHost(pinned));
    return address;
}

void room_get(const test_room *room, const void *address, float *values, size_t count, int bf16)
{
    size_t nbytes = count * (bf16 ? 2 : 4);
    void *pinned;
    DONE(cudaMallocHost(&pinned, nbytes));
    DONE(cudaMemcpyAsync(pinned, address, nbytes, cudaMemcpyDeviceToHost, room->stream));
    DONE(cudaStreamSynchronize(room->stream));
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

void room_fill(float *values, size_t count, uint32_t seed)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)((int)(next(&seed) % 255) - 127) / 128.0f;
}

void room_fill_whole(float *values, size_t count, uint32_t seed)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)((int)(next(&seed) % 7) - 3);
}
