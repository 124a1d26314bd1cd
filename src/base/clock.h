/* The one monotonic clock: for durations, never for dates. Safe from any thread. */
#ifndef HPAC_BASE_CLOCK_H
#define HPAC_BASE_CLOCK_H

#include <time.h>

/* Seconds since an arbitrary start, CLOCK_MONOTONIC. */
static inline double hpac_clock_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#endif
