/* The one monotonic clock: for durations, never for dates. Safe from any thread. */
#ifndef HPAC_BASE_CLOCK_H
#define HPAC_BASE_CLOCK_H

/* Seconds since an arbitrary start, CLOCK_MONOTONIC. */
double hpac_clock_s(void);

#endif
