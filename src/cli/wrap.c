/* Text in lines of a width. */
#include "wrap.h"

#include <string.h>

void wrap_text(const char *text, wrap_layout layout, FILE *stream)
{
    int column = layout.column, start = column; /* of the line */
    while (*text) {
        int newlines = 0;
        for (; *text == ' ' || *text == '\n'; text++)
            newlines += *text == '\n';
        int length = (int)strcspn(text, " \n");
        if (length == 0)
            break;
        if (newlines > 1 || (column > start && column + 1 + length > layout.width)) {
            fprintf(stream, "\n%s%*s", newlines > 1 ? "\n" : "", layout.indent, "");
            column = start = layout.indent;
        } else if (column > start) {
            fputc(' ', stream);
            column++;
        }
        fprintf(stream, "%.*s", length, text);
        column += length;
        text += length;
    }
    fputc('\n', stream);
}
