/* Read by clang-tidy before each file: what it cannot see from another file, namely that a failure
 * is never HPAC_OK. Without this it follows ways that do not exist. */
#include <hpac/status.h>

#define hpac_fail(status, ...) ((void)hpac_fail(status, __VA_ARGS__), (status))
#define hpac_fail_memory(nbytes) ((void)hpac_fail_memory(nbytes), HPAC_ERR_INTERNAL)
