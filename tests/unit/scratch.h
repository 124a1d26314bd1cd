/* A folder of the test's own, under $TMPDIR or /tmp, and small helpers to fill and look at it. */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

#include <stddef.h>

/* Makes the folder (once a test; each test is a process) and returns its path. It is removed with
 * all that is in it when the test ends, also when it fails. */
const char *scratch_folder(void);

/* "<scratch folder>/<name>", valid until the test ends. */
const char *scratch_path(const char *name);

/* Writes `nbytes` bytes into scratch_path(name) and returns that path. */
const char *scratch_write(const char *name, const void *bytes, size_t nbytes);
const char *scratch_write_text(const char *name, const char *text);

/* Names in a folder, "." and ".." left out; -1 when it cannot be read. */
int count_entries(const char *folder);

/* Path of a file of the competition's data, in $HPAC_REAL_DATA or ../shared/data/hpa2018. Skips the
 * test when it is not there. */
const char *real_data_or_skip(const char *name);

#endif
