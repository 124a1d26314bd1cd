/* Label files: rows of an Id and its classes. All bad rows are reported at once. */
#include <hpac/labels.h>

#include "base/csv.h"
#include "base/memory.h"
#include "base/nearest.h"

#include <stdbool.h>
#include <string.h>

const char *const hpac_class_names[HPAC_CLASS_COUNT] = {
    "Nucleoplasm",
    "Nuclear membrane",
    "Nucleoli",
    "Nucleoli fibrillar center",
    "Nuclear speckles",
    "Nuclear bodies",
    "Endoplasmic reticulum",
    "Golgi apparatus",
    "Peroxisomes",
    "Endosomes",
    "Lysosomes",
    "Intermediate filaments",
    "Actin filaments",
    "Focal adhesion sites",
    "Microtubules",
    "Microtubule ends",
    "Cytokinetic bridge",
    "Mitotic spindle",
    "Microtubule organizing center",
    "Centrosome",
    "Lipid droplets",
    "Plasma membrane",
    "Cell junctions",
    "Mitochondria",
    "Aggresome",
    "Cytosol",
    "Cytoplasmic bodies",
    "Rods & rings",
};

int hpac_class_find(const char *name)
{
    for (int c = 0; c < HPAC_CLASS_COUNT; c++)
        if (strcmp(hpac_class_names[c], name) == 0)
            return c;
    return -1;
}

const char *hpac_class_nearest(const char *name)
{
    hpac_nearest nearest = hpac_nearest_to(name);
    const char *best = NULL;
    for (int c = 0; c < HPAC_CLASS_COUNT; c++)
        if (hpac_nearest_offer(&nearest, hpac_class_names[c]))
            best = hpac_class_names[c];
    return best;
}

typedef struct label_row {
    char *id; /* owned */
    uint32_t mask;
    size_t line; /* of the file, where the row begins */
    bool is_duplicate;
} label_row;

typedef struct label_reader {
    const char *path;
    bool with_targets;
    label_row *rows;
    size_t count, capacity;
    bool header_read;
    size_t header_count, id_column, target_column;
    hpac_problems problems;
} label_reader;

static void reader_fini(label_reader *reader)
{
    for (size_t i = 0; i < reader->count; i++)
        free(reader->rows[i].id);
    free(reader->rows);
    free(reader->problems.text);
}

/* Long cells are shortened in messages. */
#define SHOWN "%.60s%s"
#define SHOWN_TEXT(text) (text), strlen(text) > 60 ? "..." : ""

/* The names of a header in quotes, so that spaces and semicolons can be seen; malloc'ed. */
static char *quote_header(const hpac_csv_row *header)
{
    char *text = NULL;
    size_t text_nbytes;
    FILE *stream = open_memstream(&text, &text_nbytes);
    for (size_t i = 0; stream && i < header->count && i < 8; i++)
        fprintf(stream, "%s\"" SHOWN "\"", i ? ", " : "", SHOWN_TEXT(header->cells[i]));
    if (stream)
        fclose(stream);
    return text;
}

static hpac_status find_column(const label_reader *reader, const hpac_csv_row *header,
                               const char *name, size_t *column)
{
    size_t found = 0;
    for (size_t i = header->count; i-- > 0;)
        if (strcmp(header->cells[i], name) == 0) {
            *column = i;
            found++;
        }
    if (found == 1)
        return HPAC_OK;
    HPAC_AUTO_FREE char *names = quote_header(header);
    return hpac_fail(HPAC_ERR_DATA, "%s:%zu: %s column \"%s\" in the header, expected %s; found %s",
                     reader->path, header->line, found ? "more than one" : "no", name,
                     reader->with_targets ? "Id,Target" : "Id", names ? names : "?");
}

static hpac_status read_header(label_reader *reader, const hpac_csv_row *row)
{
    if (row->defect)
        return hpac_fail(HPAC_ERR_DATA, "%s:%zu: header: %s", reader->path, row->line, row->defect);
    reader->header_read = true;
    reader->header_count = row->count;
    HPAC_TRY(find_column(reader, row, "Id", &reader->id_column));
    return reader->with_targets ? find_column(reader, row, "Target", &reader->target_column)
                                : HPAC_OK;
}

/* Ids become names of files. */
static void check_id(label_reader *reader, size_t line, const char *id)
{
    if (!*id)
        hpac_problems_add(&reader->problems, "%s:%zu: the Id is empty", reader->path, line);
    else if (strchr(id, '/'))
        hpac_problems_add(&reader->problems, "%s:%zu: Id \"" SHOWN "\" holds a '/'", reader->path,
                          line, SHOWN_TEXT(id));
}

/* The class number written in the `length` characters at `text`; -1 for all else. */
static int parse_class(const char *text, size_t length)
{
    int number = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9' || number >= HPAC_CLASS_COUNT)
            return -1;
        number = 10 * number + (text[i] - '0');
    }
    return number < HPAC_CLASS_COUNT ? number : -1;
}

