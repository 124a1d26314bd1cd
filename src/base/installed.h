/*
 * Files that are installed with the program, and found relative to it: the installed, the bundled
 * and the built program each find their own.
 *
 *     char directory[PATH_MAX];
 *     if (hpac_installed_find("share/hpac/plots", "tools/plots", "common.gp", directory)) ...
 *
 * Thread-safe.
 */
#ifndef HPAC_BASE_INSTALLED_H
#define HPAC_BASE_INSTALLED_H

#include <limits.h>
#include <stdbool.h>

/* The directory of the running program; "." if it is unknown. */
void hpac_program_directory(char directory[PATH_MAX]);

/* Looks for `installed` and `source`, the names of a directory below the prefix and in the source
 * tree, in the program's directory and up to three above it (build/asan/tests/unit is the deepest
 * program), for one that has `file`. */
bool hpac_installed_find(const char *installed, const char *source, const char *file,
                         char directory[PATH_MAX]);

#endif
