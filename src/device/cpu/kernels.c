/* The kernels and oneDNN's instruction sets for each CPU path. */
#include "kernels.h"

#include <dnnl.h>

const cpu_kernels *hpac_cpu_kernels(hpac_cpu_path path)
{
#if defined(__x86_64__)
    if (path == HPAC_CPU_PATH_AVX512)
        return &hpac_cpu_kernels_avx512;
    if (path == HPAC_CPU_PATH_AVX2)
        return &hpac_cpu_kernels_avx2;
#endif
    (void)path;
    return &hpac_cpu_kernels_any;
}

hpac_status hpac_cpu_cap_onednn(void)
{
    hpac_cpu_path path;
    HPAC_TRY(hpac_cpu_path_get(&path));
    if (path == hpac_cpu_path_best()) /* ONEDNN_MAX_CPU_ISA then works as oneDNN documents it */
        return HPAC_OK;
    dnnl_cpu_isa_t isa = path == HPAC_CPU_PATH_AVX2 ? dnnl_cpu_isa_avx2 : dnnl_cpu_isa_sse41;
    /* Refused after the first use of oneDNN: by then it must have been capped already. */
    (void)dnnl_set_max_cpu_isa(isa);
    if (dnnl_get_effective_cpu_isa() != isa)
        return hpac_fail(HPAC_ERR_DEVICE,
                         "HPAC_CPU: oneDNN is already in use with other instruction sets");
    return HPAC_OK;
}
