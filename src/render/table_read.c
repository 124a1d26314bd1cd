/* Tables read back from CSV files: columns by their names. */
#include "table.h"

#include "base/csv.h"
#include "base/file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
        else if (hpac_parse_number(cell, &number))
            hpac_table_add_real(reader->table, number);
        else
            return hpac_fail(HPAC_ERR_DATA, "%s:%zu: column %s: \"%.40s\", expected a number",
                             reader->path, row->line, column->name, cell);
    }
    return reader->table->status;
}

/* Reads a growing file up to its last complete row. */
static hpac_status read_rows(table_reader *reader, bool growing)
{
    unsigned char *bytes;
    size_t nbytes;
    HPAC_TRY(hpac_file_read(reader->path, SIZE_MAX / 2, &bytes, &nbytes));
    while (growing && nbytes > 0 && bytes[nbytes - 1] != '\n')
        nbytes--;
    hpac_status status =
        hpac_csv_read_text(reader->path, (const char *)bytes, nbytes, on_row, reader);
    free(bytes);
    if (status == HPAC_OK && reader->width == 0 && !growing)
        status = hpac_fail(HPAC_ERR_DATA, "%s: empty file, expected a header with a column %s",
                           reader->path, reader->table->columns[0].name);
    return status;
}

hpac_status hpac_table_read_csv(hpac_table *table, const char *folder, const char *name,
                                bool growing)
{
    HPAC_TRY(table->status);
    char *path = hpac_path_join(folder, "%s", name);
    table_reader reader = {.path = path, .table = table};
    reader.positions = calloc(table->column_count + 1, sizeof *reader.positions);
    hpac_status status = path && reader.positions ? HPAC_OK : hpac_fail_memory(1);
    if (status == HPAC_OK && (!growing || hpac_path_exists(path)))
        status = read_rows(&reader, growing);
    free(reader.positions);
    free(path);
    return status;
}
