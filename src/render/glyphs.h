/* Which letters the fonts of this machine can draw. */
#ifndef HPAC_RENDER_GLYPHS_H
#define HPAC_RENDER_GLYPHS_H

/* A copy of a text in which a question mark stands for each letter that no font has, and for bytes
 * that are no UTF-8; malloc'ed, NULL when memory is out. Pango, which writes the letters of PNGs
 * for gnuplot, puts the number of a letter it has no glyph for into a box, and gnuplot's scale (it
 * draws on a canvas twenty times as fine) makes that box larger than the picture. */
char *report_drawable(const char *text);

#endif
