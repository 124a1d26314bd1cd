/* The types of lists: classes, channels and positive weights. */
#include "config_schema.h"

#include <string.h>

/* ---- lists of names ---- */

/* The choice a node names, or -1 and a problem. */
static int read_item(hpac_reader *reader, const hpac_key *key, const char *path,
                     const hpac_yaml_node *node)
{
    char shown[HPAC_SHOWN_NBYTES];
    uint64_t number;
    hpac_nearest nearest = hpac_nearest_to(node->text);
    for (int i = 0; i < (int)key->max; i++) {
        if (hpac_yaml_is_word(node, key->choices[i]))
            return i;
        hpac_nearest_offer(&nearest, key->choices[i]);
    }
    if (key->word && hpac_scan_integer(node, &number) && number < key->max)
        return (int)number;
    hpac_yaml_show(node, shown);
    if (*nearest.best)
        hpac_reader_refuse(reader, path, node, "unknown %s %s; did you mean \"%s\"?", key->noun,
                           shown, nearest.best);
    else if (key->word)
        hpac_reader_refuse(reader, path, node,
                           "unknown %s %s; expected one of the %d names or an integer in [0, %d]",
                           key->noun, shown, (int)key->max, (int)key->max - 1);
    else
        hpac_reader_refuse(reader, path, node, "unknown %s %s; expected %s, %s, %s or %s",
                           key->noun, shown, key->choices[0], key->choices[1], key->choices[2],
                           key->choices[3]);
    return -1;
}

static void read_list(hpac_reader *reader, const hpac_key *key, const char *path,
                      const hpac_yaml_node *node, void *record)
{
    int *items = (void *)((char *)record + key->offset);
    size_t *count = (void *)((char *)record + key->count_offset);
    uint64_t first = 0, given = 0;
    if (hpac_yaml_is_word(node, key->word))
        first = key->max;
    else if (!key->word && hpac_scan_integer(node, &first) && first > key->max)
        first = 0;
    for (*count = 0; *count < first; ++*count)
        items[*count] = (int)*count;
    if (first > 0)
        return;
    if (node->kind != HPAC_YAML_LIST || node->count == 0) {
        hpac_reader_refuse_value(reader, key, path, node);
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        const hpac_yaml_node *item = node->items[i].value;
        int choice = read_item(reader, key, path, item);
        if (choice < 0)
            continue;
        if (given >> choice & 1)
            hpac_reader_refuse(reader, path, item, "duplicate %s \"%s\"", key->noun,
                               key->choices[choice]);
        else
            items[(*count)++] = choice;
        given |= UINT64_C(1) << choice;
    }
}

/* The first ones in their own order are written as their number, as before lists of channels were
 * read. */
static void write_list(const hpac_key *key, const void *record, FILE *stream)
{
    const int *items = (const void *)((const char *)record + key->offset);
    size_t count, first = 0;
    memcpy(&count, (const char *)record + key->count_offset, sizeof count);
    while (first < count && items[first] == (int)first)
        first++;
    if (first == count && !key->word) {
        fprintf(stream, "%zu", count);
        return;
    }
    if (first == key->max) {
        fputs(key->word, stream);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        fputs(i == 0 ? "[" : ", ", stream);
        hpac_write_scalar(key->choices[items[i]], false, stream);
    }
    fputc(']', stream);
}

static void describe_list(const hpac_key *key, FILE *stream)
{
    if (key->word)
        fprintf(stream, "%s or a list of %s names or integers in [0, %d]", key->word, key->noun,
                (int)key->max - 1);
    else
        fprintf(stream, "an integer in [1, %d] or a list of %s names", (int)key->max, key->noun);
}

const hpac_key_type hpac_key_list = {read_list, write_list, describe_list};

/* ---- positive weights ---- */

static const hpac_key weight = {.type = &hpac_key_number, .range = HPAC_RANGE_POSITIVE};

static void read_weights(hpac_reader *reader, const hpac_key *key, const char *path,
                         const hpac_yaml_node *node, void *record)
{
    hpac_config_train *train = &((hpac_config *)record)->train;
    if (hpac_yaml_is_word(node, "none")) {
        train->weighting = HPAC_WEIGHTING_NONE;
    } else if (hpac_yaml_is_word(node, "balanced")) {
        train->weighting = HPAC_WEIGHTING_BALANCED;
    } else if (node->kind == HPAC_YAML_LIST && node->count > 0 && node->count <= HPAC_CLASS_COUNT) {
        train->weighting = HPAC_WEIGHTING_LIST;
        for (size_t i = 0; i < node->count; i++)
            weight.type->read(reader, &weight, path, node->items[i].value,
                              &train->positive_weights[i]);
    } else {
        hpac_reader_refuse_value(reader, key, path, node);
    }
}

static void write_weights(const hpac_key *key, const void *record, FILE *stream)
{
    (void)key;
    const hpac_config *config = record;
    const hpac_config_train *train = &config->train;
    if (train->weighting != HPAC_WEIGHTING_LIST) {
        fputs(train->weighting == HPAC_WEIGHTING_BALANCED ? "balanced" : "none", stream);
        return;
    }
    for (size_t i = 0; i < config->data.target_count; i++) {
        fputs(i == 0 ? "[" : ", ", stream);
        weight.type->write(&weight, &train->positive_weights[i], stream);
    }
    fputc(']', stream);
}

static void describe_weights(const hpac_key *key, FILE *stream)
{
    (void)key;
    fputs("none, balanced or a list of numbers > 0, one per target", stream);
}

const hpac_key_type hpac_key_weights = {read_weights, write_weights, describe_weights};
