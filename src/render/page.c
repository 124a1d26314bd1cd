/* HTML pages of one file. */
#include "page.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Pictures are read whole; beyond this, no browser shows the page either. */
#define PICTURE_LIMIT_NBYTES ((size_t)256 << 20)

/* Fewer headings than this are seen without a list of them. */
#define CONTENTS_MINIMUM 4

/* Plots and tables lie side by side where there is room. A caption takes no part in how wide they
 * are (width 0), and is then as wide as they. */
static const char page_style[] =
    "body{margin:0 auto;padding:0 1rem 3rem;max-width:75rem;background:#fff;color:#202020;"
    "font:1rem/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}\n"
    "h1{font-size:1.6rem;line-height:1.25;margin:1.5rem 0 .5rem}\n"
    "h2{font-size:1.25rem;margin:2.5rem 0 .75rem;border-bottom:1px solid #d0d0d0}\n"
    "h3{font-size:1.05rem;margin:1.5rem 0 .5rem}\n"
    "h1,h2,h3,p,figcaption,caption{overflow-wrap:anywhere}\n"
    "p{max-width:45rem;margin:.5rem 0}\n"
    "nav{margin:1rem 0;font-size:.9rem;line-height:1.8}\n"
    "nav a{color:#0059a0;margin-right:1.2em;white-space:nowrap;display:inline-block;"
    "max-width:100%;overflow:hidden;text-overflow:ellipsis;vertical-align:top}\n"
    "figure,.wide{display:inline-block;vertical-align:top;max-width:calc(100% - 2.5rem);"
    "overflow-x:auto;margin:.5rem 2.5rem 1rem 0}\n"
    "figure.photograph{display:block}\n"
    /* Hundreds of epochs scroll, too. A shadow stands where there is more: white covers, which move
     * with the table, hide it at the ends. */
    ".wide{max-height:60rem;overflow-y:auto;background:"
    "linear-gradient(transparent,#fff 60%) 0 100%/100% 2.5rem no-repeat local,"
    "linear-gradient(to right,transparent,#fff 60%) 100% 0/2.5rem 100% no-repeat local,"
    "linear-gradient(transparent,#0003) 0 100%/100% 1rem no-repeat scroll,"
    "linear-gradient(to right,transparent,#0003) 100% 0/1rem 100% no-repeat scroll}\n"
    "figcaption{color:#505050;font-size:.9rem;width:0;min-width:100%}\n"
    "img{display:block;height:auto;max-width:100%}\n"
    ".photograph figcaption{color:#202020;font-size:1rem;width:auto}\n"
    "table{border-collapse:collapse;font-size:.9rem}\n"
    "caption{text-align:left;color:#505050;padding:.2rem 0}\n"
    "th,td{padding:.15rem .7rem;border-bottom:1px solid #e0e0e0;overflow-wrap:break-word}\n"
    "th{background:#f3f3f3;text-align:left;vertical-align:bottom;position:sticky;top:0}\n"
    "tbody tr:hover{background:#f8f8f8}\n"
    ".number{text-align:right;font-variant-numeric:tabular-nums}\n"
    "td.number{white-space:nowrap}\n"
    "td:not(.number){max-width:24rem}\n" /* names without a space in them break there */
    "pre{overflow-x:auto;background:#f6f6f6;padding:.7rem;font-size:.85rem}\n"
    "@media(max-width:40rem){th,td{padding:.15rem .3rem}td:not(.number){max-width:13rem}"
    "figure,.wide{max-width:100%;margin-right:0}}\n"
    "@media print{body{max-width:none}nav{display:none}h2,h3{break-after:avoid}"
    "figure,tr{break-inside:avoid}.wide{max-height:none}pre{white-space:pre-wrap}}\n";

/* Kept back until all headings are known, which stand above it. */
typedef struct hpac_page_body {
    FILE *stream; /* into `text` */
    char *text;
    size_t nbytes;
    char **headings; /* (heading_count) */
    size_t heading_count;
} page_body;

