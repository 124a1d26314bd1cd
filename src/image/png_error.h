/* libpng's errors and warnings: the first error's text is retained and the call that raised it left
 * by longjmp; warnings are dropped, unless `strict` makes errors of them. */
#ifndef HPAC_IMAGE_PNG_ERROR_H
#define HPAC_IMAGE_PNG_ERROR_H

#include <png.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The error pointer that libpng is created with, where on_png_error is its handler. */
typedef struct png_complaint {
    char reason[128];
    bool strict;
} png_complaint;

static inline void on_png_error(png_structp png, png_const_charp message)
{
    png_complaint *complaint = png_get_error_ptr(png);
    snprintf(complaint->reason, sizeof complaint->reason, "%s", message);
    png_longjmp(png, 1);
}

static inline void on_png_warning(png_structp png, png_const_charp message)
{
    const png_complaint *complaint = png_get_error_ptr(png);
    if (complaint->strict && !strstr(message, "Extra compressed data"))
        on_png_error(png, message);
}

#endif
