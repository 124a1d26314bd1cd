/* Running another program. */
#ifndef HPAC_RENDER_PROGRAM_H
#define HPAC_RENDER_PROGRAM_H

#include <stdio.h>

/* Runs a program of PATH to its end, without input, in the locale C.UTF-8; `arguments` begin with
 * its name and end with NULL. What it says, on either stream, goes to `said`, which must be a file;
 * `*code` is its exit code, or 128 + the signal that ended it. Returns 0, or the errno of what kept
 * it from running. */
int report_program_run(char *const *arguments, FILE *said, int *code);

#endif
