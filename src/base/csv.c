/* Reading CSV with libcsv: the file goes to the parser piece by piece, a piece ending at every CR
 * or LF, so that a piece ends at most one row and the line of each row's beginning is known. */
#include "base/csv.h"

#include "file.h"
#include "file_kind.h"
#include "memory.h"

#include <csv.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define ROW_LIMIT_NBYTES ((size_t)1 << 20)

typedef struct csv_reader {
    const char *path;
    struct csv_parser parser;
    hpac_csv_on_row on_row;
    void *user;
    hpac_status status; /* of the calls back */

    size_t line;     /* the one being read, from 1 */
    bool after_cr;   /* the last byte was a CR, whose line ends unless a LF follows */
    size_t row_line; /* where the row being read begins */
    size_t row_nbytes;
    bool row_ended;
    bool skipping; /* to the next newline, after a defect */

    char *text; /* the row's cells, each with a NUL; room for the longest row */
    size_t text_nbytes;
    const char **cells;
    size_t cell_count, cell_capacity;
} csv_reader;

static void reader_fini(csv_reader *reader)
{
    csv_free(&reader->parser);
    free(reader->text);
    free(reader->cells);
}

static hpac_status add_cell(csv_reader *reader, const void *bytes, size_t nbytes)
{
    HPAC_TRY_GROW(reader->cells, reader->cell_count, reader->cell_capacity);
    char *cell = reader->text + reader->text_nbytes;
    if (nbytes)
        memcpy(cell, bytes, nbytes);
    cell[nbytes] = '\0';
    reader->cells[reader->cell_count++] = cell;
    reader->text_nbytes += nbytes + 1;
    return HPAC_OK;
}

static void on_cell(void *bytes, size_t nbytes, void *user)
{
    csv_reader *reader = user;
    if (reader->status == HPAC_OK)
        reader->status = add_cell(reader, bytes, nbytes);
}

/* Also called for blank lines and for the LF of a CRLF: then there are no cells. */
static void on_row_end(int terminator, void *user)
{
    (void)terminator;
    csv_reader *reader = user;
    reader->row_ended = true;
    if (reader->cell_count && reader->status == HPAC_OK) {
        hpac_csv_row row = {
            .line = reader->row_line, .count = reader->cell_count, .cells = reader->cells};
        reader->status = reader->on_row(reader->user, &row);
    }
    reader->cell_count = reader->text_nbytes = 0;
}

/* White space belongs to a cell. */
static int is_never_space(unsigned char byte)
{
    (void)byte;
    return 0;
}

static hpac_status start_parser(struct csv_parser *parser)
{
    /* Every newline is reported, so that a piece without one is known to lie inside quotes. */
    if (csv_init(parser, CSV_STRICT | CSV_STRICT_FINI | CSV_REPALL_NL) != 0)
        return hpac_fail(HPAC_ERR_INTERNAL, "cannot start libcsv");
    csv_set_space_func(parser, is_never_space);
    csv_set_blk_size(parser, 4096);
    return HPAC_OK;
}

/* Hands over a row that cannot be read. The next one begins after the next newline. */
static hpac_status report_defect(csv_reader *reader, const char *defect)
{
    reader->cell_count = reader->text_nbytes = 0;
    reader->skipping = true;
    hpac_csv_row row = {.line = reader->row_line, .defect = defect};
    HPAC_TRY(reader->on_row(reader->user, &row));
    csv_free(&reader->parser);
    return start_parser(&reader->parser);
}

static hpac_status parse_piece(csv_reader *reader, const char *bytes, size_t nbytes)
{
    if (memchr(bytes, '\0', nbytes))
        return report_defect(reader, "a NUL byte, expected text");
    if (reader->row_nbytes > ROW_LIMIT_NBYTES)
        return report_defect(reader, "row longer than 1 MiB; is a quote left open?");
    if (csv_parse(&reader->parser, bytes, nbytes, on_cell, on_row_end, reader) == nbytes)
        return reader->status;
    if (csv_error(&reader->parser) == CSV_EPARSE)
        return report_defect(reader, "a quote inside a cell, expected it doubled and quotes around "
                                     "the whole cell");
    return hpac_fail(HPAC_ERR_INTERNAL, "%s:%zu: %s", reader->path, reader->row_line,
                     csv_strerror(csv_error(&reader->parser)));
}

