/*
 * The CPU path: the widest instruction set that hpac uses, for the kernels of the CPU device and of
 * resizing, and for oneDNN. By default the best that the processor has; the environment variable
 * HPAC_CPU=avx512|avx2|portable caps it, to test the paths of older processors on a newer one.
 *
 *     hpac_cpu_path path;
 *     HPAC_TRY(hpac_cpu_path_get(&path));
 *     kernels = &all_kernels[path];
 *
 * Safe from any thread, as long as none changes the environment.
 */
#ifndef HPAC_BASE_CPU_H
#define HPAC_BASE_CPU_H

#include <hpac/status.h>

/* In ascending order: a processor that has a path has those before it. */
typedef enum hpac_cpu_path {
    HPAC_CPU_PATH_PORTABLE, /* what the compiler makes for any processor; oneDNN: SSE4.1 */
    HPAC_CPU_PATH_AVX2,     /* AVX2 and FMA */
    HPAC_CPU_PATH_AVX512,   /* AVX-512 F, BW, DQ and VL */
    HPAC_CPU_PATH_COUNT,
} hpac_cpu_path;

/* The value of HPAC_CPU that selects the path: "avx2". */
const char *hpac_cpu_path_name(hpac_cpu_path path);

/* The path in a sentence: "AVX2". */
const char *hpac_cpu_path_label(hpac_cpu_path path);

/* The best path of this processor, whatever HPAC_CPU says. */
hpac_cpu_path hpac_cpu_path_best(void);

/* The path to use. Errors: CONFIG when HPAC_CPU is no path, or one that the processor lacks. */
hpac_status hpac_cpu_path_get(hpac_cpu_path *path);

#endif
