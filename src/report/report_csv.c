/* Reading the tables of a run: columns of numbers by their names, and predictions. */
#include "report_internal.h"

#include "base/csv.h"
#include "base/file.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- cells ---- */

/* Any cell that is not a number is a defect, but for an empty one. */
static bool parse_number(const char *cell, double *number)
{
    if (!*cell) {
        *number = NAN;
        return true;
    }
    char *end;
    *number = strtod(cell, &end);
    return *end == '\0';
}

static hpac_status fail_cell(const char *path, const hpac_csv_row *row, size_t cell,
                             const char *column, const char *expected)
{
    return hpac_fail(HPAC_ERR_DATA, "%s:%zu: column %s: \"%.40s\", expected %s", path, row->line,
                     column, row->cells[cell], expected);
}

/* ---- columns by name ---- */

typedef struct table_reader {
    const char *path;
    hpac_table *table;
    size_t *places; /* (columns of the table) in a row of the file */
    size_t width;   /* cells of the header; 0: it was not read yet */
} table_reader;

static hpac_status find_columns(table_reader *reader, const hpac_csv_row *row)
{
    const hpac_table *table = reader->table;
    for (size_t c = 0; c < table->column_count; c++) {
        size_t place = 0;
        while (place < row->count && strcmp(row->cells[place], table->columns[c].name) != 0)
            place++;
        if (place == row->count)
            return hpac_fail(HPAC_ERR_DATA, "%s:%zu: expected a header with a column %s",
                             reader->path, row->line, table->columns[c].name);
        reader->places[c] = place;
    }
    reader->width = row->count;
    return HPAC_OK;
}

static hpac_status check_width(const char *path, const hpac_csv_row *row, size_t width)
{
    if (row->defect)
        return hpac_fail(HPAC_ERR_DATA, "%s:%zu: %s", path, row->line, row->defect);
    if (width > 0 && row->count != width)
        return hpac_fail(HPAC_ERR_DATA, "%s:%zu: %zu cells, expected %zu as in the header", path,
                         row->line, row->count, width);
    return HPAC_OK;
}

static hpac_status on_table_row(void *user, const hpac_csv_row *row)
{
    table_reader *reader = user;
    hpac_status status = check_width(reader->path, row, reader->width);
    if (status != HPAC_OK)
        return status;
    if (reader->width == 0)
        return find_columns(reader, row);
    for (size_t c = 0; c < reader->table->column_count; c++) {
        const hpac_column *column = &reader->table->columns[c];
        const char *cell = row->cells[reader->places[c]];
        double number = NAN;
        if (column->kind == HPAC_TEXT)
            hpac_table_add_text(reader->table, cell);
        else if (parse_number(cell, &number))
            hpac_table_add_real(reader->table, number);
        else
            return fail_cell(reader->path, row, reader->places[c], column->name, "a number");
    }
    return reader->table->status;
}

/* Reads the file up to its last whole row, when it is growing. */
static hpac_status read_rows(table_reader *reader, bool growing)
{
    unsigned char *bytes;
    size_t nbytes;
    hpac_status status = hpac_file_read(reader->path, SIZE_MAX / 2, &bytes, &nbytes);
    if (status != HPAC_OK)
        return status;
    while (growing && nbytes > 0 && bytes[nbytes - 1] != '\n')
        nbytes--;
    status = hpac_csv_read_text(reader->path, (const char *)bytes, nbytes, on_table_row, reader);
    if (status == HPAC_OK && reader->width == 0 && !growing)
        status = hpac_fail(HPAC_ERR_DATA, "%s: is empty, expected a header with a column %s",
                           reader->path, reader->table->columns[0].name);
    free(bytes);
    return status;
}

hpac_status report_csv_read(const char *folder, const char *name, bool growing, hpac_table *table)
{
    hpac_status status = table->status;
    char *path = hpac_path_join(folder, "%s", name);
    table_reader reader = {.path = path, .table = table};
    reader.places = calloc(table->column_count + 1, sizeof *reader.places);
    if (status == HPAC_OK && (!path || !reader.places))
        status = hpac_fail_memory(table->column_count * sizeof *reader.places);
    if (status == HPAC_OK && (!growing || hpac_path_exists(path)))
        status = read_rows(&reader, growing);
    free(reader.places);
    free(path);
    return status;
}

/* ---- predictions ---- */

typedef struct predictions_reader {
    const char *path;
    report_predictions *read;
} predictions_reader;

static hpac_status read_classes(predictions_reader *reader, const hpac_csv_row *row)
{
    report_predictions *read = reader->read;
    if (row->count < 2 || row->count > HPAC_CLASS_COUNT + 1 || strcmp(row->cells[0], "Id") != 0)
        return hpac_fail(HPAC_ERR_DATA,
                         "%s:%zu: expected a header of Id and the names of 1 to %d classes",
                         reader->path, row->line, HPAC_CLASS_COUNT);
    for (size_t c = 1; c < row->count; c++) {
        read->classes[read->class_count] = strdup(row->cells[c]);
        if (!read->classes[read->class_count++])
            return hpac_fail_memory(strlen(row->cells[c]));
    }
    return HPAC_OK;
}

/* Room for one image more. */
static hpac_status grow(report_predictions *read)
{
    size_t needed = (read->images + 1) * read->class_count;
    double *values = report_grow(read->values, needed, &read->capacity, sizeof *values);
    if (!values)
        return hpac_fail_memory(needed * sizeof *values);
    read->values = values;
    return HPAC_OK;
}

static hpac_status on_predictions_row(void *user, const hpac_csv_row *row)
{
    predictions_reader *reader = user;
    report_predictions *read = reader->read;
    bool header = read->class_count == 0;
    hpac_status status = check_width(reader->path, row, header ? 0 : read->class_count + 1);
    if (status == HPAC_OK)
        status = header ? read_classes(reader, row) : grow(read);
    if (status != HPAC_OK || header)
        return status;
    double *values = read->values + read->images * read->class_count;
    for (size_t c = 0; c < read->class_count; c++)
        if (!parse_number(row->cells[c + 1], &values[c]) || values[c] < 0 || values[c] > 1)
            return fail_cell(reader->path, row, c + 1, read->classes[c], "a probability in 0..1");
    read->images++;
    return HPAC_OK;
}

hpac_status report_predictions_read(const char *path, report_predictions *predictions)
{
    *predictions = (report_predictions){0};
    predictions_reader reader = {path, predictions};
    hpac_status status = hpac_csv_read(path, on_predictions_row, &reader);
    if (status == HPAC_OK && predictions->images == 0)
        status =
            hpac_fail(HPAC_ERR_DATA, "%s: holds no predictions, expected a row an image", path);
    if (status != HPAC_OK)
        report_predictions_fini(predictions);
    return status;
}

void report_predictions_fini(report_predictions *predictions)
{
    for (size_t c = 0; c < predictions->class_count; c++)
        free(predictions->classes[c]);
    free(predictions->values);
    *predictions = (report_predictions){0};
}
