/* Tables of results as CSV, JSON and text. */
#include "table.h"

#include "json.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/printable.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

void hpac_table_init(hpac_table *table, const char *name, const char *title,
                     const hpac_column *columns, size_t column_count)
{
    *table = (hpac_table){.name = name, .title = title};
    table->columns = malloc(column_count * sizeof *columns);
    if (!table->columns) {
        table->status = hpac_fail_memory(column_count * sizeof *columns);
        return;
    }
    memcpy(table->columns, columns, column_count * sizeof *columns);
    table->column_count = column_count;
}

void hpac_table_fini(hpac_table *table)
{
    for (size_t i = 0; i < table->cell_count; i++)
        free(table->cells[i].text);
    free(table->cells);
    free(table->columns);
    *table = (hpac_table){0};
}

static hpac_status grow(hpac_table *table)
{
    HPAC_TRY_GROW(table->cells, table->cell_count, table->capacity);
    return HPAC_OK;
}

static void add_cell(hpac_table *table, hpac_cell cell)
{
    if (table->status == HPAC_OK)
        table->status = grow(table);
    if (table->status == HPAC_OK)
        table->cells[table->cell_count++] = cell;
    else
        free(cell.text);
}

void hpac_table_add_text(hpac_table *table, const char *text)
{
    char *copy = strdup(text);
    if (!copy && table->status == HPAC_OK)
        table->status = hpac_fail_memory(strlen(text));
    add_cell(table, (hpac_cell){.text = copy});
}

void hpac_table_add_real(hpac_table *table, double number)
{
    add_cell(table, (hpac_cell){.number = number});
}

void hpac_table_add_row(hpac_table *table, const hpac_cell *cells, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (cells[i].text)
            hpac_table_add_text(table, cells[i].text);
        else
            hpac_table_add_real(table, cells[i].number);
}

size_t hpac_table_row_count(const hpac_table *table)
{
    return table->column_count == 0 ? 0 : table->cell_count / table->column_count;
}

const hpac_cell *hpac_table_cell(const hpac_table *table, size_t row, size_t column)
{
    return &table->cells[row * table->column_count + column];
}

const hpac_table *hpac_tables_find(const hpac_table *tables, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(tables[i].name, name) == 0)
            return &tables[i];
    return NULL;
}

size_t hpac_table_find_column(const hpac_table *table, const char *name)
{
    size_t c = 0;
    while (c < table->column_count && strcmp(table->columns[c].name, name) != 0)
        c++;
    return c;
}

