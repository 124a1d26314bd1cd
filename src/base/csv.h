/*
 * CSV files, read by libcsv (quotes, CRLF) and written by these few functions.
 *
 * Reading calls back once a row with the row's cells and its line in the file:
 *
 *     static hpac_status on_row(void *user, const hpac_csv_row *row);
 *     status = hpac_csv_read("train.csv", on_row, &user);
 *
 * A row that cannot be read (a NUL byte, more than 1 MiB, a quote inside a cell or never closed) is
 * handed over too, as a defect without cells, so that it can be reported with the other bad rows;
 * the reading goes on after the next newline. A UTF-8 byte order mark at the start is dropped;
 * blank lines are passed over.
 */
#ifndef HPAC_BASE_CSV_H
#define HPAC_BASE_CSV_H

#include <hpac/status.h>

#include <stdio.h>

typedef struct hpac_csv_row {
    size_t line;        /* of the file, from 1, where the row begins */
    const char *defect; /* what is wrong with the row, or NULL when it could be read */
    size_t count;       /* cells; 0 with a defect, else at least 1 */
    const char **cells; /* (count) NUL-terminated, white space kept; valid during the call */
} hpac_csv_row;

/* Reads `path` from the start. A status other than OK from `on_row` ends the reading and is
 * returned. Errors: DATA when the file cannot be opened or read. */
hpac_status hpac_csv_read(const char *path,
                          hpac_status (*on_row)(void *user, const hpac_csv_row *row), void *user);
/* The same of what is in memory already; `name` is what errors call it. */
hpac_status hpac_csv_read_text(const char *name, const char *text, size_t nbytes,
                               hpac_status (*on_row)(void *user, const hpac_csv_row *row),
                               void *user);

/* Writes one cell, quoted when it needs to be; the caller writes commas and newlines. */
void hpac_csv_write_cell(FILE *stream, const char *text);

#endif
