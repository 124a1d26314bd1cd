/* Signals that ask a program to stop. Criterion runs each test in a process of its own. */
#include "base/interrupt.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

ParameterizedTestParameters(interrupt, is_requested_by_each_signal)
{
    static int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
    return cr_make_param_array(int, numbers, sizeof numbers / sizeof *numbers);
}

ParameterizedTest(int *number, interrupt, is_requested_by_each_signal)
{
    const volatile sig_atomic_t *stop = hpac_watch_stop_signals();
    cr_assert_eq(*stop, 0);
    raise(*number);
    cr_assert_eq(*stop, *number);
}

Test(interrupt, second_sigint_ends_the_program, .signal = SIGINT)
{
    hpac_watch_stop_signals();
    raise(SIGINT);
    raise(SIGINT);
    cr_assert(false, "survived the second SIGINT");
}

Test(interrupt, sigint_after_another_signal_is_the_first)
{
    const volatile sig_atomic_t *stop = hpac_watch_stop_signals();
    raise(SIGTERM);
    raise(SIGINT);
    cr_assert_eq(*stop, SIGINT);
}

/* timeout sends its signal to the program and to the group that the program is in. */
ParameterizedTestParameters(interrupt, may_come_twice)
{
    static int numbers[] = {SIGTERM, SIGHUP, SIGUSR1};
    return cr_make_param_array(int, numbers, sizeof numbers / sizeof *numbers);
}

ParameterizedTest(int *number, interrupt, may_come_twice)
{
    const volatile sig_atomic_t *stop = hpac_watch_stop_signals();
    raise(*number);
    raise(*number);
    cr_assert_eq(*stop, *number);
}

Test(interrupt, what_nohup_ignores_stays_ignored)
{
    signal(SIGHUP, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    const volatile sig_atomic_t *stop = hpac_watch_stop_signals();
    raise(SIGHUP);
    raise(SIGUSR1);
    cr_assert_eq(*stop, 0);
    raise(SIGTERM);
    cr_assert_eq(*stop, SIGTERM);
}

/* A shell gives its background jobs SIGINT as ignored; `kill -INT` still saves them. */
Test(interrupt, sigint_is_watched_in_the_background)
{
    signal(SIGINT, SIG_IGN);
    const volatile sig_atomic_t *stop = hpac_watch_stop_signals();
    raise(SIGINT);
    cr_assert_eq(*stop, SIGINT);
}