/* ---- failures ---- */

/* Keeps the first one, with the message that is in the record now. */
static void keep_failure(hpac_page *page, hpac_status status)
{
    if (status == HPAC_OK || page->status != HPAC_OK)
        return;
    page->status = status;
    page->message = strdup(hpac_error_message());
}

static bool failed(const hpac_page *page)
{
    return page->status != HPAC_OK || !page->body;
}

/* ---- text ---- */

/* The length of the UTF-8 character at `text`, 0 when there is none: RFC 3629, table 3.1. */
static size_t character_nbytes(const unsigned char *text)
{
    if (*text < 0x80)
        return 1;
    size_t nbytes = *text >= 0xF0 ? 4 : *text >= 0xE0 ? 3 : 2;
    if (*text < 0xC2 || *text > 0xF4)
        return 0;
    for (size_t i = 1; i < nbytes; i++)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    bool overlong = (*text == 0xE0 && text[1] < 0xA0) || (*text == 0xF0 && text[1] < 0x90);
    bool surrogate = *text == 0xED && text[1] >= 0xA0;
    bool beyond = *text == 0xF4 && text[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : nbytes;
}

static const char *entity_of(unsigned char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default: /* other control characters are not allowed in HTML */
        return c < 0x20 && c != '\n' && c != '\t' ? "&#xFFFD;" : NULL;
    }
}

/* For elements and attributes. */
static void write_escaped(FILE *stream, const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        size_t nbytes = character_nbytes(c);
        const char *entity = nbytes == 0 ? "&#xFFFD;" : entity_of(*c);
        nbytes = nbytes == 0 ? 1 : nbytes;
        if (entity)
            fputs(entity, stream);
        else
            fwrite(c, 1, nbytes, stream);
        c += nbytes;
    }
}

static void write_element(hpac_page *page, const char *name, const char *text)
{
    if (failed(page))
        return;
    fprintf(page->body->stream, "<%s>", name);
    write_escaped(page->body->stream, text);
    fprintf(page->body->stream, "</%s>\n", name);
}

static page_body *create_body(void)
{
    page_body *body = calloc(1, sizeof *body);
    if (body)
        body->stream = open_memstream(&body->text, &body->nbytes);
    if (body && body->stream)
        return body;
    free(body);
    return NULL;
}

static void destroy_body(page_body *body)
{
    if (!body)
        return;
    if (body->stream)
        fclose(body->stream);
    for (size_t i = 0; i < body->heading_count; i++)
        free(body->headings[i]);
    free(body->headings);
    free(body->text);
    free(body);
}

hpac_status hpac_page_create(hpac_page *page, const char *path, const char *title)
{
    *page = (hpac_page){0};
    hpac_status status = hpac_file_create(&page->file, path);
    if (status != HPAC_OK)
        return status;
    page->body = create_body();
    if (!page->body) {
        hpac_page_discard(page);
        return hpac_fail_memory(sizeof *page->body);
    }
    FILE *file = page->file.stream;
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<link rel=\"icon\" href=\"data:,\">\n<title>", /* or browsers ask for /favicon.ico */
          file);
    write_escaped(file, title);
    fprintf(file, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<h1>", page_style);
    write_escaped(file, title);
    fputs("</h1>\n", file);
    return HPAC_OK;
}

static hpac_status add_heading(page_body *body, const char *text)
{
    char **headings = realloc(body->headings, (body->heading_count + 1) * sizeof *headings);
    if (headings)
        body->headings = headings;
    char *copy = headings ? strdup(text) : NULL;
    if (!copy)
        return hpac_fail_memory(strlen(text));
    body->headings[body->heading_count++] = copy;
    return HPAC_OK;
}

void hpac_page_heading(hpac_page *page, const char *text)
{
    if (!failed(page))
        keep_failure(page, add_heading(page->body, text));
    if (failed(page))
        return;
    fprintf(page->body->stream, "<h2 id=\"part%zu\">", page->body->heading_count);
    write_escaped(page->body->stream, text);
    fputs("</h2>\n", page->body->stream);
}

