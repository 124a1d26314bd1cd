/* Which of the planted bugs (planted_faults.txt) the program has: CUDASIM_FAULT, a number. */
#ifndef CUDASIM_PLANTED_FAULT_H
#define CUDASIM_PLANTED_FAULT_H

#include <stdio.h>
#include <stdlib.h>

static long cudasim_chosen_fault;

__attribute__((constructor)) static void cudasim_choose_fault(void)
{
    const char *chosen = getenv("CUDASIM_FAULT");
    char *end;
    if (!chosen)
        return;
    cudasim_chosen_fault = strtol(chosen, &end, 10);
    if (end != chosen && *end == '\0' && cudasim_chosen_fault > 0)
        return;
    fprintf(stderr, "CUDASIM_FAULT: \"%s\", expected a number of planted_faults.txt\n", chosen);
    exit(98);
}

#define cudasim_fault(number) (cudasim_chosen_fault == (number))

#endif
