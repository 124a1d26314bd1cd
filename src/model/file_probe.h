/* Reading files that may crash the library that reads them. */
#ifndef HPAC_MODEL_FILE_PROBE_H
#define HPAC_MODEL_FILE_PROBE_H

#include <hpac/status.h>

/*
 * Calls read(path, result), first in a child process, whose result is dropped, then in this one:
 * HDF5 does not validate what it reads. Of files with one damaged byte, versions like 1.10.8 crash
 * on about one in 200 and hang on some.
 *
 * `read` may print through HDF5's error stack, which is silent meanwhile. When it fails, `discard`
 * frees what it has read. Errors: DATA for a file that cannot be opened, or on which the child
 * crashed, did not end in 30 s of CPU time, or needed more memory than 1 GiB and 16 times the size
 * of the file; those of `read`; all name the path.
 */
hpac_status hpac_file_probe(const char *path, hpac_status (*read)(const char *path, void *result),
                            void (*discard)(void *result), void *result);

#endif
