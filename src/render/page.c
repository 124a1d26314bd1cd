/* HTML pages of one file. */
#include "page.h"

#include "base/file.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

HPAC_TEMPLATE_FILE(page, "src_render_page_html");

/* Pictures are read whole; beyond this no browser shows the page either. */
#define PICTURE_LIMIT_NBYTES ((size_t)256 << 20)

/* With fewer headings than this a page needs no list of them. */
#define CONTENTS_MINIMUM 4

typedef struct page_value {
    char *name, *text; /* owned */
} page_value;

struct hpac_page {
    hpac_file file;
    FILE *body; /* into `text`: the headings must be known before it is written */
    char *text;
    size_t nbytes;
    FILE *stream; /* where rendering writes: body, at the end the file's stream */
    page_value *values;
    size_t value_count;
    hpac_status status; /* the first failure */
    char *message;      /* its message: others may fail before it is reported. Owned */
};

/* ---- failures ---- */

/* Remembers the first failure with the message that is in the record now. */
static bool failed(hpac_page *page, hpac_status status)
{
    if (status != HPAC_OK && page->status == HPAC_OK) {
        page->status = status;
        page->message = strdup(hpac_error_message());
    }
    return page->status != HPAC_OK;
}

/* ---- text ---- */

/* The length of the UTF-8 character at `text`, 0 for none: RFC 3629, table 3.1. */
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

static void write_element(FILE *stream, const char *name, const char *text)
{
    fprintf(stream, "<%s>", name);
    write_escaped(stream, text);
    fprintf(stream, "</%s>\n", name);
}

/* ---- values ---- */

static page_value *find_value(const hpac_page *page, const char *name)
{
    for (size_t i = 0; i < page->value_count; i++)
        if (strcmp(page->values[i].name, name) == 0)
            return &page->values[i];
    return NULL;
}

/* "" when it is not set. */
static const char *value_of(const hpac_page *page, const char *name)
{
    const page_value *value = find_value(page, name);
    return value ? value->text : "";
}

static page_value *add_value(hpac_page *page, const char *name)
{
    page_value *values = realloc(page->values, (page->value_count + 1) * sizeof *values);
    if (values)
        page->values = values;
    char *copy = values ? strdup(name) : NULL;
    if (!copy)
        return NULL;
    values[page->value_count] = (page_value){.name = copy};
    return &values[page->value_count++];
}

void hpac_page_set(hpac_page *page, const char *name, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = NULL;
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    va_end(arguments);
    page_value *value = find_value(page, name);
    if (text && !value)
        value = add_value(page, name);
    if (!text || !value) {
        free(text);
        failed(page, hpac_fail_memory(strlen(format)));
        return;
    }
    free(value->text);
    value->text = text;
}

/* ---- templates ---- */

typedef struct rendering {
    hpac_page *page;
    hpac_page_insert insert;
    void *user;
    const char *end;
} rendering;

/* Writes the template from `at` to the end of its section, if it is `shown`; returns what follows.
 */
static const char *render(const rendering *all, const char *at, bool shown)
{
    hpac_page *page = all->page;
    while (at < all->end) {
        const char *open = memmem(at, (size_t)(all->end - at), "{{", 2);
        const char *text_end = open ? open : all->end;
        if (shown)
            fwrite(at, 1, (size_t)(text_end - at), page->stream);
        const char *close = open ? memmem(open, (size_t)(all->end - open), "}}", 2) : NULL;
        char *tag = close ? strndup(open + 2, (size_t)(close - open - 2)) : NULL;
        if (!tag)
            return all->end;
        at = close + 2;
        bool set = *value_of(page, tag + (*tag != '\0')) != '\0';
        bool ends = *tag == '/';
        if (*tag == '?' || *tag == '^')
            at = render(all, at, shown && set == (*tag == '?'));
        else if (*tag == '>' && shown)
            all->insert(all->user, page, tag + 1);
        else if (shown)
            write_escaped(page->stream, value_of(page, tag));
        free(tag);
        if (ends)
            break;
    }
    return at;
}

void hpac_page_render(hpac_page *page, hpac_template template, hpac_page_insert insert, void *user)
{
    const rendering all = {page, insert, user, template.end};
    if (!failed(page, HPAC_OK))
        render(&all, template.start, true);
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
    unsigned width; /* pixels, of a PNG; 0: unknown */
} picture;

static hpac_status read_picture(const char *path, picture *read)
{
    static const unsigned char signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    *read = (picture){0};
    HPAC_TRY(hpac_file_read(path, PICTURE_LIMIT_NBYTES, &read->bytes, &read->nbytes));
    const char *suffix = strrchr(path, '.');
    if (read->nbytes >= 24 && memcmp(read->bytes, signature, sizeof signature) == 0) {
        const unsigned char *b = read->bytes + 16; /* the header's width, big-endian */
        read->type = "image/png";
        read->width = (unsigned)b[0] << 24 | (unsigned)b[1] << 16 | (unsigned)b[2] << 8 | b[3];
        return HPAC_OK;
    }
    if (suffix && strcmp(suffix, ".svg") == 0 && memmem(read->bytes, read->nbytes, "<svg", 4)) {
        read->type = "image/svg+xml";
        return HPAC_OK;
    }
    free(read->bytes);
    *read = (picture){0};
    return hpac_fail(HPAC_ERR_DATA, "%s: neither a PNG nor an SVG picture", path);
}

