/*
 * Plots: CSV files drawn by the gnuplot scripts of tools/plots/.
 *
 *     HPAC_AUTO(hpac_plot_fini) hpac_plot plot;
 *     HPAC_TRY(hpac_plot_init(&plot));
 *     hpac_plot_add_file(&plot, "explore/class_counts.csv", "csv");
 *     hpac_plot_add_text(&plot, "Images per class", "title");
 *     return hpac_plot_draw(&plot, "bars", "explore/class_counts.png");
 *
 * A script reads these variables, each of which can be set by hand as well:
 *
 *     gnuplot -e "csv='class_counts.csv'; out='class_counts.png'" tools/plots/bars.gp
 *
 * Any file name and any text is safe: no byte of it is interpreted as gnuplot's language, its
 * escapes or a pipe, and the user's own gnuplot settings do not matter. To add a plot, put a script
 * beside the others; common.gp there sets fonts, sizes and colors, and documents what a script may
 * rely on. Letters that no installed font has are drawn in PNGs as fontconfig and pango draw them:
 * a box with the letter's code.
 *
 * The scripts are looked for in $HPAC_PLOTS or, where that is not set, in share/hpac/plots and
 * tools/plots beside and above the running program (four levels up), which finds both the installed
 * and the built ones.
 */
#ifndef HPAC_RENDER_PLOT_H
#define HPAC_RENDER_PLOT_H

#include <hpac/status.h>

#include <stdio.h>

/* Must not be moved: the stream knows where text and nbytes are. */
typedef struct hpac_plot {
    FILE *stream; /* into text: assignments in gnuplot's language */
    char *text;
    size_t nbytes;
} hpac_plot;

/* A plot without variables. On error there is nothing to fini. Errors: INTERNAL. */
hpac_status hpac_plot_init(hpac_plot *plot);
void hpac_plot_fini(hpac_plot *plot);

/* Sets a variable: letters, digits, underscores; "out" and "format" are taken. A file is a text
 * that gnuplot opens. */
void hpac_plot_add_text(hpac_plot *plot, const char *text, const char *name, ...)
    __attribute__((format(printf, 3, 4)));
void hpac_plot_add_file(hpac_plot *plot, const char *path, const char *name, ...)
    __attribute__((format(printf, 3, 4)));
void hpac_plot_add_number(hpac_plot *plot, double number, const char *name);

/* Draws `path`, whose suffix .png or .svg is the format, with <script>.gp; may be called again. The
 * file is complete or not there. gnuplot's warnings are logged. Errors: CONFIG when gnuplot or the
 * script is missing, or the file cannot be created; DATA with gnuplot's message when it fails, or
 * when writing fails. Thread-safe for different plots. */
hpac_status hpac_plot_draw(hpac_plot *plot, const char *script, const char *path);

/* Checks that gnuplot and the scripts are there, before the work. Errors: CONFIG, with what to
 * install. */
hpac_status hpac_plot_probe(void);

#endif