void hpac_page_subheading(hpac_page *page, const char *text)
{
    write_element(page, "h3", text);
}

void hpac_page_verbatim(hpac_page *page, const char *text)
{
    write_element(page, "pre", text);
}

void hpac_page_paragraph(hpac_page *page, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = NULL;
    if (vasprintf(&text, format, arguments) < 0) {
        text = NULL;
        keep_failure(page, hpac_fail_memory(strlen(format)));
    }
    va_end(arguments);
    if (text)
        write_element(page, "p", text);
    free(text);
}

/* ---- pictures ---- */

/* RFC 4648. */
static void write_base64(FILE *stream, const unsigned char *bytes, size_t nbytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < nbytes; i += 3) {
        unsigned group = (unsigned)bytes[i] << 16;
        group |= i + 1 < nbytes ? (unsigned)bytes[i + 1] << 8 : 0;
        group |= i + 2 < nbytes ? bytes[i + 2] : 0;
        fputc(digits[group >> 18], stream);
        fputc(digits[group >> 12 & 63], stream);
        fputc(i + 1 < nbytes ? digits[group >> 6 & 63] : '=', stream);
        fputc(i + 2 < nbytes ? digits[group & 63] : '=', stream);
    }
}

typedef struct picture {
    unsigned char *bytes; /* owned */
    size_t nbytes;
    const char *type;
    unsigned width; /* pixels, from the PNG; 0: unknown */
} picture;

static hpac_status read_picture(const char *path, picture *read)
{
    static const unsigned char signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    *read = (picture){0};
    hpac_status status = hpac_file_read(path, PICTURE_LIMIT_NBYTES, &read->bytes, &read->nbytes);
    if (status != HPAC_OK)
        return status;
    const char *ending = strrchr(path, '.');
    if (read->nbytes >= 24 && memcmp(read->bytes, signature, sizeof signature) == 0) {
        const unsigned char *b = read->bytes + 16; /* the header's width, big-endian */
        read->type = "image/png";
        read->width = (unsigned)b[0] << 24 | (unsigned)b[1] << 16 | (unsigned)b[2] << 8 | b[3];
        return HPAC_OK;
    }
    if (ending && strcmp(ending, ".svg") == 0 && memmem(read->bytes, read->nbytes, "<svg", 4)) {
        read->type = "image/svg+xml";
        return HPAC_OK;
    }
    free(read->bytes);
    *read = (picture){0};
    return hpac_fail(HPAC_ERR_DATA, "%s: is neither a PNG nor an SVG picture", path);
}

/* What a picture is, for its size on the page. */
typedef enum look {
    LOOK_PLOT,       /* two pixels of the picture for one of the page; has text in it */
    LOOK_PHOTOGRAPH, /* one for one */
} look;

static void write_image(FILE *stream, const picture *read, look kind, const char *text)
{
    fprintf(stream, "<img alt=\"");
    write_escaped(stream, text);
    fputc('"', stream);
    unsigned width = kind == LOOK_PLOT ? read->width / 2 + read->width % 2 : read->width;
    if (width > 0)
        fprintf(stream, " width=\"%u\"", width);
    if (width > 0 && kind == LOOK_PLOT) /* text of 13 pixels stays at 11; then the page scrolls */
        fprintf(stream, " style=\"min-width:%upx\"", (width * 5 + 5) / 6);
    fprintf(stream, " src=\"data:%s;base64,", read->type);
    write_base64(stream, read->bytes, read->nbytes);
    fputs("\">\n", stream);
}

/* Whether the picture is there to be written; read->bytes is then the caller's. */
static bool take_picture(hpac_page *page, const char *path, picture *read)
{
    if (failed(page))
        return false;
    keep_failure(page, read_picture(path, read));
    return !failed(page);
}

