/* libpng's complaints: the first error's text is kept and the call that made it left by longjmp;
 * warnings are for files that are read all the same. */
#ifndef HPAC_IMAGE_PNG_ERROR_H
#define HPAC_IMAGE_PNG_ERROR_H

#include <png.h>
#include <stdio.h>

/* The error pointer that libpng is created with, where on_png_error is its handler. */
typedef struct png_complaint {
    char reason[128];
} png_complaint;

static inline void on_png_error(png_structp png, png_const_charp message)
{
    png_complaint *complaint = png_get_error_ptr(png);
    snprintf(complaint->reason, sizeof complaint->reason, "%s", message);
    png_longjmp(png, 1);
}

static inline void on_png_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

#endif
