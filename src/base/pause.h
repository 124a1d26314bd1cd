/*
 * Pause points, for tests only: a test that must send a signal at a certain moment makes the
 * program stop there instead of hoping to be quick enough.
 *
 *     hpac_test_pause("batch");              in the program, after each batch
 *     HPAC_TEST_PAUSE=batch:3 hpac train     stops itself (SIGSTOP) after the third
 *
 * The test waits until the process is stopped (start_paused in tests/e2e/helpers.bash), sends its
 * signal, then SIGCONT. Without HPAC_TEST_PAUSE a pause point does nothing. Safe from any thread.
 */
#ifndef HPAC_BASE_PAUSE_H
#define HPAC_BASE_PAUSE_H

/* Stops the process if HPAC_TEST_PAUSE is "point" or "point:1" at the first call for this point, or
 * "point:N" at the N-th. */
void hpac_test_pause(const char *point);

#endif
