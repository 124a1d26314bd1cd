/* Pause points, for tests. */
#include "pause.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

void hpac_test_pause(const char *point)
{
    static atomic_long calls; /* of the one point that HPAC_TEST_PAUSE names */
    const char *wanted = getenv("HPAC_TEST_PAUSE");
    if (!wanted)
        return;
    size_t length = strcspn(wanted, ":");
    if (strlen(point) != length || strncmp(wanted, point, length) != 0)
        return;
    long number = wanted[length] ? strtol(wanted + length + 1, NULL, 10) : 1;
    if (atomic_fetch_add(&calls, 1) + 1 == number)
        (void)raise(SIGSTOP);
}
