/* Label files: rows of an Id and its classes. All bad rows are reported at once. */
#include <hpac/labels.h>

#include "base/csv.h"
#include "base/memory.h"
#include "base/nearest.h"

#include <search.h>
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

const char *const hpac_channel_names[HPAC_MAX_CHANNELS] = {"green", "blue", "red", "yellow"};

int hpac_class_find(const char *name)
{
    for (int c = 0; name && c < HPAC_CLASS_COUNT; c++)
        if (strcasecmp(hpac_class_names[c], name) == 0)
            return c;
    return -1;
}

const char *hpac_class_nearest(const char *name)
{
    hpac_nearest nearest = hpac_nearest_to(name ? name : "");
    const char *best = NULL;
    for (int c = 0; c < HPAC_CLASS_COUNT; c++)
        if (hpac_nearest_offer(&nearest, hpac_class_names[c]))
            best = hpac_class_names[c];
    return best;
}

typedef struct label_reader {
    const char *path;
    bool with_targets;
    hpac_labels labels; /* the rows so far */
    size_t id_capacity, mask_capacity;
    void *known_ids; /* tsearch's tree of labels.ids */
    size_t header_count /* 0: not read yet */, id_column, target_column;
    hpac_problems problems;
} label_reader;

static void keep_id(void *id)
{
    (void)id; /* the labels own it */
}

static void reader_fini(label_reader *reader)
{
    tdestroy(reader->known_ids, keep_id);
    hpac_labels_fini(&reader->labels);
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
    reader->header_count = row->count;
    HPAC_TRY(find_column(reader, row, "Id", &reader->id_column));
    return reader->with_targets ? find_column(reader, row, "Target", &reader->target_column)
                                : HPAC_OK;
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Ids become names of files, so that empty ones, paths and duplicates are refused. */
static hpac_status add_id(label_reader *reader, size_t line, const char *id)
{
    hpac_labels *labels = &reader->labels;
    HPAC_TRY_GROW(labels->ids, labels->count, reader->id_capacity);
    char *copy, **known;
    HPAC_TRY_MEMORY(copy = strdup(id), strlen(id) + 1);
    labels->ids[labels->count++] = copy;
    HPAC_TRY_MEMORY(known = tsearch(copy, &reader->known_ids, compare_ids), sizeof *known);
    if (!*id)
        hpac_problems_add(&reader->problems, "%s:%zu: the Id is empty", reader->path, line);
    else if (strchr(id, '/'))
        hpac_problems_add(&reader->problems, "%s:%zu: Id \"" SHOWN "\" holds a '/'", reader->path,
                          line, SHOWN_TEXT(id));
    if (*id && *known != copy)
        hpac_problems_add(&reader->problems, "%s:%zu: duplicate Id \"" SHOWN "\"", reader->path,
                          line, SHOWN_TEXT(id));
    return HPAC_OK;
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
    if (reader->header_count == 0)
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
    if (reader->with_targets) {
        HPAC_TRY_GROW(reader->labels.masks, reader->labels.count, reader->mask_capacity);
        reader->labels.masks[reader->labels.count] =
            parse_target(reader, row->line, row->cells[reader->target_column]);
    }
    return add_id(reader, row->line, row->cells[reader->id_column]);
}

static hpac_status read_labels(const char *path, bool with_targets, hpac_labels *labels)
{
    HPAC_AUTO(reader_fini) label_reader reader = {.path = path, .with_targets = with_targets};
    HPAC_TRY(hpac_csv_read(path, on_row, &reader));
    if (reader.header_count == 0)
        return hpac_fail(HPAC_ERR_DATA, "%s: empty file, expected a header with %s", path,
                         with_targets ? "Id,Target" : "Id");
    HPAC_TRY(hpac_problems_finish(&reader.problems, HPAC_ERR_DATA, "%s", path));
    if (reader.labels.count == 0)
        return hpac_fail(HPAC_ERR_DATA, "%s: header without rows", path);
    *labels = reader.labels;
    reader.labels = (hpac_labels){0};
    return HPAC_OK;
}

hpac_status hpac_labels_read_csv(const char *path, hpac_labels *labels)
{
    HPAC_TRY_GIVEN(labels);
    *labels = (hpac_labels){0};
    HPAC_TRY_GIVEN(path);
    return read_labels(path, true, labels);
}

hpac_status hpac_ids_read_csv(const char *path, hpac_labels *labels)
{
    HPAC_TRY_GIVEN(labels);
    *labels = (hpac_labels){0};
    HPAC_TRY_GIVEN(path);
    return read_labels(path, false, labels);
}

void hpac_labels_fini(hpac_labels *labels)
{
    if (!labels)
        return;
    for (size_t i = 0; i < labels->count; i++)
        free(labels->ids[i]);
    free(labels->ids);
    free(labels->masks);
    *labels = (hpac_labels){0};
}
