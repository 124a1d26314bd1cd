/* Small texts, and numbers as people write them. */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLOAT_DIGITS 9 /* that always read back to the same float */

void hpac_text_append(char *text, size_t nbytes, const char *format, ...)
{
    size_t length = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + length, nbytes - length, format, arguments);
    va_end(arguments);
}

double hpac_float_decimal(float value)
{
    char text[32];
    for (int digits = 1; digits <= FLOAT_DIGITS; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    return strtod(text, NULL);
}
