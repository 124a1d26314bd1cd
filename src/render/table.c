/* Tables of results as CSV, JSON and text. */
#include "table.h"

#include "base/printable.h"

#include "base/csv.h"
#include "base/file.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
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

static void add_cell(hpac_table *table, hpac_cell cell)
{
    if (table->status == HPAC_OK && table->cell_count == table->capacity) {
        size_t capacity = table->capacity ? 2 * table->capacity : 64;
        hpac_cell *cells = realloc(table->cells, capacity * sizeof *cells);
        if (cells) {
            table->cells = cells;
            table->capacity = capacity;
        } else {
            table->status = hpac_fail_memory(capacity * sizeof *cells);
        }
    }
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

void hpac_table_add_integer(hpac_table *table, long long number)
{
    add_cell(table, (hpac_cell){.number = (double)number});
}

void hpac_table_add_real(hpac_table *table, double number)
{
    add_cell(table, (hpac_cell){.number = number});
}

void hpac_table_add_row(hpac_table *table, const hpac_cell *cells)
{
    for (size_t c = 0; c < table->column_count; c++)
        if (table->columns[c].kind == HPAC_TEXT)
            hpac_table_add_text(table, cells[c].text);
        else
            add_cell(table, (hpac_cell){.number = cells[c].number});
}

size_t hpac_table_row_count(const hpac_table *table)
{
    return table->column_count == 0 ? 0 : table->cell_count / table->column_count;
}

const hpac_cell *hpac_table_cell(const hpac_table *table, size_t row, size_t column)
{
    return &table->cells[row * table->column_count + column];
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

/* ---- CSV ---- */

static void write_csv_cell(const hpac_table *table, size_t row, size_t column, FILE *stream)
{
    const hpac_cell *cell = hpac_table_cell(table, row, column);
    char text[32];
    if (table->columns[column].kind != HPAC_TEXT)
        hpac_number_text(cell->number, text);
    hpac_csv_write_cell(stream, cell->text ? cell->text : text);
}

hpac_status hpac_table_write_csv(const hpac_table *table, const char *path)
{
    HPAC_TRY(table->status);
    hpac_file file;
    HPAC_TRY(hpac_file_create(&file, path));
    for (size_t column = 0; column < table->column_count; column++) {
        fputs(column == 0 ? "" : ",", file.stream);
        hpac_csv_write_cell(file.stream, table->columns[column].name);
    }
    fputc('\n', file.stream);
    for (size_t row = 0; row < hpac_table_row_count(table); row++) {
        for (size_t column = 0; column < table->column_count; column++) {
            fputs(column == 0 ? "" : ",", file.stream);
            write_csv_cell(table, row, column, file.stream);
        }
        fputc('\n', file.stream);
    }
    return hpac_file_commit(&file);
}

/* ---- the terminal ---- */

static const char *headline(const hpac_column *column)
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
    int width = width_of(headline(&table->columns[column]));
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
    int *widths = malloc((table->column_count + 1) * sizeof *widths);
    if (!widths)
        return hpac_fail_memory(table->column_count);
    for (size_t column = 0; column < table->column_count; column++)
        widths[column] = column_width(table, column, shown);

    hpac_printable_stream printable;
    hpac_status status = hpac_printable_open(&printable);
    if (status != HPAC_OK) {
        free(widths);
        return status;
    }
    fprintf(printable.stream, "%s:\n", table->title);
    for (size_t column = 0; column < table->column_count; column++)
        print_padded(table, column, headline(&table->columns[column]), widths[column],
                     printable.stream);
    char text[64];
    for (size_t row = 0; row < shown; row++)
        for (size_t column = 0; column < table->column_count; column++)
            print_padded(table, column, hpac_table_show(table, row, column, text, sizeof text),
                         widths[column], printable.stream);
    if (shown < rows)
        fprintf(printable.stream, "  (and %zu more)\n", rows - shown);
    free(widths);
    return hpac_printable_close(&printable, stream);
}

/* ---- JSON ---- */

static json_t *json_cell(const hpac_table *table, size_t row, size_t column)
{
    const hpac_cell *cell = hpac_table_cell(table, row, column);
    if (table->columns[column].kind == HPAC_TEXT)
        return json_string(cell->text);
    if (!isfinite(cell->number))
        return json_null();
    return table->columns[column].kind == HPAC_INTEGER ? json_integer((json_int_t)cell->number)
                                                       : json_real(cell->number);
}

/* NULL when memory is out or a text is not UTF-8. */
static json_t *json_rows(const hpac_table *table)
{
    json_t *rows = json_array();
    bool good = rows != NULL;
    for (size_t row = 0; good && row < hpac_table_row_count(table); row++) {
        json_t *object = json_object();
        for (size_t column = 0; good && column < table->column_count; column++)
            good = json_object_set_new(object, table->columns[column].name,
                                       json_cell(table, row, column)) == 0;
        good = json_array_append_new(rows, object) == 0 && good;
    }
    if (good)
        return rows;
    json_decref(rows);
    return NULL;
}

static hpac_status add_json(json_t *root, const hpac_table *table)
{
    HPAC_TRY(table->status);
    if (json_object_set_new(root, table->name, json_rows(table)) == 0)
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_INTERNAL,
                     "%s: cannot make JSON (out of memory, or a text is not UTF-8)", table->name);
}

hpac_status hpac_tables_write_json(const hpac_table *const *tables, size_t count, FILE *stream)
{
    json_t *root = json_object();
    hpac_status status = root ? HPAC_OK : hpac_fail_memory(1);
    for (size_t i = 0; i < count && status == HPAC_OK; i++)
        status = add_json(root, tables[i]);
    if (status == HPAC_OK &&
        (json_dumpf(root, stream, JSON_INDENT(2)) != 0 || fputc('\n', stream) == EOF))
        status = hpac_fail(HPAC_ERR_DATA, "cannot write JSON: %s", strerror(errno));
    json_decref(root);
    return status;
}
