/*
 * Signals that ask a program to stop: SIGINT (Ctrl-C), SIGTERM, SIGHUP (a lost terminal) and
 * SIGUSR1 (Slurm's --signal=USR1). Work that can be saved asks between two batches:
 *
 *     const volatile sig_atomic_t *stop = hpac_watch_stop_signals();
 *     while (!*stop && more_batches())
 *         step();
 */
#ifndef HPAC_BASE_INTERRUPT_H
#define HPAC_BASE_INTERRUPT_H

#include <signal.h>

/* Installs the handlers and returns what a signal sets to its number. A second SIGINT ends
 * the program at once; the others may come twice (timeout and srun send them to the process and to
 * its group). SIGHUP and SIGUSR1 stay ignored where they are, as under nohup. */
const volatile sig_atomic_t *hpac_watch_stop_signals(void);

#endif
