/* Text in lines of a width: for the terminal and for the source of the man page. */
#ifndef HPAC_CLI_WRAP_H
#define HPAC_CLI_WRAP_H

#include <stddef.h>
#include <stdio.h>

typedef struct wrap_layout {
    int width;             /* columns of a line; a longer word has a line of its own */
    int indent;            /* blanks before each line but the first */
    int column;            /* where the first line begins */
    const char *paragraph; /* what ends a paragraph: "\n" leaves a line free */
    void (*put)(const char *word, size_t length, FILE *stream); /* NULL: as it is */
} wrap_layout;

/* Writes the words of a text. Single newlines in it are blanks, an empty line ends a paragraph.
 * Ends with a newline. */
void wrap_text(const char *text, const wrap_layout *layout, FILE *stream);

#endif
