/*
 * Self-contained HTML pages: one file with all pictures and styles, no script, nothing from the
 * network; readable on a phone (400 pixels wide) and on a screen.
 *
 *     hpac_page *page;
 *     HPAC_TRY(hpac_page_create("explore/explore.html", "Labels of train.csv", &page));
 *     hpac_page_set(page, "images", "%zu", images);
 *     hpac_page_render(page, HPAC_TEMPLATE(explore), insert, &exploration);
 *     return hpac_page_commit(page);
 *
 * A template, such as `explore.html` beside the source that uses it, is HTML with
 *     {{images}}                  the value of that name, escaped; nothing when it is not set
 *     {{?images}}..{{/}}          only when the value is set and not ""; these may be nested
 *     {{^images}}..{{/}}          only when it is not
 *     {{>table figures}}          calls insert(user, page, "table figures")
 *     {{#Images per class}}       a heading, <h2>
 * A page with four or more headings begins with a table of contents. The frame and the style
 * of all pages are page.html.
 *
 * The first failure is remembered, later calls do nothing, and commit returns it: a page is
 * complete or missing. Values, tables and captions are escaped; bytes that are not UTF-8 become
 * U+FFFD.
 */
#ifndef HPAC_RENDER_PAGE_H
#define HPAC_RENDER_PAGE_H

#include "table.h"

typedef struct hpac_page hpac_page;

/* A template as the linker embeds a file; "src/explore/explore.html" is declared by
 * HPAC_TEMPLATE_FILE(explore, "src_explore_explore_html"). */
typedef struct hpac_template {
    const char *start, *end;
} hpac_template;

#define HPAC_TEMPLATE_FILE(name, symbol)                                                           \
    extern const char template_##name##_start[] __asm__("_binary_" symbol "_start");               \
    extern const char template_##name##_end[] __asm__("_binary_" symbol "_end")
#define HPAC_TEMPLATE(name) ((hpac_template){template_##name##_start, template_##name##_end})

/* Writes what a template's {{>part}} asks for with the functions below. */
typedef void (*hpac_page_insert)(void *user, hpac_page *page, const char *part);

/* Begins a page; `path` is borrowed. `*page` is NULL on error. Errors: INTERNAL (memory). */
hpac_status hpac_page_create(const char *path, const char *title, hpac_page **page);

/* Sets a value, or replaces it. */
void hpac_page_set(hpac_page *page, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a count, which is not set when it is 0, and for a condition. */
void hpac_page_set_count(hpac_page *page, const char *name, size_t count);

/* Appends a template. `insert` may be NULL for one without {{>parts}}. */
void hpac_page_render(hpac_page *page, hpac_template template, hpac_page_insert insert, void *user);

/* Embeds a plot, a PNG of two pixels per pixel of the page. `caption` is below it, and is its
 * alternative text; on a narrow page it scrolls sideways instead of becoming too small to read.
 * Errors: DATA when the file cannot be read or is no PNG; INTERNAL (memory), also for a `path` of
 * NULL, as hpac_path_join() returns it. */
void hpac_page_picture(hpac_page *page, const char *path, const char *caption);
/* The same for a picture without text: it shrinks with the page, and is never enlarged. `title` is
 * above it. */
void hpac_page_photograph(hpac_page *page, const char *path, const char *title);

/* A table under its title, the first `row_limit` rows (0: all). Text is left-aligned, numbers
 * right-aligned; a wide one scrolls sideways. */
void hpac_page_table(hpac_page *page, const hpac_table *table, size_t row_limit);
/* The same with a dot of a color ("#0072B2") before the rows that have one (NULL: none), that of
 * their curves. `colors` (rows) may be NULL. */
void hpac_page_colored_table(hpac_page *page, const hpac_table *table, size_t row_limit,
                             const char *const *colors);

/* Writes the page and frees it. On error no page is written. Errors: the first of the functions
 * above, those of file.h. */
hpac_status hpac_page_commit(hpac_page *finished);

#endif
