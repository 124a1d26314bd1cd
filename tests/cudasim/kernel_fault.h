/* Which of the planted bugs of hpac's kernels the program has: CUDASIM_KERNEL_FAULT. */
#ifndef CUDASIM_KERNEL_FAULT_H
#define CUDASIM_KERNEL_FAULT_H

#include <cstdlib>

static inline bool cudasim_kernel_fault(int number)
{
    static const char *const chosen = std::getenv("CUDASIM_KERNEL_FAULT");
    static const int planted = chosen ? std::atoi(chosen) : 0;
    return planted == number;
}

#endif
