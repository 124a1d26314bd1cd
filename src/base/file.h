/*
 * Files that are whole or not there: written to a temporary name beside the target, flushed to
 * disk, renamed. What a crash leaves is the old file or the new one.
 *
 *     hpac_file file;
 *     hpac_status status = hpac_file_create(&file, "runs/demo/metrics.csv");
 *     if (status == HPAC_OK) {
 *         fprintf(file.stream, ...);
 *         status = hpac_file_commit(&file);
 *     }
 *
 * Errors of this header: CONFIG when a folder or file cannot be made (path, errno text), DATA when
 * reading or writing fails later (a full disk).
 */
#ifndef HPAC_BASE_FILE_H
#define HPAC_BASE_FILE_H

#include <hpac/status.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct hpac_file {
    FILE *stream;    /* write here */
    char *path;      /* the target */
    char *temporary; /* "<path>.tmp.<pid>" */
} hpac_file;

/* Opens the temporary file. On error nothing is left to clean up. A target that is there already
 * must be a regular file. */
hpac_status hpac_file_create(hpac_file *file, const char *path);
/* The part of committing that can fail for want of room: flushes, fsyncs, closes. Of files that
 * belong together all are finished before the first is committed. On error the temporary file is
 * gone. */
hpac_status hpac_file_finish(hpac_file *file);
/* Finishes a file that is not yet, renames it, fsyncs the folder. On error the temporary file is
 * gone and the target is what it was (or, if only flushing the folder failed, the new file). Either
 * way `file` is done with. */
hpac_status hpac_file_commit(hpac_file *file);
/* Closes and removes the temporary file; for error paths. Does nothing on a zeroed or finished
 * file. */
void hpac_file_discard(hpac_file *file);

/* Makes a folder and its missing parents; one that is there already is fine. */
hpac_status hpac_directory_create(const char *path);
/* Tells whether a file can be created in this folder, by doing so. Errors: CONFIG. */
hpac_status hpac_directory_probe(const char *path);
/* Whether something of this name is there, of whatever kind. */
bool hpac_path_exists(const char *path);
/* The same of a name in a folder. */
bool hpac_directory_has(const char *folder, const char *name);
/* Whether nothing is in a folder. False also for what is no folder, or cannot be looked into. */
bool hpac_directory_is_empty(const char *path);

/* For commands that replace files only with --force: CONFIG, naming those of `names` (count) that
 * are in the folder already. A folder that is not there has none. */
hpac_status hpac_directory_check_free(const char *folder, const char *const *names, size_t count);

/* Reads a whole file. `*bytes` is malloc'ed (one byte longer, that byte 0) and the caller's; NULL
 * on error. A file of more than `limit_nbytes` is an error, as is a folder or a device. Errors:
 * DATA. */
hpac_status hpac_file_read(const char *path, size_t limit_nbytes, unsigned char **bytes,
                           size_t *nbytes);

/* "folder/name" or, with a format, "folder/<printf>"; malloc'ed, NULL when memory is out. */
char *hpac_path_join(const char *folder, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same for functions that take such a format themselves. */
char *hpac_path_join_list(const char *folder, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

#endif
