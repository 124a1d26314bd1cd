/*
 * Tables of results: filled once, then written as CSV, as JSON, for the terminal, or into a page
 * (page.h).
 *
 *     static const hpac_column columns[] = {
 *         HPAC_COLUMN_TEXT("name", "class"), HPAC_COLUMN_INTEGER("images", NULL),
 *         HPAC_COLUMN_REAL("percent", NULL, 2)};
 *     hpac_table table;
 *     hpac_table_init(&table, "class_counts", "Images per class", columns, 3);
 *     hpac_table_add_text(&table, "Nucleoplasm");      // cell by cell, row after row
 *     hpac_table_add_real(&table, 12885);
 *     hpac_table_add_real(&table, 41.46820288362513);
 *     status = hpac_table_write_csv(&table, "explore", "class_counts.csv");
 *     hpac_table_fini(&table);
 *
 * A real that is not finite is an undefined value (the mean of nothing, the correlation of a
 * constant): an empty cell in CSV (which pandas reads as NaN), null in JSON, "-" on the terminal
 * and in pages. Running out of memory while cells are added is remembered, and returned by whatever
 * writes the table.
 */
#ifndef HPAC_RENDER_TABLE_H
#define HPAC_RENDER_TABLE_H

#include <hpac/status.h>

#include "base/csv.h"

#include <stdbool.h>
#include <stdio.h>

typedef enum hpac_cell_kind {
    HPAC_TEXT,    /* left-aligned */
    HPAC_INTEGER, /* right-aligned, as the reals */
    HPAC_REAL,
} hpac_cell_kind;

typedef struct hpac_column {
    const char *name; /* header in CSV, key in JSON: "f1_mean". Borrowed */
    hpac_cell_kind kind;
    int decimals;         /* HPAC_REAL: on the terminal and in pages. Files have all digits */
    const char *headline; /* header on the terminal and in pages; NULL: the name. Borrowed */
} hpac_column;

#define HPAC_COLUMN_TEXT(name, headline)                                                           \
    {                                                                                              \
        (name), HPAC_TEXT, 0, (headline)                                                           \
    }
#define HPAC_COLUMN_INTEGER(name, headline)                                                        \
    {                                                                                              \
        (name), HPAC_INTEGER, 0, (headline)                                                        \
    }
#define HPAC_COLUMN_REAL(name, headline, decimals)                                                 \
    {                                                                                              \
        (name), HPAC_REAL, (decimals), (headline)                                                  \
    }

typedef struct hpac_cell {
    char *text; /* HPAC_TEXT: owned */
    double number;
} hpac_cell;

typedef struct hpac_table {
    const char *name;  /* of the file and the JSON key: "class_counts". Borrowed */
    const char *title; /* for display: "Images per class". Borrowed */
    hpac_column *columns;
    size_t column_count;
    hpac_cell *cells; /* (cell_count), row after row, owned */
    size_t cell_count, capacity;
    hpac_status status; /* the first failure of an addition */
} hpac_table;

/* An empty table; the columns are copied, their texts borrowed. */
void hpac_table_init(hpac_table *table, const char *name, const char *title,
                     const hpac_column *columns, size_t column_count);
/* Frees the cells and zeroes the struct; a zeroed one is fine. */
void hpac_table_fini(hpac_table *table);

/* A row, or a part of it; texts are copied:
 *     hpac_table_add_row(&table, HPAC_CELLS(HPAC_TEXT_CELL("Cytosol"), HPAC_NUMBER_CELL(8228))); */
#define HPAC_TEXT_CELL(string) ((hpac_cell){.text = (char *)(string)})
#define HPAC_NUMBER_CELL(value) ((hpac_cell){.number = (double)(value)})
#define HPAC_CELLS(...)                                                                            \
    (const hpac_cell[]){__VA_ARGS__}, sizeof((const hpac_cell[]){__VA_ARGS__}) / sizeof(hpac_cell)
void hpac_table_add_row(hpac_table *table, const hpac_cell *cells, size_t count);

/* The next cell, of its column's kind; a column of integers takes a real that is one, or NaN. Text
 * is copied. */
void hpac_table_add_text(hpac_table *table, const char *text);
void hpac_table_add_real(hpac_table *table, double number);

/* The number of complete rows. */
size_t hpac_table_row_count(const hpac_table *table);
/* A cell of a complete row, borrowed until the table changes. */
const hpac_cell *hpac_table_cell(const hpac_table *table, size_t row, size_t column);

/* The table of a name; NULL when there is none. */
const hpac_table *hpac_tables_find(const hpac_table *tables, size_t count, const char *name);
/* The column of a name; column_count when there is none. */
size_t hpac_table_find_column(const hpac_table *table, const char *name);

/* A column's header as displayed. */
const char *hpac_column_headline(const hpac_column *column);
/* A cell as displayed: "12885", "41.47", "-". `text` gets at most `nbytes`, with its NUL; returns
 * what to show, which is `text` or the cell's own text. */
const char *hpac_table_show(const hpac_table *table, size_t row, size_t column, char *text,
                            size_t nbytes);

/* The shortest decimal number that reads back as the same double; "" when it is not finite. */
void hpac_number_text(double number, char text[32]);

/* Writes "directory/<printf>", a complete file or none. Errors: those of file.h, INTERNAL (memory).
 */
hpac_status hpac_table_write_csv(const hpac_table *table, const char *directory, const char *name,
                                 ...) __attribute__((format(printf, 3, 4)));

/* Reads the columns of `table` (initialized, empty) from a CSV that may have others, in any order;
 * an empty cell or "nan" is NaN in a column of numbers, and integers are at most 2^53. `growing`:
 * the file is being written, so that it may be missing, empty, or end in an incomplete row, which
 * is left out. Errors: DATA, with file, line, column and the expected value. */
hpac_status hpac_table_read_csv(hpac_table *table, const char *directory, const char *name,
                                bool growing);
/* Reads a cell: NaN when it is empty; false when it is not a number. */
bool hpac_parse_number(const char *cell, double *number);
/* DATA, with file and line, for a row with a defect or not of `width` cells; 0: any number. */
hpac_status hpac_csv_check_width(const char *path, const hpac_csv_row *row, size_t width);

/* Title, header and rows in columns that line up; the first `row_limit` rows (0: all). */
hpac_status hpac_table_print(const hpac_table *table, size_t row_limit, FILE *stream);

/* One JSON object: a list of rows per table, {"class_counts": [{"name": "Nucleoplasm", ...}, ...]}.
 * Errors: INTERNAL (memory), DATA (writing). */
hpac_status hpac_tables_write_json(const hpac_table *tables, size_t count, FILE *stream);

/* Adds the list of rows to an object under the table's name; false without memory. */
struct json_t;
bool hpac_table_add_json(const hpac_table *table, struct json_t *root);

#endif