void hpac_number_text(double number, char text[32])
{
    text[0] = '\0';
    for (int digits = 15; isfinite(number) && digits <= 17; digits++) {
        snprintf(text, 32, "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            return;
    }
}

const char *hpac_table_show(const hpac_table *table, size_t row, size_t column, char *text,
                            size_t nbytes)
{
    const hpac_column *kind = &table->columns[column];
    const hpac_cell *cell = hpac_table_cell(table, row, column);
    if (kind->kind == HPAC_TEXT)
        return cell->text;
    if (!isfinite(cell->number))
        snprintf(text, nbytes, "-");
    else
        snprintf(text, nbytes, "%.*f", kind->kind == HPAC_REAL ? kind->decimals : 0, cell->number);
    return text;
}

static void write_csv_row(const hpac_table *table, size_t row, FILE *stream)
{
    for (size_t c = 0; c < table->column_count; c++) {
        const hpac_cell *cell = hpac_table_cell(table, row, c);
        char text[32];
        if (!cell->text)
            hpac_number_text(cell->number, text);
        fputs(c == 0 ? "" : ",", stream);
        hpac_csv_write_cell(stream, cell->text ? cell->text : text);
    }
    fputc('\n', stream);
}

hpac_status hpac_table_write_csv(const hpac_table *table, const char *directory, const char *name,
                                 ...)
{
    HPAC_TRY(table->status);
    va_list arguments;
    va_start(arguments, name);
    HPAC_AUTO_FREE char *path = hpac_path_join_list(directory, name, arguments);
    va_end(arguments);
    HPAC_TRY_MEMORY(path, strlen(directory));
    hpac_file file;
    HPAC_TRY(hpac_file_create(&file, path));
    for (size_t c = 0; c < table->column_count; c++) {
        fputs(c == 0 ? "" : ",", file.stream);
        hpac_csv_write_cell(file.stream, table->columns[c].name);
    }
    fputc('\n', file.stream);
    for (size_t row = 0; row < hpac_table_row_count(table); row++)
        write_csv_row(table, row, file.stream);
    return hpac_file_commit(&file);
}

bool hpac_parse_number(const char *cell, double *number)
{
    *number = NAN;
    if (!*cell)
        return true;
    char *end;
    *number = strtod(cell, &end);
    return *end == '\0';
}

hpac_status hpac_csv_check_width(const char *path, const hpac_csv_row *row, size_t width)
{
    if (row->defect)
        return hpac_fail(HPAC_ERR_DATA, "%s:%zu: %s", path, row->line, row->defect);
    if (width > 0 && row->count != width)
        return hpac_fail(HPAC_ERR_DATA, "%s:%zu: %zu cells, expected %zu as in the header", path,
                         row->line, row->count, width);
    return HPAC_OK;
}

typedef struct table_reader {
    const char *path;
    hpac_table *table;
    size_t *positions; /* (columns of the table) in a row of the file */
    size_t width;      /* cells of the header; 0: it was not read yet */
} table_reader;

static hpac_status find_columns(table_reader *reader, const hpac_csv_row *row)
{
    const hpac_table *table = reader->table;
    for (size_t c = 0; c < table->column_count; c++) {
        size_t at = 0;
        while (at < row->count && strcmp(row->cells[at], table->columns[c].name) != 0)
            at++;
        if (at == row->count)
            return hpac_fail(HPAC_ERR_DATA, "%s:%zu: expected a header with a column %s",
                             reader->path, row->line, table->columns[c].name);
        reader->positions[c] = at;
    }
    reader->width = row->count;
    return HPAC_OK;
}

/* Or undefined; one that a double has exactly. */
static bool is_integer(double number)
{
    return isnan(number) || (fabs(number) <= 0x1p53 && number == trunc(number));
}

static hpac_status on_row(void *user, const hpac_csv_row *row)
{
    table_reader *reader = user;
    HPAC_TRY(hpac_csv_check_width(reader->path, row, reader->width));
    if (reader->width == 0)
        return find_columns(reader, row);
    for (size_t c = 0; c < reader->table->column_count; c++) {
        const hpac_column *column = &reader->table->columns[c];
        const char *cell = row->cells[reader->positions[c]];
        double number;
        if (column->kind == HPAC_TEXT)
            hpac_table_add_text(reader->table, cell);
        else if (hpac_parse_number(cell, &number) &&
                 (column->kind == HPAC_REAL || is_integer(number)))
            hpac_table_add_real(reader->table, number);
        else
            return hpac_fail(HPAC_ERR_DATA, "%s:%zu: column %s: \"%.40s\", expected %s",
                             reader->path, row->line, column->name, cell,
                             column->kind == HPAC_REAL ? "a number" : "an integer");
    }
    return reader->table->status;
}

hpac_status hpac_table_read_csv(hpac_table *table, const char *directory, const char *name,
                                bool growing)
{
    HPAC_TRY(table->status);
    HPAC_AUTO_FREE char *path = NULL;
    HPAC_AUTO_FREE unsigned char *bytes = NULL;
    HPAC_AUTO_FREE size_t *positions = NULL;
    HPAC_TRY_MEMORY(path = hpac_path_join(directory, "%s", name), strlen(directory));
    HPAC_TRY_NEW(positions, table->column_count);
    if (growing && !hpac_path_exists(path))
        return HPAC_OK;
    size_t nbytes;
    HPAC_TRY(hpac_file_read(path, SIZE_MAX / 2, &bytes, &nbytes));
    while (growing && nbytes > 0 && bytes[nbytes - 1] != '\n')
        nbytes--;
    table_reader reader = {path, table, positions, 0};
    HPAC_TRY(hpac_csv_read_text(path, (const char *)bytes, nbytes, on_row, &reader));
    if (reader.width == 0 && !growing)
        return hpac_fail(HPAC_ERR_DATA, "%s: empty file, expected a header with a column %s", path,
                         table->columns[0].name);
    return HPAC_OK;
}

const char *hpac_column_headline(const hpac_column *column)
{
    return column->headline ? column->headline : column->name;
}

/* Characters, not bytes: continuation bytes of UTF-8 have no width. */
static int width_of(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

static int column_width(const hpac_table *table, size_t column, size_t rows)
{
    int width = width_of(hpac_column_headline(&table->columns[column]));
    char text[64];
    for (size_t row = 0; row < rows; row++) {
        int own = width_of(hpac_table_show(table, row, column, text, sizeof text));
        width = own > width ? own : width;
    }
    return width;
}

static void print_padded(const hpac_table *table, size_t column, const char *text, int width,
                         FILE *stream)
{
    int padding = width - width_of(text);
    bool left = table->columns[column].kind == HPAC_TEXT;
    bool last = column + 1 == table->column_count;
    fprintf(stream, "  %*s%s%*s", left ? 0 : padding, "", text, left && !last ? padding : 0, "");
    if (last)
        fputc('\n', stream);
}

hpac_status hpac_table_print(const hpac_table *table, size_t row_limit, FILE *stream)
{
    HPAC_TRY(table->status);
    size_t rows = hpac_table_row_count(table);
    size_t shown = row_limit > 0 && row_limit < rows ? row_limit : rows;
    HPAC_AUTO_FREE int *widths = NULL;
    HPAC_TRY_NEW(widths, table->column_count);
    for (size_t c = 0; c < table->column_count; c++)
        widths[c] = column_width(table, c, shown);

    hpac_printable_stream printable;
    HPAC_TRY(hpac_printable_open(&printable));
    fprintf(printable.stream, "%s:\n", table->title);
    for (size_t c = 0; c < table->column_count; c++)
        print_padded(table, c, hpac_column_headline(&table->columns[c]), widths[c],
                     printable.stream);
    char text[64];
    for (size_t row = 0; row < shown; row++)
        for (size_t c = 0; c < table->column_count; c++)
            print_padded(table, c, hpac_table_show(table, row, c, text, sizeof text), widths[c],
                         printable.stream);
    if (shown < rows)
        fprintf(printable.stream, "  (and %zu more)\n", rows - shown);
    return hpac_printable_close(&printable, stream);
}

static json_t *json_cell(const hpac_table *table, size_t row, size_t column)
{
    const hpac_cell *cell = hpac_table_cell(table, row, column);
    if (table->columns[column].kind == HPAC_TEXT)
        return hpac_json_text(cell->text);
    if (!isfinite(cell->number))
        return json_null();
    return table->columns[column].kind == HPAC_INTEGER ? json_integer((json_int_t)cell->number)
                                                       : json_real(cell->number);
}

/* jansson refuses a NULL value, so that a failure deeper down ends up here. */
bool hpac_table_add_json(const hpac_table *table, json_t *root)
{
    json_t *rows = json_array();
    bool good = json_object_set_new(root, table->name, rows) == 0;
    for (size_t row = 0; good && row < hpac_table_row_count(table); row++) {
        json_t *object = json_object();
        good = json_array_append_new(rows, object) == 0;
        for (size_t c = 0; good && c < table->column_count; c++)
            good =
                json_object_set_new(object, table->columns[c].name, json_cell(table, row, c)) == 0;
    }
    return good;
}

hpac_status hpac_tables_write_json(const hpac_table *tables, size_t count, FILE *stream)
{
    json_auto_t *root = json_object();
    for (size_t i = 0; i < count; i++) {
        HPAC_TRY(tables[i].status);
        if (!hpac_table_add_json(&tables[i], root))
            return hpac_fail(HPAC_ERR_INTERNAL, "%s: cannot make JSON: out of memory",
                             tables[i].name);
    }
    return hpac_json_write(root, stream);
}