/* `nbytes` bytes of which none but the last is a CR or LF. */
static hpac_status read_piece(csv_reader *reader, const char *bytes, size_t nbytes)
{
    if (reader->after_cr && bytes[0] != '\n')
        reader->line++;
    if (reader->row_ended) {
        reader->row_ended = false;
        reader->row_line = reader->line;
        reader->row_nbytes = 0;
    }
    reader->row_nbytes += nbytes;
    if (!reader->skipping)
        HPAC_TRY(parse_piece(reader, bytes, nbytes));
    char last = bytes[nbytes - 1];
    if (reader->skipping && (last == '\n' || last == '\r')) {
        reader->skipping = false;
        reader->row_ended = true;
    }
    reader->after_cr = last == '\r';
    reader->line += last == '\n';
    return HPAC_OK;
}

static hpac_status read_block(csv_reader *reader, const char *bytes, size_t nbytes)
{
    for (size_t begin = 0, end = 0; begin < nbytes; begin = end) {
        while (end < nbytes && bytes[end] != '\n' && bytes[end] != '\r')
            end++;
        end += end < nbytes;
        HPAC_TRY(read_piece(reader, bytes + begin, end - begin));
    }
    return HPAC_OK;
}

/* Refuses a file whose first bytes are not those of UTF-8 text; measures the byte order mark. */
static hpac_status read_start(const char *path, const char *bytes, size_t nbytes,
                              size_t *mark_nbytes)
{
    *mark_nbytes = nbytes >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    bool has_mark =
        nbytes >= 2 && (memcmp(bytes, "\xFF\xFE", 2) == 0 || memcmp(bytes, "\xFE\xFF", 2) == 0);
    bool is_wide = nbytes >= 4 && ((bytes[0] && !bytes[1] && bytes[2] && !bytes[3]) ||
                                   (!bytes[0] && bytes[1] && !bytes[2] && bytes[3]));
    if (has_mark || is_wide)
        return hpac_fail(HPAC_ERR_DATA,
                         "%s: UTF-16 text, expected UTF-8; save it as \"CSV UTF-8\", or convert it "
                         "with iconv -f UTF-16 -t UTF-8",
                         path);
    const char *kind = hpac_file_kind(bytes, nbytes);
    return kind && strcmp(kind, "text") != 0
               ? hpac_fail(HPAC_ERR_DATA, "%s: %s, expected CSV text", path, kind)
               : HPAC_OK;
}

static hpac_status read_stream(const char *path, FILE *stream, hpac_csv_on_row on_row, void *user)
{
    HPAC_AUTO(reader_fini)
    csv_reader reader = {
        .path = path, .on_row = on_row, .user = user, .line = 1, .row_ended = true};
    char block[1 << 14];
    size_t nbytes, mark = 0;
    HPAC_TRY(start_parser(&reader.parser));
    /* A cell has its NUL for the comma after it. */
    HPAC_TRY_NEW(reader.text, ROW_LIMIT_NBYTES + 2);
    for (bool at_start = true; (nbytes = fread(block, 1, sizeof block, stream)) > 0;) {
        if (at_start)
            HPAC_TRY(read_start(path, block, nbytes, &mark));
        HPAC_TRY(read_block(&reader, block + mark, nbytes - mark));
        at_start = false;
        mark = 0;
    }
    if (ferror(stream))
        return hpac_fail(HPAC_ERR_DATA, "%s: cannot read: %s", path, strerror(errno));
    if (csv_fini(&reader.parser, on_cell, on_row_end, &reader) != 0)
        return report_defect(&reader, "a quote is not closed");
    return reader.status;
}

hpac_status hpac_csv_read(const char *path, hpac_csv_on_row on_row, void *user)
{
    FILE *stream;
    HPAC_TRY(hpac_stream_open(path, &stream));
    hpac_status status = read_stream(path, stream, on_row, user);
    fclose(stream);
    return status;
}

hpac_status hpac_csv_read_text(const char *name, const char *text, size_t nbytes,
                               hpac_csv_on_row on_row, void *user)
{
    FILE *stream = fmemopen((char *)text, nbytes, "r");
    if (!stream)
        return hpac_fail_memory(nbytes);
    hpac_status status = read_stream(name, stream, on_row, user);
    fclose(stream);
    return status;
}

void hpac_csv_write_cell(FILE *stream, const char *text)
{
    if (strpbrk(text, ",\"\r\n"))
        csv_fwrite(stream, text, strlen(text));
    else
        fputs(text, stream);
}
