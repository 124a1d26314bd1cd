/*
 * Allocations that end the calling function with an error when they fail, and variables that are
 * released when their scope ends, however it ends:
 *
 *     hpac_status hpac_mean_of_file(const char *path, double *mean)
 *     {
 *         HPAC_AUTO(hpac_labels_fini) hpac_labels labels = {0};
 *         HPAC_TRY(hpac_labels_read_csv(path, &labels));
 *         HPAC_AUTO_FREE double *sums = NULL;
 *         HPAC_TRY_NEW(sums, labels.count);
 *         ...
 *         return HPAC_OK;
 *     }
 *
 * What a function hands to its caller is moved out first: `*result = made; made = NULL;`.
 * Variables with the attribute must be initialized where they are declared.
 */
#ifndef HPAC_BASE_MEMORY_H
#define HPAC_BASE_MEMORY_H

#include <hpac/status.h>

#include <stdlib.h>

/* pointer = `count` zeroed elements, or returns hpac_fail_memory() from the calling function. */
#define HPAC_TRY_NEW(pointer, count)                                                               \
    do {                                                                                           \
        (pointer) = calloc((count), sizeof *(pointer));                                            \
        if (!(pointer)) {                                                                          \
            hpac_fail_memory((count) * sizeof *(pointer));                                         \
            return HPAC_ERR_INTERNAL;                                                              \
        }                                                                                          \
    } while (0)

/* For functions that return allocated memory: HPAC_TRY_MEMORY(copy = strdup(text), nbytes). Returns
 * hpac_fail_memory(nbytes) from the calling function when the expression is NULL. */
#define HPAC_TRY_MEMORY(expression, nbytes)                                                        \
    do {                                                                                           \
        if (!(expression)) {                                                                       \
            hpac_fail_memory(nbytes);                                                              \
            return HPAC_ERR_INTERNAL;                                                              \
        }                                                                                          \
    } while (0)

/* For the arguments of public functions: a NULL one is an error that names function and argument,
 * returned from the calling function. */
#define HPAC_TRY_GIVEN(argument)                                                                   \
    do {                                                                                           \
        if (!(argument))                                                                           \
            return hpac_fail(HPAC_ERR_INTERNAL, "%s: %s is NULL", __func__, #argument);            \
    } while (0)

/* Makes room for one more element in a malloc'ed array, or returns hpac_fail_memory() from the
 * calling function, the array unchanged. Doubles `capacity` when it is reached. */
#define HPAC_TRY_GROW(array, count, capacity)                                                      \
    do {                                                                                           \
        if ((count) >= (capacity)) {                                                               \
            size_t hpac_grown = (capacity) ? 2 * (capacity) : 16;                                  \
            void *hpac_array = realloc((array), hpac_grown * sizeof *(array));                     \
            if (!hpac_array) {                                                                     \
                hpac_fail_memory(hpac_grown * sizeof *(array));                                    \
                return HPAC_ERR_INTERNAL;                                                          \
            }                                                                                      \
            (array) = hpac_array;                                                                  \
            (capacity) = hpac_grown;                                                               \
        }                                                                                          \
    } while (0)

/* The variable is passed by address to `fini` at the end of its scope. */
#define HPAC_AUTO(fini) __attribute__((cleanup(fini)))
/* The pointer is freed at the end of its scope. */
#define HPAC_AUTO_FREE __attribute__((cleanup(hpac_auto_free)))

/* For HPAC_AUTO_FREE: frees the pointer at `variable`. */
static inline void hpac_auto_free(void *variable)
{
    free(*(void **)variable);
}

#endif
