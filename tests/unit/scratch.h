/* A directory per test, under $TMPDIR or /tmp, and helpers to fill it and look at it. */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

#include <stddef.h>

/* Creates the directory (once per test; each test is a process) and returns its path. It is removed
 * with all that is in it when the test ends, also when it fails. */
const char *scratch_directory(void);

/* "<scratch directory>/<name>", valid until the test ends. */
const char *scratch_path(const char *name);

/* Writes `nbytes` bytes into scratch_path(name) and returns that path. */
const char *scratch_write(const char *name, const void *bytes, size_t nbytes);
const char *scratch_write_text(const char *name, const char *text);

/* The number of names in a directory, without "." and ".."; -1 if it cannot be read. */
int count_entries(const char *directory);

/* Path of a file of the competition's data, in $HPAC_REAL_DATA or ../shared/data/hpa2018. Skips the
 * test when it is not there. */
const char *real_data_or_skip(const char *name);

#endif
