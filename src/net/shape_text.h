/* Shapes in tables and messages: "(126, 126, 16)" of an image, "(64)" of a vector. */
#ifndef HPAC_NET_SHAPE_TEXT_H
#define HPAC_NET_SHAPE_TEXT_H

#include <hpac/op.h>

#include <stdio.h>

typedef struct shape_text {
    char text[48];
} shape_text;

static inline shape_text shape_describe(hpac_shape shape)
{
    shape_text described;
    if (shape.rank == 3)
        snprintf(described.text, sizeof described.text, "(%zu, %zu, %zu)", shape.rows, shape.cols,
                 shape.channels);
    else
        snprintf(described.text, sizeof described.text, "(%zu)", shape.channels);
    return described;
}

#endif
