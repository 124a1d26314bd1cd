/*
 * Files written atomically: to a temporary name beside the target, flushed to disk, renamed. A
 * crash leaves the old file or the new one.
 *
 *     hpac_file file;
 *     HPAC_TRY(hpac_file_create(&file, "runs/demo/metrics.csv"));
 *     fprintf(file.stream, ...);
 *     return hpac_file_commit(&file);
 *
 * Errors of this header: CONFIG when another path would do (no such directory, no permission); DATA
 * when reading or writing fails, or there is no room for another file. Messages have the path and
 * the reason.
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

/* Opens the temporary file. An existing target must be a regular file. On error nothing is left to
 * clean up. */
hpac_status hpac_file_create(hpac_file *file, const char *path);
/* The part of committing that fails on a full disk: flushes, fsyncs, closes. Of files that belong
 * together finish all before committing the first. On error the temporary file is removed. */
hpac_status hpac_file_finish(hpac_file *file);
/* Finishes a file that is not finished, renames it, fsyncs the directory. On error the temporary
 * file is removed and the target unchanged (or, if only the fsync of the directory failed, the new
 * file). Either way `file` is closed. */
hpac_status hpac_file_commit(hpac_file *file);
/* Closes and removes the temporary file; for error paths. Does nothing on a zeroed or committed
 * file. */
void hpac_file_discard(hpac_file *file);

/* Creates a directory and its missing parents; HPAC_OK if it exists. */
hpac_status hpac_directory_create(const char *path);
/* The length of the part of a path that exists: a path, a parent of it, or 0. */
size_t hpac_path_existing(const char *path);
/* Removes a directory and its parents, as far as they are empty, but not the first bytes of the
 * path, which existed before. */
void hpac_directory_remove_empty(const char *path, size_t existing_nbytes);
/* Creates and removes a file, to see whether the directory is writable. */
hpac_status hpac_directory_probe(const char *path);
/* Whether the path exists, as a file or anything else. */
bool hpac_path_exists(const char *path);
bool hpac_path_is_directory(const char *path);
/* The same for a name in a directory. */
bool hpac_directory_has(const char *directory, const char *name);

/* Removes the files of a directory whose names `is_ours` accepts; what is missing, or no directory,
 * has none. */
hpac_status hpac_directory_remove_files(const char *directory,
                                        bool (*is_ours)(const void *user, const char *name),
                                        const void *user);

/* For commands that replace files only with --force: CONFIG, listing the `names` (count) that exist
 * in the directory. A missing directory has none. */
hpac_status hpac_directory_check_free(const char *directory, const char *const *names,
                                      size_t count);

/* Opens a regular file for reading; -1 on error. Never waits. Errors: DATA, also for a directory, a
 * device or a pipe. */
hpac_status hpac_file_open(const char *path, int *descriptor, size_t *nbytes);
/* The same as a stream, to be closed by fclose; NULL on error. A pipe that has no name, as a
 * shell's "<(command)" or /dev/stdin behind "|", is read, too; reading it waits for its writer. */
hpac_status hpac_stream_open(const char *path, FILE **stream);
/* Closes a descriptor unless it is -1, which it becomes. */
void hpac_descriptor_close(int *descriptor);

/* Reads a whole file. `*bytes` is malloc'ed, followed by a 0 byte, and the caller's; NULL on error.
 * Errors: those of hpac_file_open; DATA for more than `limit_nbytes`. */
hpac_status hpac_file_read(const char *path, size_t limit_nbytes, unsigned char **bytes,
                           size_t *nbytes);

/* " (full path: /data/PATH)" of a relative path, malloc'ed; NULL for an absolute one, or without
 * memory. */
char *hpac_path_note(const char *path);
/* "PATH: cannot open: No such file or directory (full path: /data/PATH)": fails with errno, and
 * says where a relative path leads to. */
hpac_status hpac_fail_path(hpac_status status, const char *path, const char *what);
/* The same with CONFIG where errno is about the path, or DATA (a full disk, an I/O error). */
hpac_status hpac_fail_access(const char *path, const char *what);

/* "directory/<printf>", malloc'ed; NULL when out of memory. */
char *hpac_path_join(const char *directory, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same with a va_list. */
char *hpac_path_join_list(const char *directory, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

#endif