static uint32_t parse_target(label_reader *reader, size_t line, const char *target)
{
    uint32_t mask = 0;
    const char *text = target + strspn(target, " ");
    if (!*text)
        hpac_problems_add(&reader->problems,
                          "%s:%zu: the Target is empty, expected class numbers like \"16 0\"",
                          reader->path, line);
    for (size_t length; *text; text += length, text += strspn(text, " ")) {
        length = strcspn(text, " ");
        int class_number = parse_class(text, length);
        if (class_number < 0)
            hpac_problems_add(&reader->problems,
                              "%s:%zu: unknown class \"%.*s\", expected integers in [0, %d] "
                              "separated by spaces",
                              reader->path, line, length > 60 ? 60 : (int)length, text,
                              HPAC_CLASS_COUNT - 1);
        else if (mask >> class_number & 1)
            hpac_problems_add(&reader->problems, "%s:%zu: duplicate class %d", reader->path, line,
                              class_number);
        else
            mask |= (uint32_t)1 << class_number;
    }
    return mask;
}

static hpac_status on_row(void *user, const hpac_csv_row *row)
{
    label_reader *reader = user;
    if (!reader->header_read)
        return read_header(reader, row);
    if (row->defect) {
        hpac_problems_add(&reader->problems, "%s:%zu: %s", reader->path, row->line, row->defect);
        return HPAC_OK;
    }
    if (row->count != reader->header_count) {
        hpac_problems_add(&reader->problems, "%s:%zu: %zu cell%s, expected %zu as in the header",
                          reader->path, row->line, row->count, row->count == 1 ? "" : "s",
                          reader->header_count);
        return HPAC_OK;
    }
    const char *id = row->cells[reader->id_column];
    label_row read = {.line = row->line};
    check_id(reader, row->line, id);
    if (reader->with_targets)
        read.mask = parse_target(reader, row->line, row->cells[reader->target_column]);
    HPAC_TRY_GROW(reader->rows, reader->count, reader->capacity);
    HPAC_TRY_MEMORY(read.id = strdup(id), strlen(id) + 1);
    reader->rows[reader->count++] = read;
    return HPAC_OK;
}

static int compare_lines(const void *a, const void *b)
{
    const label_row *left = a, *right = b;
    return (left->line > right->line) - (left->line < right->line);
}

static int compare_ids(const void *a, const void *b)
{
    const label_row *left = a, *right = b;
    int order = strcmp(left->id, right->id);
    return order ? order : compare_lines(a, b);
}

/* Reports all but the first of equal Ids, in the order of the file. */
static void find_duplicate_ids(label_reader *reader)
{
    if (reader->count == 0)
        return;
    label_row *rows = reader->rows;
    qsort(rows, reader->count, sizeof *rows, compare_ids);
    for (size_t i = 1; i < reader->count; i++)
        rows[i].is_duplicate = *rows[i].id && strcmp(rows[i].id, rows[i - 1].id) == 0;
    qsort(rows, reader->count, sizeof *rows, compare_lines);
    for (size_t i = 0; i < reader->count; i++)
        if (rows[i].is_duplicate)
            hpac_problems_add(&reader->problems, "%s:%zu: duplicate Id \"" SHOWN "\"", reader->path,
                              rows[i].line, SHOWN_TEXT(rows[i].id));
}

static hpac_status read_labels(const char *path, bool with_targets, hpac_labels *labels)
{
    *labels = (hpac_labels){0};
    HPAC_AUTO(reader_fini) label_reader reader = {.path = path, .with_targets = with_targets};
    HPAC_TRY(hpac_csv_read(path, on_row, &reader));
    if (!reader.header_read)
        return hpac_fail(HPAC_ERR_DATA, "%s: empty file, expected a header with %s", path,
                         with_targets ? "Id,Target" : "Id");
    find_duplicate_ids(&reader);
    if (reader.count == 0 && reader.problems.count == 0)
        return hpac_fail(HPAC_ERR_DATA, "%s: header without rows", path);
    HPAC_TRY(hpac_problems_finish(&reader.problems, HPAC_ERR_DATA, "%s", path));
    HPAC_AUTO_FREE char **ids = NULL;
    HPAC_TRY_NEW(ids, reader.count);
    HPAC_TRY_NEW(labels->masks, reader.count);
    for (size_t i = 0; i < reader.count; i++) {
        ids[i] = reader.rows[i].id;
        labels->masks[i] = reader.rows[i].mask;
    }
    labels->ids = ids;
    labels->count = reader.count;
    ids = NULL;
    reader.count = 0; /* the Ids are the caller's now */
    return HPAC_OK;
}

hpac_status hpac_labels_read_csv(const char *path, hpac_labels *labels)
{
    return read_labels(path, true, labels);
}

hpac_status hpac_ids_read_csv(const char *path, hpac_labels *labels)
{
    HPAC_TRY(read_labels(path, false, labels));
    free(labels->masks);
    labels->masks = NULL;
    return HPAC_OK;
}

void hpac_labels_fini(hpac_labels *labels)
{
    for (size_t i = 0; i < labels->count; i++)
        free(labels->ids[i]);
    free(labels->ids);
    free(labels->masks);
    *labels = (hpac_labels){0};
}
