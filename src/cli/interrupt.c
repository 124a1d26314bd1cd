/* Ctrl-C as a wish that the work looks at between two batches. */
#include "cli.h"

static volatile sig_atomic_t stop_signal;

/* The first signal asks for a clean stop; a second one ends the program at once. */
static void on_signal(int signal_number)
{
    stop_signal = signal_number;
    signal(signal_number, SIG_DFL);
}

const volatile sig_atomic_t *cli_watch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return &stop_signal;
}
