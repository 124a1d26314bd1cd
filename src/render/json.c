/* JSON with short numbers, which jansson does not have: its precision is one for all numbers. */
#include "json.h"

#include "base/memory.h"
#include "base/printable.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SHORT_DIGITS 15  /* that a double has for whatever was written with so many */
#define DOUBLE_DIGITS 17 /* that always read back to the same double */

/* The fewest digits that read back. */
static int count_digits(double number)
{
    char text[32];
    int digits = 1;
    for (; digits < DOUBLE_DIGITS; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    return digits;
}

/* 100.0 and not 1e+02; a real stays one for those who distinguish them from integers. */
static void format_real(double number, char text[32])
{
    int digits = count_digits(number);
    snprintf(text, 32, "%.*e", digits - 1, number);
    int exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
    int decimals = digits - 1 - exponent;
    if (exponent >= -4 && exponent <= SHORT_DIGITS)
        snprintf(text, 32, "%.*f", decimals > 1 ? decimals : 1, number);
}

static void write_value(const json_t *value, int indent, FILE *stream);

static void begin_item(size_t index, int indent, FILE *stream)
{
    fprintf(stream, "%s\n%*s", index > 0 ? "," : "", indent, "");
}

static void write_items(const json_t *list, int indent, FILE *stream)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        begin_item(i, indent + 2, stream);
        write_value(item, indent + 2, stream);
    }
}

static void write_members(const json_t *object, int indent, FILE *stream)
{
    size_t count = 0;
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)object, key, member)
    {
        json_auto_t *name = json_string(key);
        begin_item(count++, indent + 2, stream);
        json_dumpf(name, stream, JSON_ENCODE_ANY);
        fputs(": ", stream);
        write_value(member, indent + 2, stream);
    }
}

static void write_value(const json_t *value, int indent, FILE *stream)
{
    char text[32];
    bool list = json_is_array(value);
    if (json_is_real(value)) {
        format_real(json_real_value(value), text);
        fputs(text, stream);
    } else if (json_array_size(value) + json_object_size(value) == 0) {
        json_dumpf(value, stream, JSON_ENCODE_ANY);
    } else {
        fputc(list ? '[' : '{', stream);
        (list ? write_items : write_members)(value, indent, stream);
        fprintf(stream, "\n%*s%c", indent, "", list ? ']' : '}');
    }
}

json_t *hpac_json_text(const char *text)
{
    json_t *value = json_string(text);
    HPAC_AUTO_FREE char *printable = value ? NULL : hpac_printable(text);
    return printable ? json_string(printable) : value;
}

hpac_status hpac_json_write(const json_t *value, FILE *stream)
{
    write_value(value, 0, stream);
    if (fputc('\n', stream) == EOF || ferror(stream))
        return hpac_fail(HPAC_ERR_DATA, "cannot write JSON: %s", strerror(errno));
    return HPAC_OK;
}
