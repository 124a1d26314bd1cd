/*
 * libhpac_compat.so of the bundle: what its libraries take from a C library newer than 2.34. With
 * lower-libc.c it lets a bundle made on Debian 12 (2.36) run on Ubuntu 22.04 (2.35) and Rocky 9
 * (2.34). hpac is linked with it, gnuplot gets it by LD_PRELOAD, so that these definitions are
 * always used.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

/* hypot and hypotf have a new version in 2.35, which does not set errno. hypotf is glibc's to the
 * bit; of hypot at most the last bit differs. */
float hypotf(float x, float y)
{
    if (isinf(x) || isinf(y)) /* even if the other one is NaN */
        return INFINITY;
    return (float)sqrt((double)x * (double)x + (double)y * (double)y);
}

double hypot(double x, double y)
{
    if (isinf(x) || isinf(y))
        return INFINITY;
    return (double)sqrtl((long double)x * x + (long double)y * y);
}

/* arc4random and arc4random_buf are new in 2.36: libstdc++ and libexpat use them. */
void arc4random_buf(void *bytes, size_t nbytes)
{
    for (unsigned char *at = bytes; nbytes > 0;) {
        ssize_t got = getrandom(at, nbytes > 256 ? 256 : nbytes, 0);
        if (got < 0)
            abort(); /* as glibc's: there is no randomness without it */
        at += got;
        nbytes -= (size_t)got;
    }
}

uint32_t arc4random(void)
{
    uint32_t number;
    arc4random_buf(&number, sizeof number);
    return number;
}