static void write_image(FILE *stream, const picture *read, bool plot, const char *text)
{
    fprintf(stream, "<img alt=\"");
    write_escaped(stream, text);
    fputc('"', stream);
    unsigned width = plot ? read->width / 2 + read->width % 2 : read->width;
    if (width > 0)
        fprintf(stream, " width=\"%u\"", width);
    if (width > 0 && plot) /* text of 13 pixels stays at 11; then the page scrolls */
        fprintf(stream, " style=\"min-width:%upx\"", (width * 5 + 5) / 6);
    fprintf(stream, " src=\"data:%s;base64,", read->type);
    write_base64(stream, read->bytes, read->nbytes);
    fputs("\">\n", stream);
}

void hpac_page_picture(hpac_page *page, const char *path, const char *caption)
{
    picture read;
    if (failed(page, HPAC_OK) || failed(page, read_picture(path, &read)))
        return;
    fputs("<figure>\n", page->stream);
    write_image(page->stream, &read, true, caption);
    write_element(page->stream, "figcaption", caption);
    fputs("</figure>\n", page->stream);
    free(read.bytes);
}

void hpac_page_photograph(hpac_page *page, const char *path, const char *title)
{
    picture read;
    if (failed(page, HPAC_OK) || failed(page, read_picture(path, &read)))
        return;
    fputs("<figure class=\"photograph\">\n", page->stream);
    write_element(page->stream, "figcaption", title);
    write_image(page->stream, &read, false, title);
    fputs("</figure>\n", page->stream);
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

void hpac_page_table(hpac_page *page, const hpac_table *table, const char *title, size_t row_limit)
{
    if (failed(page, table->status))
        return;
    FILE *stream = page->stream;
    size_t rows = hpac_table_row_count(table);
    size_t shown = row_limit > 0 && row_limit < rows ? row_limit : rows;
    fputs("<div class=\"wide\"><table>\n<caption>", stream);
    write_escaped(stream, title ? title : table->title);
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

/* ---- begin and end ---- */

static void destroy(hpac_page *page)
{
    if (page->body)
        fclose(page->body);
    for (size_t i = 0; i < page->value_count; i++) {
        free(page->values[i].name);
        free(page->values[i].text);
    }
    free(page->values);
    free(page->text);
    free(page->message);
    hpac_file_discard(&page->file);
    free(page);
}

hpac_status hpac_page_create(const char *path, const char *title, hpac_page **page)
{
    *page = calloc(1, sizeof **page);
    if (!*page)
        return hpac_fail_memory(sizeof **page);
    hpac_status status = hpac_file_create(&(*page)->file, path);
    if (status == HPAC_OK) {
        (*page)->body = open_memstream(&(*page)->text, &(*page)->nbytes);
        (*page)->stream = (*page)->body;
        status = (*page)->body ? HPAC_OK : hpac_fail_memory(1);
    }
    if (status == HPAC_OK) {
        hpac_page_set(*page, "title", "%s", title);
        return HPAC_OK;
    }
    destroy(*page);
    *page = NULL;
    return status;
}

/* Finds the next heading of the body at or behind `at`; `*length` is that of its text. Only
 * templates have the element: all that is not theirs is escaped. */
static const char *find_heading(const char *at, size_t *length)
{
    const char *heading = strstr(at, "<h2>");
    const char *end = heading ? strstr(heading, "</h2>") : NULL;
    *length = end ? (size_t)(end - heading - 4) : 0;
    return end ? heading + 4 : NULL;
}

static size_t count_headings(const char *body)
{
    size_t count = 0, length;
    for (const char *at = body; (at = find_heading(at, &length)); at += length)
        count++;
    return count;
}

static void write_contents(hpac_page *page)
{
    size_t part = 0, length;
    if (count_headings(page->text) < CONTENTS_MINIMUM)
        return;
    fputs("<nav aria-label=\"Contents\">\n", page->stream);
    for (const char *at = page->text; (at = find_heading(at, &length)); at += length)
        fprintf(page->stream, "<a href=\"#part%zu\">%.*s</a>\n", ++part, (int)length, at);
    fputs("</nav>", page->stream);
}

/* The headings get the names that the contents refer to. */
static void write_body(hpac_page *page)
{
    const char *from = page->text;
    size_t part = 0, length;
    for (const char *at = from; (at = find_heading(at, &length)); at += length) {
        fwrite(from, 1, (size_t)(at - 1 - from), page->stream);
        fprintf(page->stream, " id=\"part%zu\">", ++part);
        from = at;
    }
    fputs(from, page->stream);
}

static void insert_part(void *user, hpac_page *page, const char *part)
{
    (void)user;
    if (strcmp(part, "contents") == 0)
        write_contents(page);
    else
        write_body(page);
}

hpac_status hpac_page_commit(hpac_page *page)
{
    bool good = !ferror(page->body);
    good = fclose(page->body) == 0 && good; /* only then is its text complete */
    page->body = NULL;
    if (!good)
        failed(page, hpac_fail_memory(page->nbytes));
    page->stream = page->file.stream;
    hpac_page_render(page, HPAC_TEMPLATE(page), insert_part, NULL);
    hpac_status status = page->status;
    if (status != HPAC_OK)
        (void)hpac_fail(status, "%s", page->message ? page->message : "out of memory");
    else
        status = hpac_file_commit(&page->file);
    destroy(page);
    return status;
}
