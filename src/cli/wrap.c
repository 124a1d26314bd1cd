/* Text in lines of a width. */
#include "wrap.h"

#include <string.h>

static void begin_line(const wrap_layout *layout, FILE *stream)
{
    fprintf(stream, "%*s", layout->indent, "");
}

static void put(const wrap_layout *layout, const char *word, size_t length, FILE *stream)
{
    if (layout->put)
        layout->put(word, length, stream);
    else
        fwrite(word, 1, length, stream);
}

void wrap_text(const char *text, const wrap_layout *layout, FILE *stream)
{
    int column = layout->column, start = column; /* of the line */
    while (*text) {
        int newlines = 0;
        for (; *text == ' ' || *text == '\n'; text++)
            newlines += *text == '\n';
        size_t length = strcspn(text, " \n");
        if (length == 0)
            break;
        if (newlines > 1 || (column > start && column + 1 + (int)length > layout->width)) {
            fprintf(stream, "\n%s", newlines > 1 ? layout->paragraph : "");
            begin_line(layout, stream);
            column = start = layout->indent;
        } else if (column > start) {
            fputc(' ', stream);
            column++;
        }
        put(layout, text, length, stream);
        column += (int)length;
        text += length;
    }
    fputc('\n', stream);
}
