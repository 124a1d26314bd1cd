/* Reading predictions.csv. */
#include "report_internal.h"

#include "base/csv.h"

#include <stdlib.h>
#include <string.h>

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

/* Reserves memory for one more image. */
static hpac_status grow(report_predictions *read)
{
    size_t needed = (read->images + 1) * read->class_count;
    double *values = report_grow(read->values, needed, &read->capacity, sizeof *values);
    if (!values)
        return hpac_fail_memory(needed * sizeof *values);
    read->values = values;
    return HPAC_OK;
}

static hpac_status on_row(void *user, const hpac_csv_row *row)
{
    predictions_reader *reader = user;
    report_predictions *read = reader->read;
    bool header = read->class_count == 0;
    HPAC_TRY(hpac_csv_check_width(reader->path, row, header ? 0 : read->class_count + 1));
    if (header)
        return read_classes(reader, row);
    HPAC_TRY(grow(read));
    double *values = read->values + read->images * read->class_count;
    for (size_t c = 0; c < read->class_count; c++)
        if (!hpac_parse_number(row->cells[c + 1], &values[c]) || values[c] < 0 || values[c] > 1)
            return hpac_fail(HPAC_ERR_DATA,
                             "%s:%zu: column %s: \"%.40s\", expected a probability in [0, 1]",
                             reader->path, row->line, read->classes[c], row->cells[c + 1]);
    read->images++;
    return HPAC_OK;
}

hpac_status report_predictions_read(const char *path, report_predictions *predictions)
{
    *predictions = (report_predictions){0};
    predictions_reader reader = {path, predictions};
    hpac_status status = hpac_csv_read(path, on_row, &reader);
    if (status == HPAC_OK && predictions->images == 0)
        status = hpac_fail(HPAC_ERR_DATA, "%s: no predictions, expected one row per image", path);
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
