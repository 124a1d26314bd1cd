/* The CPU path. */
#include "cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *label;
} paths[HPAC_CPU_PATH_COUNT] = {
    [HPAC_CPU_PATH_PORTABLE] = {"portable", "portable"},
    [HPAC_CPU_PATH_AVX2] = {"avx2", "AVX2"},
    [HPAC_CPU_PATH_AVX512] = {"avx512", "AVX-512"},
};

const char *hpac_cpu_path_name(hpac_cpu_path path)
{
    return paths[path].name;
}

const char *hpac_cpu_path_label(hpac_cpu_path path)
{
    return paths[path].label;
}

hpac_cpu_path hpac_cpu_path_best(void)
{
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return HPAC_CPU_PATH_PORTABLE;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return HPAC_CPU_PATH_AVX512;
    return HPAC_CPU_PATH_AVX2;
#else
    return HPAC_CPU_PATH_PORTABLE;
#endif
}

hpac_status hpac_cpu_path_get(hpac_cpu_path *path)
{
    const char *wanted = getenv("HPAC_CPU");
    char accepted[64] = "";
    *path = hpac_cpu_path_best();
    for (hpac_cpu_path i = 0; wanted && *wanted && i <= hpac_cpu_path_best(); i++) {
        if (strcmp(wanted, paths[i].name) == 0) {
            *path = i;
            return HPAC_OK;
        }
        size_t length = strlen(accepted);
        snprintf(accepted + length, sizeof accepted - length, "%s%s", i > 0 ? ", " : "",
                 paths[i].name);
    }
    if (!wanted || !*wanted)
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_CONFIG,
                     "HPAC_CPU: \"%s\", expected one of those this processor has: %s", wanted,
                     accepted);
}
