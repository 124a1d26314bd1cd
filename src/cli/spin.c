/* How long waiting OpenMP threads spin. */
#include "cli.h"

#include <stdlib.h>
#include <unistd.h>

void cli_limit_spinning(char **argv)
{
    if (getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY"))
        return;
    if (setenv("GOMP_SPINCOUNT", "1000", 1) == 0)
        (void)execv("/proc/self/exe", argv);
    /* exec failed: slower beside other work, no other harm. */
}
