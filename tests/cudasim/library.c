/* Checks that both simulated libraries make. */
#include "library.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- operands ----------------------------------------------------------------------------------
 */

static bool ranges_overlap(uintptr_t a, size_t a_nbytes, uintptr_t b, size_t b_nbytes)
{
    return a < b + b_nbytes && b < a + a_nbytes;
}

static size_t piece_count(const cudasim_operand *operand)
{
    return operand->pieces ? operand->pieces : 1;
}

static size_t piece_nbytes(const cudasim_operand *operand)
{
    return operand->pieces ? operand->piece_nbytes : operand->nbytes;
}

static bool pieces_overlap(const cudasim_operand *a, const cudasim_operand *b)
{
    for (size_t i = 0; i < piece_count(a); i++)
        for (size_t j = 0; j < piece_count(b); j++)
            if (ranges_overlap((uintptr_t)a->address + i * a->step_nbytes, piece_nbytes(a),
                               (uintptr_t)b->address + j * b->step_nbytes, piece_nbytes(b)))
                return true;
    return false;
}

static bool overlap(const cudasim_operand *a, const cudasim_operand *b)
{
    return ranges_overlap((uintptr_t)a->address, a->nbytes, (uintptr_t)b->address, b->nbytes) &&
           pieces_overlap(a, b);
}

static bool may_be_one(const cudasim_operand *a, const cudasim_operand *b)
{
    return a->address == b->address && a->nbytes == b->nbytes &&
           (a->alias == b->address || b->alias == a->address);
}

static void check_overlaps(const char *call, const cudasim_operand *operands, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++) {
            const cudasim_operand *a = &operands[i], *b = &operands[j];
            if ((a->written || b->written) && a->nbytes && b->nbytes && overlap(a, b) &&
                !may_be_one(a, b))
                cudasim_fail("%s: %s (%p, %zu bytes) and %s (%p, %zu bytes) overlap", call, a->name,
                             a->address, a->nbytes, b->name, b->address, b->nbytes);
        }
}

void *cudasim_operand_memory(const char *call, const cudasim_operand *operand)
{
    return operand->nbytes
               ? cudasim_memory(operand->address, operand->nbytes, "%s: %s", call, operand->name)
               : NULL;
}

void cudasim_check_operands(const char *call, int device, const cudasim_operand *operands,
                            size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const cudasim_operand *operand = &operands[i];
        if (operand->alignment && (uintptr_t)operand->address % operand->alignment != 0)
            cudasim_fail("%s: %s at %p is misaligned: it must be a multiple of %zu bytes", call,
                         operand->name, operand->address, operand->alignment);
        if (operand->nbytes > 0)
            cudasim_check_device(operand->address, device, call);
        cudasim_operand_memory(call, operand);
    }
    check_overlaps(call, operands, count);
}

void cudasim_poison(void *memory, size_t nbytes)
{
    if (nbytes)
        memset(memory, 0xff, nbytes);
}

void cudasim_poison_operand(void *memory, const cudasim_operand *operand)
{
    for (size_t i = 0; i < piece_count(operand); i++)
        cudasim_poison((char *)memory + i * operand->step_nbytes, piece_nbytes(operand));
}

void cudasim_poison_scratch(void *memory, size_t nbytes)
{
    enum { ALL = 1 << 20, END = 1 << 16, PAGE = 4096, LINE = 64 };
    char *bytes = memory;
    if (nbytes <= ALL) {
        cudasim_poison(memory, nbytes);
        return;
    }
    for (size_t i = 0; i + LINE <= nbytes; i += PAGE)
        cudasim_poison(bytes + i, LINE);
    cudasim_poison(bytes, END);
    cudasim_poison(bytes + nbytes - END, END);
}

/* ---- captures ----------------------------------------------------------------------------------
 */

/* FNV-1a (Fowler, Noll, Vo), of the name too. */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t nbytes)
{
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < nbytes; i++)
        hash = (hash ^ byte[i]) * 0x100000001b3u;
    return hash;
}

/* Whether a kind was seen before; from now on it was. */
static bool was_seen(uint64_t kind)
{
    static uint64_t *kinds;
    static size_t count, capacity;
    for (size_t i = 0; i < count; i++)
        if (kinds[i] == kind)
            return true;
    if (count == capacity) {
        capacity = capacity ? 2 * capacity : 64;
        kinds = realloc(kinds, capacity * sizeof(kinds[0]));
        if (!kinds)
            cudasim_fail("no host memory to remember calls");
    }
    kinds[count++] = kind;
    return false;
}

void cudasim_check_first_use(const char *call, cudaStream_t stream, const void *kind,
                             size_t kind_nbytes)
{
    if (!stream)
        cudasim_fail("%s on the NULL stream: the handle was given no stream", call);
    uint64_t hash = hash_bytes(0xcbf29ce484222325u, call, strlen(call));
    hash = hash_bytes(hash, kind, kind_nbytes);
    bool capturing = cudasim_is_capturing(stream);
    pthread_mutex_lock(&lock);
    bool seen = was_seen(hash);
    pthread_mutex_unlock(&lock);
    if (capturing && !seen)
        cudasim_fail("%s: first use of this shape and algorithm inside a capture: run it once "
                     "outside before",
                     call);
}

/* ---- the rest ----------------------------------------------------------------------------------
 */

bool cudasim_tf32_forbidden(void)
{
    const char *override = getenv("NVIDIA_TF32_OVERRIDE");
    return override && strcmp(override, "0") == 0;
}
