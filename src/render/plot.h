/*
 * Plots: CSV files drawn by the gnuplot scripts of tools/plots/.
 *
 *     const hpac_plot_variable variables[] = {
 *         HPAC_PLOT_FILE("csv", "explore/class_counts.csv"),
 *         HPAC_PLOT_TEXT("title", "Images per class"),
 *         HPAC_PLOT_NUMBER("last", 800),
 *     };
 *     const hpac_plot plot = {"class_counts", variables, 3};
 *     status = hpac_plot_draw(&plot, "explore/class_counts.png");
 *
 * A script reads its variables, each of which can be set by hand as well:
 *
 *     gnuplot -e "csv='class_counts.csv'; out='class_counts.png'" tools/plots/class_counts.gp
 *
 * Any file name and any text is safe: no byte of it is interpreted as gnuplot's language, its
 * escapes or a pipe, and the user's own gnuplot settings do not matter. To add a plot, put a script
 * beside the others; common.gp there sets fonts, sizes and colours, and documents what a script may
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

typedef enum hpac_plot_kind {
    HPAC_PLOT_KIND_TEXT,
    HPAC_PLOT_KIND_FILE, /* a text that gnuplot opens */
    HPAC_PLOT_KIND_NUMBER,
} hpac_plot_kind;

typedef struct hpac_plot_variable {
    const char *name; /* letters, digits, underscores; "out" and "format" are taken */
    hpac_plot_kind kind;
    const char *text;
    double number;
} hpac_plot_variable;

#define HPAC_PLOT_TEXT(name, text)                                                                 \
    {                                                                                              \
        (name), HPAC_PLOT_KIND_TEXT, (text), 0                                                     \
    }
#define HPAC_PLOT_FILE(name, path)                                                                 \
    {                                                                                              \
        (name), HPAC_PLOT_KIND_FILE, (path), 0                                                     \
    }
#define HPAC_PLOT_NUMBER(name, number)                                                             \
    {                                                                                              \
        (name), HPAC_PLOT_KIND_NUMBER, NULL, (number)                                              \
    }

typedef struct hpac_plot {
    const char *script; /* "class_counts": the file class_counts.gp */
    const hpac_plot_variable *variables;
    size_t variable_count;
} hpac_plot;

/* A list that grows, for variables like file1, file2, ...:
 *     hpac_plot_variables all = {0};
 *     hpac_plot_add_text(&all, run->label, "label%zu", i); */
typedef struct hpac_plot_variables {
    hpac_plot_variable *list; /* (count) owned, as are the names and texts */
    size_t count;
    hpac_status status; /* the first failure, of memory */
} hpac_plot_variables;

/* The text is copied, the path taken over (NULL: memory is out). */
void hpac_plot_add_text(hpac_plot_variables *all, const char *text, const char *name, ...)
    __attribute__((format(printf, 3, 4)));
void hpac_plot_add_file(hpac_plot_variables *all, char *path, const char *name, ...)
    __attribute__((format(printf, 3, 4)));
void hpac_plot_add_number(hpac_plot_variables *all, double number, const char *name);
/* Draws a plot of these variables as hpac_plot_draw does (path NULL: memory is out) and frees them.
 */
hpac_status hpac_plot_draw_variables(const char *script, hpac_plot_variables *all,
                                     const char *path);

/* Draws `path`, whose suffix .png or .svg is the format. The file is complete or not there.
 * gnuplot's warnings are logged. Errors: CONFIG when gnuplot or the script is missing, or the file
 * cannot be created; DATA with gnuplot's message when it fails, or when writing fails. Thread-safe.
 */
hpac_status hpac_plot_draw(const hpac_plot *plot, const char *path);

/* Checks that gnuplot and the scripts are there, before the work. Errors: CONFIG, with what to
 * install. */
hpac_status hpac_plot_probe(void);

#endif
