/* Signals that ask a program to stop. */
#include "interrupt.h"

#include <stddef.h>

static volatile sig_atomic_t stop_signal;

static void on_signal(int number)
{
    stop_signal = number;
    if (number == SIGINT)
        signal(SIGINT, SIG_DFL);
}

const volatile sig_atomic_t *hpac_watch_stop_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, old;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        sigaction(numbers[i], NULL, &old);
        if (old.sa_handler != SIG_IGN || numbers[i] == SIGINT || numbers[i] == SIGTERM)
            sigaction(numbers[i], &action, NULL);
    }
    return &stop_signal;
}
