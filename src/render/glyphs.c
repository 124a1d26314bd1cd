/* What fontconfig knows of the letters in the installed fonts, asked once. */
#include "glyphs.h"

#include "program.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CODE_POINTS 0x110000ul
/* Latin, Greek and Cyrillic, which every font for programs has: what there is when fontconfig
 * cannot be asked. */
#define COMMON_CODE_POINTS 0x500ul

static struct {
    pthread_once_t once;
    uint8_t has[CODE_POINTS / 8]; /* a bit a letter */
} fonts = {.once = PTHREAD_ONCE_INIT};

static void add_range(unsigned long first, unsigned long last)
{
    for (unsigned long point = first; point <= last && point < CODE_POINTS; point++)
        fonts.has[point / 8] |= (uint8_t)(1u << point % 8);
}

/* Ranges in hexadecimal, "20-7e a0-17f 192", a font a line; other words are a warning's. */
static bool read_ranges(FILE *stream)
{
    char word[32];
    bool found = false;
    while (fscanf(stream, "%31s", word) == 1) {
        char *end;
        unsigned long first = strtoul(word, &end, 16), last = first;
        if (*end == '-')
            last = strtoul(end + 1, &end, 16);
        if (*end)
            continue;
        add_range(first, last);
        found = true;
    }
    return found;
}

/* fc-list is fontconfig's, as are the fonts that pango finds. */
static void ask_fonts(void)
{
    char *arguments[] = {"fc-list", "--format", "%{charset}\n", ":", NULL};
    int code = 0;
    bool found = false;
    FILE *said = tmpfile();
    if (said && report_program_run(arguments, said, &code) == 0 && code == 0) {
        rewind(said);
        found = read_ranges(said);
    }
    if (said)
        fclose(said);
    if (!found)
        add_range(0, COMMON_CODE_POINTS - 1);
}

/* The letter at the start of a text and its length; an impossible one for bytes that are none. */
static unsigned long read_letter(const unsigned char *text, size_t *length)
{
    unsigned long lead = text[0];
    size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
    unsigned long point = more > 0 ? lead & (0x3fu >> more) : lead < 0x80 ? lead : CODE_POINTS;
    *length = 1;
    for (size_t i = 1; i <= more; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return CODE_POINTS;
        point = point << 6 | (text[i] & 0x3fu);
    }
    *length = more + 1;
    return point;
}

char *report_drawable(const char *text)
{
    char *copy = malloc(strlen(text) + 1), *to = copy;
    if (!copy)
        return NULL;
    (void)pthread_once(&fonts.once, ask_fonts);
    size_t length;
    for (const char *from = text; *from; from += length) {
        unsigned long point = read_letter((const unsigned char *)from, &length);
        bool drawable =
            point < 0x80 || (point < CODE_POINTS && fonts.has[point / 8] >> point % 8 & 1);
        if (drawable)
            memcpy(to, from, length);
        else
            *to = '?';
        to += drawable ? length : 1;
    }
    *to = '\0';
    return copy;
}