void hpac_page_picture(hpac_page *page, const char *path, const char *caption)
{
    picture read;
    if (!take_picture(page, path, &read))
        return;
    FILE *stream = page->body->stream;
    fputs("<figure>\n", stream);
    write_image(stream, &read, LOOK_PLOT, caption);
    write_element(page, "figcaption", caption);
    fputs("</figure>\n", stream);
    free(read.bytes);
}

void hpac_page_photograph(hpac_page *page, const char *path, const char *title)
{
    picture read;
    if (!take_picture(page, path, &read))
        return;
    FILE *stream = page->body->stream;
    fputs("<figure class=\"photograph\">\n", stream);
    write_element(page, "figcaption", title);
    write_image(stream, &read, LOOK_PHOTOGRAPH, title);
    fputs("</figure>\n", stream);
    free(read.bytes);
}

/* ---- tables ---- */

static void write_cell(FILE *stream, const hpac_column *column, const char *element,
                       const char *text)
{
    fprintf(stream, "<%s%s>", element, column->kind == HPAC_TEXT ? "" : " class=\"number\"");
    write_escaped(stream, text);
    fprintf(stream, "</%s>", element);
}

static void write_rows(FILE *stream, const hpac_table *table, size_t rows)
{
    char text[64];
    for (size_t row = 0; row < rows; row++) {
        fputs("<tr>", stream);
        for (size_t column = 0; column < table->column_count; column++)
            write_cell(stream, &table->columns[column], "td",
                       hpac_table_show(table, row, column, text, sizeof text));
        fputs("</tr>\n", stream);
    }
}

void hpac_page_table(hpac_page *page, const hpac_table *table, size_t row_limit)
{
    keep_failure(page, table->status);
    if (failed(page))
        return;
    FILE *stream = page->body->stream;
    size_t rows = hpac_table_row_count(table);
    size_t shown = row_limit > 0 && row_limit < rows ? row_limit : rows;
    fputs("<div class=\"wide\"><table>\n<caption>", stream);
    write_escaped(stream, table->title);
    if (shown < rows)
        fprintf(stream, " (the first %zu of %zu)", shown, rows);
    fputs("</caption>\n<thead><tr>", stream);
    for (size_t column = 0; column < table->column_count; column++) {
        const hpac_column *one = &table->columns[column];
        write_cell(stream, one, "th", one->headline ? one->headline : one->name);
    }
    fputs("</tr></thead>\n<tbody>\n", stream);
    write_rows(stream, table, shown);
    fputs("</tbody></table></div>\n", stream);
}

/* ---- the end ---- */

static void write_contents(const page_body *body, FILE *file)
{
    if (body->heading_count < CONTENTS_MINIMUM)
        return;
    fputs("<nav aria-label=\"Contents\">\n", file);
    for (size_t i = 0; i < body->heading_count; i++) {
        fprintf(file, "<a href=\"#part%zu\">", i + 1);
        write_escaped(file, body->headings[i]);
        fputs("</a>\n", file);
    }
    fputs("</nav>\n", file);
}

/* Only then is its text complete. */
static hpac_status end_body(page_body *body)
{
    bool good = !ferror(body->stream);
    good = fclose(body->stream) == 0 && good;
    body->stream = NULL;
    return good ? HPAC_OK : hpac_fail_memory(body->nbytes);
}

hpac_status hpac_page_commit(hpac_page *page)
{
    hpac_status status = page->status;
    if (status != HPAC_OK && page->message)
        status = hpac_fail(status, "%s", page->message);
    if (status == HPAC_OK && page->body)
        status = end_body(page->body);
    if (status == HPAC_OK && page->body) {
        write_contents(page->body, page->file.stream);
        fwrite(page->body->text, 1, page->body->nbytes, page->file.stream);
        fputs("</body>\n</html>\n", page->file.stream);
        status = hpac_file_commit(&page->file);
    }
    hpac_page_discard(page);
    return status;
}

void hpac_page_discard(hpac_page *page)
{
    destroy_body(page->body);
    hpac_file_discard(&page->file);
    free(page->message);
    *page = (hpac_page){0};
}
