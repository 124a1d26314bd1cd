/* Picking the kernels for the processor. */
#include "kernels.h"

#include <dnnl.h>

const cpu_kernels *hpac_cpu_kernels(void)
{
#if defined(__x86_64__)
    unsigned isa = (unsigned)dnnl_get_effective_cpu_isa();
    if ((isa & dnnl_cpu_isa_avx512_core) == dnnl_cpu_isa_avx512_core)
        return &hpac_cpu_kernels_avx512;
    if ((isa & dnnl_cpu_isa_avx2) == dnnl_cpu_isa_avx2 && __builtin_cpu_supports("fma"))
        return &hpac_cpu_kernels_avx2;
#endif
    return &hpac_cpu_kernels_any;
}
