/* Small texts, and numbers as people write them. No errors; thread-safe. */
#ifndef HPAC_BASE_TEXT_H
#define HPAC_BASE_TEXT_H

#include <stddef.h>

/* Appends to the text in a buffer of `nbytes`; what does not fit is cut. */
void hpac_text_append(char *text, size_t nbytes, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The double nearest to the shortest decimal that reads back to a float: 0.1 of 0.1F, and not
 * 0.10000000149011612. Of what is not finite, that. */
double hpac_float_decimal(float value);

#endif
