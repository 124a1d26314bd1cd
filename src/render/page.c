/* HTML pages of one file. */
#include "page.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/printable.h"
#include "image/image.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

HPAC_TEMPLATE_FILE(page, "src_render_page_html");

/* Pictures are read whole; beyond this no browser shows the page either. */
#define PICTURE_LIMIT_NBYTES ((size_t)256 << 20)

/* With fewer headings than this a page needs no list of them. */
#define CONTENTS_MINIMUM 4

struct hpac_page {
    const char *path;
    FILE *body, *contents; /* into these texts: the contents are written before the body */
    char *body_text, *contents_text;
    size_t body_nbytes, contents_nbytes;
    size_t heading_count;
    FILE *stream;       /* where rendering writes: body, at the end the file's stream */
    json_t *values;     /* strings by name */
    hpac_status status; /* the first failure */
    char *message;      /* its message: others may fail before it is reported. Owned */
};

/* Remembers the first failure with the message that is in the record now. */
static bool failed(hpac_page *page, hpac_status status)
{
    if (status != HPAC_OK && page->status == HPAC_OK) {
        page->status = status;
        page->message = strdup(hpac_error_message());
    }
    return page->status != HPAC_OK;
}

static const char *entity_of(uint32_t code)
{
    switch (code) {
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
        return code < 0x20 && code != '\n' && code != '\t' ? "&#xFFFD;" : NULL;
    }
}

/* For elements and attributes. */
static void write_escaped(FILE *stream, const char *text)
{
    for (uint32_t code; *text;) {
        size_t nbytes = hpac_utf8_decode(text, &code);
        const char *entity = nbytes == 0 ? "&#xFFFD;" : entity_of(code);
        nbytes = nbytes == 0 ? 1 : nbytes;
        if (entity)
            fputs(entity, stream);
        else
            fwrite(text, 1, nbytes, stream);
        text += nbytes;
    }
}

/* "" when it is not set. */
static const char *value_of(const hpac_page *page, const char *name)
{
    const char *value = json_string_value(json_object_get(page->values, name));
    return value ? value : "";
}

void hpac_page_set(hpac_page *page, const char *name, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text;
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    va_end(arguments);
    if (json_object_set_new_nocheck(page->values, name, json_string_nocheck(text)) != 0)
        failed(page, hpac_fail_memory(strlen(format)));
    free(text);
}

void hpac_page_set_count(hpac_page *page, const char *name, size_t count)
{
    if (count > 0)
        hpac_page_set(page, name, "%zu", count);
    else
        hpac_page_set(page, name, "%s", "");
}

typedef struct rendering {
    hpac_page *page;
    hpac_page_insert insert;
    void *user;
} rendering;

static void write_heading(hpac_page *page, const char *text)
{
    fprintf(page->stream, "<h2 id=\"part%zu\">%s</h2>", ++page->heading_count, text);
    fprintf(page->contents, "<a href=\"#part%zu\">%s</a>\n", page->heading_count, text);
}

/* Writes the template from `at` to the end of its section, if it is `shown`; returns the rest. Ends
 * texts and tags with NULs. */
static char *render(const rendering *all, char *at, bool shown)
{
    hpac_page *page = all->page;
    for (char *open, *close; (open = strstr(at, "{{")) && (close = strstr(open, "}}"));) {
        char *tag = open + 2;
        *open = *close = '\0';
        if (shown)
            fputs(at, page->stream);
        at = close + 2;
        if (*tag == '/')
            return at;
        if (*tag == '?' || *tag == '^')
            at = render(all, at, shown && (*value_of(page, tag + 1) != '\0') == (*tag == '?'));
        else if (*tag == '>' && shown)
            all->insert(all->user, page, tag + 1);
        else if (*tag == '#' && shown)
            write_heading(page, tag + 1);
        else if (shown)
            write_escaped(page->stream, value_of(page, tag));
    }
    if (shown)
        fputs(at, page->stream);
    return at + strlen(at);
}

void hpac_page_render(hpac_page *page, hpac_template template, hpac_page_insert insert, void *user)
{
    const rendering all = {page, insert, user};
    size_t nbytes = (size_t)(template.end - template.start);
    HPAC_AUTO_FREE char *text = strndup(template.start, nbytes);
    if (!text)
        failed(page, hpac_fail_memory(nbytes));
    else if (!failed(page, HPAC_OK))
        render(&all, text, true);
}

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

static void write_image(FILE *stream, const unsigned char *bytes, size_t nbytes, size_t width,
                        const char *text, bool plot)
{
    fprintf(stream, "<img alt=\"");
    write_escaped(stream, text);
    width = plot ? (width + 1) / 2 : width;
    fprintf(stream, "\" width=\"%zu\"", width);
    if (plot) /* text of 13 pixels stays at 11; then the page scrolls */
        fprintf(stream, " style=\"min-width:%zupx\"", (width * 5 + 5) / 6);
    fputs(" src=\"data:image/png;base64,", stream);
    write_base64(stream, bytes, nbytes);
    fputs("\">\n", stream);
}

