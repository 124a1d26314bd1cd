/* Label files: rows of an Id and its classes. All bad rows are reported at once. */
#include <hpac/labels.h>

#include "base/csv.h"
#include "base/nearest.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
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

typedef struct label_reader {
    const char *path;
    bool with_targets;
    hpac_labels labels;
    size_t *lines; /* (capacity) of the file, where each row of `labels` begins */
    size_t capacity;
    bool header_read;
    size_t header_count, id_column, target_column;
    hpac_problems problems;
} label_reader;

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
    char *names = quote_header(header);
    hpac_fail(HPAC_ERR_DATA, "%s:%zu: %s column \"%s\" in the header, expected %s; found %s",
              reader->path, header->line, found ? "more than one" : "no", name,
              reader->with_targets ? "Id,Target" : "Id", names ? names : "?");
    free(names);
    return HPAC_ERR_DATA;
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

static hpac_status reserve_row(label_reader *reader)
{
    if (reader->labels.count < reader->capacity)
        return HPAC_OK;
    size_t capacity = reader->capacity ? 2 * reader->capacity : 1024;
    char **ids = realloc(reader->labels.ids, capacity * sizeof *ids);
    if (ids)
        reader->labels.ids = ids;
    uint32_t *masks = realloc(reader->labels.masks, capacity * sizeof *masks);
    if (masks)
        reader->labels.masks = masks;
    size_t *lines = realloc(reader->lines, capacity * sizeof *lines);
    if (lines)
        reader->lines = lines;
    if (!ids || !masks || !lines)
        return hpac_fail_memory(capacity * sizeof *ids);
    reader->capacity = capacity;
    return HPAC_OK;
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
    while (*text) {
        size_t length = strcspn(text, " ");
        int class_number = parse_class(text, length);
        int shown = length > 60 ? 60 : (int)length;
        if (class_number < 0)
            hpac_problems_add(&reader->problems,
                              "%s:%zu: unknown class \"%.*s\", expected integers in [0, %d] "
                              "separated by spaces",
                              reader->path, line, shown, text, HPAC_CLASS_COUNT - 1);
        else if (mask >> class_number & 1)
            hpac_problems_add(&reader->problems, "%s:%zu: duplicate class %d", reader->path, line,
                              class_number);
        else
            mask |= (uint32_t)1 << class_number;
        text += length;
        text += strspn(text, " ");
    }
    return mask;
}

static hpac_status add_row(label_reader *reader, const hpac_csv_row *row)
{
    HPAC_TRY(reserve_row(reader));
    const char *id = row->cells[reader->id_column];
    check_id(reader, row->line, id);
    size_t at = reader->labels.count;
    reader->labels.masks[at] =
        reader->with_targets ? parse_target(reader, row->line, row->cells[reader->target_column])
                             : 0;
    reader->lines[at] = row->line;
    reader->labels.ids[at] = strdup(id);
    if (!reader->labels.ids[at])
        return hpac_fail_memory(strlen(id) + 1);
    reader->labels.count++;
    return HPAC_OK;
}

static hpac_status on_row(void *user, const hpac_csv_row *row)
{
    label_reader *reader = user;
    if (!reader->header_read)
        return read_header(reader, row);
    if (row->defect)
        hpac_problems_add(&reader->problems, "%s:%zu: %s", reader->path, row->line, row->defect);
    else if (row->count != reader->header_count)
        hpac_problems_add(&reader->problems, "%s:%zu: %zu cell%s, expected %zu as in the header",
                          reader->path, row->line, row->count, row->count == 1 ? "" : "s",
                          reader->header_count);
    else
        return add_row(reader, row);
    return HPAC_OK;
}

typedef struct id_place {
    const char *id;
    size_t line;
} id_place;

static int compare_places(const void *a, const void *b)
{
    const id_place *left = a, *right = b;
    int order = strcmp(left->id, right->id);
    return order ? order : (left->line > right->line) - (left->line < right->line);
}

static int compare_lines(const void *a, const void *b)
{
    const id_place *left = a, *right = b;
    return (left->line > right->line) - (left->line < right->line);
}

/* Sorts the Ids and reports all but the first of equal ones, in the order of the file. */
static hpac_status find_duplicate_ids(label_reader *reader)
{
    size_t count = reader->labels.count, duplicate_count = 0;
    if (count == 0)
        return HPAC_OK;
    id_place *places = calloc(count, sizeof *places);
    if (!places)
        return hpac_fail_memory(count * sizeof *places);
    for (size_t i = 0; i < count; i++)
        places[i] = (id_place){reader->labels.ids[i], reader->lines[i]};
    qsort(places, count, sizeof *places, compare_places);
    for (size_t i = 1; i < count; i++)
        if (*places[i].id && strcmp(places[i].id, places[i - 1].id) == 0)
            places[duplicate_count++] = places[i]; /* duplicate_count < i: already read */
    qsort(places, duplicate_count, sizeof *places, compare_lines);
    for (size_t i = 0; i < duplicate_count; i++)
        hpac_problems_add(&reader->problems, "%s:%zu: duplicate Id \"" SHOWN "\"", reader->path,
                          places[i].line, SHOWN_TEXT(places[i].id));
    free(places);
    return HPAC_OK;
}

static hpac_status check_all(label_reader *reader)
{
    HPAC_TRY(find_duplicate_ids(reader));
    if (!reader->header_read)
        return hpac_fail(HPAC_ERR_DATA, "%s: empty file, expected a header with %s", reader->path,
                         reader->with_targets ? "Id,Target" : "Id");
    if (reader->labels.count == 0 && reader->problems.count == 0)
        return hpac_fail(HPAC_ERR_DATA, "%s: header without rows", reader->path);
    return hpac_problems_finish(&reader->problems, HPAC_ERR_DATA, "%s", reader->path);
}

static hpac_status read_labels(const char *path, bool with_targets, hpac_labels *labels)
{
    *labels = (hpac_labels){0};
    label_reader reader = {.path = path, .with_targets = with_targets};
    hpac_status status = hpac_csv_read(path, on_row, &reader);
    if (status == HPAC_OK)
        status = check_all(&reader);
    free(reader.lines);
    free(reader.problems.text);
    if (status != HPAC_OK) {
        hpac_labels_fini(&reader.labels);
        return status;
    }
    if (!with_targets) {
        free(reader.labels.masks);
        reader.labels.masks = NULL;
    }
    *labels = reader.labels;
    return HPAC_OK;
}

hpac_status hpac_labels_read_csv(const char *path, hpac_labels *labels)
{
    return read_labels(path, true, labels);
}

hpac_status hpac_ids_read_csv(const char *path, hpac_labels *labels)
{
    return read_labels(path, false, labels);
}

void hpac_labels_fini(hpac_labels *labels)
{
    for (size_t i = 0; i < labels->count; i++)
        free(labels->ids[i]);
    free(labels->ids);
    free(labels->masks);
    *labels = (hpac_labels){0};
}
