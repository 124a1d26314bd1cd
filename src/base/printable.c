/* Text for terminals and logs. */
#include "printable.h"

#include "memory.h"

#include <stdbool.h>

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
    /* The first byte of one to four, and the smallest code that needs as many. */
    static const struct {
        unsigned char mask, lead;
        uint32_t min_code;
    } forms[] = {{0x80, 0, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    const unsigned char *text = (const unsigned char *)from;
    size_t more = 0;
    while (more < 4 && (*text & forms[more].mask) != forms[more].lead)
        more++;
    if (more == 4)
        return 0;
    *code = *text & ~(uint32_t)forms[more].mask;
    for (size_t i = 1; i <= more; i++) {
        if (text[i] >> 6 != 2) /* the NUL at the end is none either */
            return 0;
        *code = *code << 6 | (text[i] & 0x3f);
    }
    bool is_valid =
        *code >= forms[more].min_code && *code <= 0x10ffff && (*code < 0xd800 || *code > 0xdfff);
    return is_valid ? more + 1 : 0;
}

char *hpac_printable(const char *text)
{
    char *printable = NULL;
    size_t printable_nbytes;
    FILE *stream = open_memstream(&printable, &printable_nbytes);
    if (!stream)
        return NULL;
    while (*text) {
        uint32_t code;
        size_t nbytes = hpac_utf8_decode(text, &code);
        if (nbytes == 0 || (nbytes == 1 && !is_visible(code)))
            fprintf(stream, "\\x%02x", (unsigned char)*text);
        else if (!is_visible(code))
            fprintf(stream, code > 0xffff ? "\\U%08x" : "\\u%04x", code);
        else
            fwrite(text, 1, nbytes, stream);
        text += nbytes ? nbytes : 1;
    }
    if (fclose(stream) == 0)
        return printable;
    free(printable);
    return NULL;
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
    HPAC_AUTO_FREE char *text = complete ? hpac_printable(printable->text) : NULL;
    free(printable->text);
    if (!text)
        return hpac_fail_memory(printable->nbytes);
    fputs(text, to);
    return HPAC_OK;
}
