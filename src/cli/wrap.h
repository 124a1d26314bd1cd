/* Text in lines of a width. */
#ifndef HPAC_CLI_WRAP_H
#define HPAC_CLI_WRAP_H

#include <stdio.h>

typedef struct wrap_layout {
    int width;  /* columns of a line; a longer word has a line of its own */
    int indent; /* blanks before each line but the first */
    int column; /* where the first line begins */
} wrap_layout;

/* Writes the words of a text. Single newlines in it are blanks, an empty line ends a paragraph.
 * Ends with a newline. */
void wrap_text(const char *text, wrap_layout layout, FILE *stream);

#endif
