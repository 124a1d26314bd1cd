/*
 * Pages for reading: one HTML file with everything in it, so that it can be mailed or kept. No
 * script, nothing from the network; readable on a telephone (400 pixels) and a screen.
 *
 *     hpac_page page;
 *     hpac_status status = hpac_page_create(&page, "explore/explore.html", "Labels of train.csv");
 *     if (status != HPAC_OK)
 *         return status;
 *     hpac_page_heading(&page, "Images per class");
 *     hpac_page_paragraph(&page, "%zu images carry %zu labels.", images, labels);
 *     hpac_page_picture(&page, "explore/class_counts.png", "A bar per class");
 *     hpac_page_table(&page, &table, 0);
 *     return hpac_page_commit(&page);
 *
 * The first failure is remembered, what comes after it does nothing, and commit returns it: a page
 * is whole or not there. All text is escaped by the writer; bytes that are not UTF-8 become U+FFFD.
 */
#ifndef HPAC_RENDER_PAGE_H
#define HPAC_RENDER_PAGE_H

#include "table.h"

#include "base/file.h"

typedef struct hpac_page {
    hpac_file file;
    struct hpac_page_body *body; /* what stands below the title, until the end. Owned */
    hpac_status status;          /* the first failure */
    char *message; /* its message: the caller may fail elsewhere before it asks. Owned */
} hpac_page;

/* Begins a page; the title stands on top as well. Errors: those of file.h. */
hpac_status hpac_page_create(hpac_page *page, const char *path, const char *title);

/* A section begins. Of several sections the page has a list on top. */
void hpac_page_heading(hpac_page *page, const char *text);
/* One below it. */
void hpac_page_subheading(hpac_page *page, const char *text);

/* A paragraph. */
void hpac_page_paragraph(hpac_page *page, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Text in which every space and line counts: a configuration, a log. */
void hpac_page_verbatim(hpac_page *page, const char *text);

/* Puts a picture in: a PNG or SVG file, by its ending. `caption` stands below it and is read out in
 * its place; on a narrow page a plot is scrolled sideways rather than shrunk beyond reading. PNGs
 * of plots have two pixels for one of the page (plot.h). Errors: DATA when the file cannot be read
 * or is neither. */
void hpac_page_picture(hpac_page *page, const char *path, const char *caption);
/* The same for a picture without text in it: it shrinks as far as the page does, and is never shown
 * larger than it is. `title` stands above it. */
void hpac_page_photograph(hpac_page *page, const char *path, const char *title);

/* A table with its title; the first `row_limit` rows (0: all). Text is left-aligned, numbers
 * right-aligned; a wide one is scrolled sideways. */
void hpac_page_table(hpac_page *page, const hpac_table *table, size_t row_limit);

/* Ends the page: it is in its place, or there is an error and none. Either way it is done with. */
hpac_status hpac_page_commit(hpac_page *page);
/* Ends it and leaves nothing, for error paths; does nothing on a zeroed or finished page. */
void hpac_page_discard(hpac_page *page);

#endif
