/*
 * CSV files, read by libcsv (quotes, CRLF). Reading calls back once per row with the row's cells
 * and its line in the file:
 *
 *     static hpac_status on_row(void *user, const hpac_csv_row *row);
 *     status = hpac_csv_read("train.csv", on_row, &user);
 *
 * A row that cannot be read (a NUL byte, more than 1 MiB, a quote inside a cell or not closed) is
 * passed on too, as a defect without cells, so that it can be reported with the other bad rows;
 * reading continues after the next newline. A UTF-8 byte order mark at the start is dropped; blank
 * lines are skipped. UTF-16 text and other known formats are refused by name.
 */
#ifndef HPAC_BASE_CSV_H
#define HPAC_BASE_CSV_H

#include <hpac/status.h>

#include <stdio.h>

typedef struct hpac_csv_row {
    size_t line;        /* of the file, from 1, where the row begins */
    const char *defect; /* what is wrong with the row, or NULL when it could be read */
    size_t count;       /* cells; 0 with a defect, else at least 1 */
    const char **cells; /* (count) NUL-terminated, with their white space; valid during the call */
} hpac_csv_row;

typedef hpac_status (*hpac_csv_on_row)(void *user, const hpac_csv_row *row);

/* Reads a file or an unnamed pipe (hpac_stream_open). A status other than OK from `on_row` ends the
 * reading and is returned. Errors: DATA when the file cannot be opened or read, or is not UTF-8
 * text. */
hpac_status hpac_csv_read(const char *path, hpac_csv_on_row on_row, void *user);
/* The same from memory; errors call it `name`. */
hpac_status hpac_csv_read_text(const char *name, const char *text, size_t nbytes,
                               hpac_csv_on_row on_row, void *user);

/* Writes one cell, quoted if necessary; the caller writes commas and newlines. */
void hpac_csv_write_cell(FILE *stream, const char *text);

#endif