static hpac_status add_figure(FILE *stream, const char *path, const char *text, bool plot)
{
    HPAC_AUTO_FREE unsigned char *bytes = NULL;
    size_t nbytes, width, height;
    HPAC_TRY_MEMORY(path, strlen(text));
    HPAC_TRY(hpac_png_probe(path, &height, &width));
    HPAC_TRY(hpac_file_read(path, PICTURE_LIMIT_NBYTES, &bytes, &nbytes));
    fputs(plot ? "<figure>\n" : "<figure class=\"photograph\">\n", stream);
    if (plot)
        write_image(stream, bytes, nbytes, width, text, plot);
    fputs("<figcaption>", stream);
    write_escaped(stream, text);
    fputs("</figcaption>\n", stream);
    if (!plot)
        write_image(stream, bytes, nbytes, width, text, plot);
    fputs("</figure>\n", stream);
    return HPAC_OK;
}

void hpac_page_picture(hpac_page *page, const char *path, const char *caption)
{
    if (!failed(page, HPAC_OK))
        failed(page, add_figure(page->stream, path, caption, true));
}

void hpac_page_photograph(hpac_page *page, const char *path, const char *title)
{
    if (!failed(page, HPAC_OK))
        failed(page, add_figure(page->stream, path, title, false));
}

static void write_cell(FILE *stream, const hpac_column *column, const char *element,
                       const char *text)
{
    fprintf(stream, "<%s%s>", element, column->kind == HPAC_TEXT ? "" : " class=\"number\"");
    write_escaped(stream, text);
    fprintf(stream, "</%s>", element);
}

void hpac_page_table(hpac_page *page, const hpac_table *table, size_t row_limit)
{
    hpac_page_colored_table(page, table, row_limit, NULL);
}

void hpac_page_colored_table(hpac_page *page, const hpac_table *table, size_t row_limit,
                             const char *const *colors)
{
    if (failed(page, table->status))
        return;
    FILE *stream = page->stream;
    size_t rows = hpac_table_row_count(table);
    size_t shown = row_limit > 0 && row_limit < rows ? row_limit : rows;
    fputs("<div class=\"wide\"><table>\n<caption>", stream);
    write_escaped(stream, table->title);
    if (shown < rows)
        fprintf(stream, " (the first %zu of %zu)", shown, rows);
    fputs("</caption>\n<thead><tr>", stream);
    for (size_t c = 0; c < table->column_count; c++)
        write_cell(stream, &table->columns[c], "th", hpac_column_headline(&table->columns[c]));
    fputs("</tr></thead>\n<tbody>\n", stream);
    for (size_t row = 0; row < shown; row++) {
        char text[64];
        if (colors && colors[row])
            fprintf(stream, "<tr style=\"--curve:%s\">", colors[row]);
        else
            fputs("<tr>", stream);
        for (size_t c = 0; c < table->column_count; c++)
            write_cell(stream, &table->columns[c], "td",
                       hpac_table_show(table, row, c, text, sizeof text));
        fputs("</tr>\n", stream);
    }
    fputs("</tbody></table></div>\n", stream);
}

static void destroy(hpac_page **page)
{
    if (!*page)
        return;
    if ((*page)->body)
        fclose((*page)->body);
    if ((*page)->contents)
        fclose((*page)->contents);
    json_decref((*page)->values);
    free((*page)->body_text);
    free((*page)->contents_text);
    free((*page)->message);
    free(*page);
}

hpac_status hpac_page_create(const char *path, const char *title, hpac_page **page)
{
    HPAC_AUTO(destroy) hpac_page *made = NULL;
    *page = NULL;
    HPAC_TRY_NEW(made, 1);
    made->path = path;
    made->values = json_object();
    made->body = open_memstream(&made->body_text, &made->body_nbytes);
    made->contents = open_memstream(&made->contents_text, &made->contents_nbytes);
    HPAC_TRY_MEMORY(made->values && made->body && made->contents, BUFSIZ);
    made->stream = made->body;
    hpac_page_set(made, "title", "%s", title);
    *page = made;
    made = NULL;
    return HPAC_OK;
}

static void insert_part(void *user, hpac_page *page, const char *part)
{
    (void)user;
    if (strcmp(part, "body") == 0)
        fputs(page->body_text, page->stream);
    else if (page->heading_count >= CONTENTS_MINIMUM)
        fprintf(page->stream, "<nav aria-label=\"Contents\">\n%s</nav>", page->contents_text);
}

hpac_status hpac_page_commit(hpac_page *finished)
{
    HPAC_AUTO(destroy) hpac_page *page = finished;
    HPAC_AUTO(hpac_file_discard) hpac_file file = {0};
    if (fflush(page->body) != 0 || fflush(page->contents) != 0 || ferror(page->body))
        failed(page, hpac_fail_memory(page->body_nbytes));
    if (!failed(page, HPAC_OK) && !failed(page, hpac_file_create(&file, page->path))) {
        page->stream = file.stream;
        hpac_page_render(page, HPAC_TEMPLATE(page), insert_part, NULL);
    }
    if (!failed(page, HPAC_OK))
        return hpac_file_commit(&file);
    return hpac_fail(page->status, "%s", page->message ? page->message : "out of memory");
}
