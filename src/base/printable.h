/*
 * Text for terminals and logs. Ids, file names and messages of libraries come from outside and may
 * hold escape sequences; shown as they are they could move the cursor, set the window's title or
 * reorder a line.
 */
#ifndef HPAC_BASE_PRINTABLE_H
#define HPAC_BASE_PRINTABLE_H

#include <hpac/status.h>

#include <stdint.h>
#include <stdio.h>

/* The length in bytes of the UTF-8 sequence that `text`, which ends with a NUL, begins with, and
 * its code point; 0 when it is none: stray or missing continuation bytes, overlong forms,
 * surrogates, beyond U+10FFFF. */
size_t hpac_utf8_decode(const char *text, uint32_t *code);

/* A copy with escapes for what is not visible UTF-8: control characters and bytes that are not
 * UTF-8 as \x1b; C1 controls, line separators, invisible and bidirectional formatting characters as
 * \u202e. Newlines and tabs stay. malloc'ed; NULL when memory is out. */
char *hpac_printable(const char *text);

/* Collects what a function prints and writes it to `to` in that form:
 *
 *     hpac_printable_stream shown;
 *     HPAC_TRY(hpac_printable_open(&shown));
 *     fprintf(shown.stream, "layer %s\n", name);
 *     return hpac_printable_close(&shown, stdout);
 *
 * Errors: INTERNAL (memory). After a failed open there is nothing to close. */
typedef struct hpac_printable_stream {
    FILE *stream;
    char *text;
    size_t nbytes;
} hpac_printable_stream;

hpac_status hpac_printable_open(hpac_printable_stream *printable);
hpac_status hpac_printable_close(hpac_printable_stream *printable, FILE *to);

#endif
