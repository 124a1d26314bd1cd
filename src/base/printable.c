/* Text for terminals and logs. */
#include "printable.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Controls (C0, DEL, C1); soft hyphen, Arabic letter mark, zero-width characters and directional
 * marks, line and paragraph separator, embeddings, overrides and isolates, the byte order mark,
 * interlinear annotations, tags. */
static const struct {
    uint32_t first, last;
} invisible[] = {
    {0x00, 0x08},     {0x0b, 0x1f},     {0x7f, 0x9f},       {0xad, 0xad},
    {0x61c, 0x61c},   {0x200b, 0x200f}, {0x2028, 0x202e},   {0x2060, 0x206f},
    {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
};

static bool is_visible(uint32_t code)
{
    for (size_t i = 0; i < sizeof invisible / sizeof *invisible; i++)
        if (code >= invisible[i].first && code <= invisible[i].last)
            return false;
    return true;
}

size_t hpac_utf8_decode(const char *from, uint32_t *code)
{
    const unsigned char *text = (const unsigned char *)from;
    static const uint32_t min_code[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t nbytes = *text < 0x80 ? 1 : *text >> 5 == 6 ? 2 : *text >> 4 == 14 ? 3 : 4;
    if (nbytes == 4 && *text >> 3 != 30)
        return 0;
    *code = nbytes == 1 ? *text : *text & (0xffu >> (nbytes + 1));
    for (size_t i = 1; i < nbytes; i++) {
        if (text[i] >> 6 != 2) /* the NUL at the end is none either */
            return 0;
        *code = *code << 6 | (text[i] & 0x3f);
    }
    bool valid =
        *code >= min_code[nbytes] && *code <= 0x10ffff && (*code < 0xd800 || *code > 0xdfff);
    return valid ? nbytes : 0;
}

char *hpac_printable(const char *text)
{
    /* The longest escapes: 4 characters for a byte, 6 or 10 for two and more. */
    size_t nbytes_max = 4 * strlen(text) + 1;
    char *printable = malloc(nbytes_max), *end = printable;
    if (!printable)
        return NULL;
    for (const unsigned char *from = (const unsigned char *)text; *from;) {
        uint32_t code;
        size_t nbytes = hpac_utf8_decode((const char *)from, &code);
        size_t left_nbytes = nbytes_max - (size_t)(end - printable);
        if (nbytes == 0 || (nbytes == 1 && !is_visible(code))) {
            end += snprintf(end, left_nbytes, "\\x%02x", *from++);
            continue;
        }
        if (!is_visible(code))
            end += snprintf(end, left_nbytes, code > 0xffff ? "\\U%08x" : "\\u%04x", code);
        else
            end = mempcpy(end, from, nbytes);
        from += nbytes;
    }
    *end = '\0';
    return printable;
}

hpac_status hpac_printable_open(hpac_printable_stream *printable)
{
    *printable = (hpac_printable_stream){0};
    printable->stream = open_memstream(&printable->text, &printable->nbytes);
    return printable->stream ? HPAC_OK : hpac_fail_memory(BUFSIZ);
}

hpac_status hpac_printable_close(hpac_printable_stream *printable, FILE *to)
{
    bool complete = fclose(printable->stream) == 0;
    char *text = complete ? hpac_printable(printable->text) : NULL;
    if (text)
        fputs(text, to);
    hpac_status status = text ? HPAC_OK : hpac_fail_memory(4 * printable->nbytes);
    free(text);
    free(printable->text);
    return status;
}
