/*
 * Text for terminals and logs. Ids, file names and messages of libraries come from outside and may
 * hold escape sequences; shown as they are they could move the cursor, set the window's title or
 * reorder a line.
 */
#ifndef HPAC_BASE_PRINTABLE_H
#define HPAC_BASE_PRINTABLE_H

/* A copy in which what is no visible UTF-8 is written as an escape: control characters and bytes
 * that are not UTF-8 as \x1b, C1 controls, line separators, and invisible and bidirectional
 * formatting characters as \u202e. Newlines and tabs stay. malloc'ed; NULL when memory is out. */
char *hpac_printable(const char *text);

#endif
