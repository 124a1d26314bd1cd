/* The types that need the configuration as a whole: targets and positive weights. */
#include "config_schema.h"

#include <stdlib.h>
#include <string.h>

static const hpac_key positive_weight = {.type = &hpac_key_number, .range = HPAC_RANGE_POSITIVE};

/* The class a node names or numbers, or -1 and a problem. */
static int read_class(hpac_reader *reader, const char *path, const hpac_yaml_node *node)
{
    char shown[HPAC_SHOWN_NBYTES];
    uint64_t number;
    hpac_yaml_show(node, shown);
    if (node->kind != HPAC_YAML_SCALAR || hpac_yaml_is_null(node)) {
        hpac_reader_refuse(reader, path, node, "expected the name or number of a class, not %s",
                           shown);
        return -1;
    }
    int found = hpac_class_find(node->text);
    if (found >= 0)
        return found;
    if (hpac_scan_whole(node, &number) && number < HPAC_CLASS_COUNT)
        return (int)number;
    const char *nearest = hpac_class_nearest(node->text);
    if (nearest)
        hpac_reader_refuse(reader, path, node, "no class is called %s; did you mean \"%s\"?", shown,
                           nearest);
    else
        hpac_reader_refuse(reader, path, node,
                           "no class is called %s; expected one of the 28 names, or 0..%d", shown,
                           HPAC_CLASS_COUNT - 1);
    return -1;
}

static void read_targets(hpac_reader *reader, const hpac_key *key, const char *path,
                         const hpac_yaml_node *node, void *record)
{
    hpac_config_data *data = &((hpac_config *)record)->data;
    data->target_count = 0;
    if (node->kind == HPAC_YAML_SCALAR && strcmp(node->text, "all") == 0) {
        while (data->target_count < HPAC_CLASS_COUNT) {
            data->targets[data->target_count] = (int)data->target_count;
            data->target_count++;
        }
        return;
    }
    if (node->kind != HPAC_YAML_LIST || node->count == 0) {
        hpac_reader_expected(reader, key, path, node);
        return;
    }
    uint32_t given = 0;
    for (int i = 0; i < node->count; i++) {
        int class = read_class(reader, path, node->items[i].value);
        if (class < 0)
            continue;
        if (given >> class & 1)
            hpac_reader_refuse(reader, path, node->items[i].value, "\"%s\" stands twice",
                               hpac_class_names[class]);
        else
            data->targets[data->target_count++] = class;
        given |= UINT32_C(1) << class;
    }
}

static void write_targets(const hpac_key *key, const void *record, FILE *stream)
{
    (void)key;
    const hpac_config_data *data = &((const hpac_config *)record)->data;
    bool all = data->target_count == HPAC_CLASS_COUNT;
    for (size_t i = 0; i < data->target_count; i++)
        all = all && data->targets[i] == (int)i;
    if (all) {
        fputs("all", stream);
        return;
    }
    for (size_t i = 0; i < data->target_count; i++) {
        fputs(i == 0 ? "[" : ", ", stream);
        hpac_write_text(hpac_class_names[data->targets[i]], stream);
    }
    fputc(']', stream);
}

static void describe_targets(const hpac_key *key, FILE *stream)
{
    (void)key;
    fprintf(stream, "all or a list of class names or numbers (0..%d)", HPAC_CLASS_COUNT - 1);
}

const hpac_key_type hpac_key_targets = {read_targets, write_targets, describe_targets};

/* The channel a node names, or -1 and a problem. */
static int read_channel(hpac_reader *reader, const char *path, const hpac_yaml_node *node)
{
    const char *text = node->kind == HPAC_YAML_SCALAR ? node->text : "";
    hpac_nearest nearest = hpac_nearest_to(text);
    for (int i = 0; i < HPAC_MAX_CHANNELS; i++) {
        if (strcmp(text, hpac_channel_names[i]) == 0)
            return i;
        hpac_nearest_offer(&nearest, hpac_channel_names[i]);
    }
    char shown[HPAC_SHOWN_NBYTES];
    hpac_yaml_show(node, shown);
    if (*nearest.best)
        hpac_reader_refuse(reader, path, node, "unknown channel %s; did you mean %s?", shown,
                           nearest.best);
    else
        hpac_reader_refuse(reader, path, node,
                           "unknown channel %s; expected green, blue, red or yellow", shown);
    return -1;
}

static void read_channels(hpac_reader *reader, const hpac_key *key, const char *path,
                          const hpac_yaml_node *node, void *record)
{
    hpac_config_data *data = &((hpac_config *)record)->data;
    uint64_t number;
    data->channels = 0;
    if (hpac_scan_whole(node, &number) && number >= 1 && number <= HPAC_MAX_CHANNELS) {
        for (; data->channels < number; data->channels++)
            data->channel_order[data->channels] = (int)data->channels;
        return;
    }
    if (node->kind != HPAC_YAML_LIST || node->count == 0) {
        hpac_reader_expected(reader, key, path, node);
        return;
    }
    bool given[HPAC_MAX_CHANNELS] = {0};
    for (int i = 0; i < node->count; i++) {
        const hpac_yaml_node *item = node->items[i].value;
        int channel = read_channel(reader, path, item);
        if (channel < 0)
            continue;
        if (given[channel])
            hpac_reader_refuse(reader, path, item, "duplicate channel %s",
                               hpac_channel_names[channel]);
        else
            data->channel_order[data->channels++] = channel;
        given[channel] = true;
    }
}

/* The first ones in their own order are written as their number, as before there were lists. */
static void write_channels(const hpac_key *key, const void *record, FILE *stream)
{
    (void)key;
    const hpac_config_data *data = &((const hpac_config *)record)->data;
    bool first = true;
    for (size_t i = 0; i < data->channels; i++)
        first = first && data->channel_order[i] == (int)i;
    if (first) {
        fprintf(stream, "%zu", data->channels);
        return;
    }
    for (size_t i = 0; i < data->channels; i++)
        fprintf(stream, "%s%s", i == 0 ? "[" : ", ", hpac_channel_names[data->channel_order[i]]);
    fputc(']', stream);
}

static void describe_channels(const hpac_key *key, FILE *stream)
{
    (void)key;
    fprintf(stream, "an integer in [1, %d] or a list of channel names", HPAC_MAX_CHANNELS);
}

const hpac_key_type hpac_key_channels = {read_channels, write_channels, describe_channels};

static void read_weights(hpac_reader *reader, const hpac_key *key, const char *path,
                         const hpac_yaml_node *node, void *record)
{
    hpac_config_train *train = &((hpac_config *)record)->train;
    bool scalar = node->kind == HPAC_YAML_SCALAR;
    if (scalar && strcmp(node->text, "none") == 0) {
        train->weighting = HPAC_WEIGHTING_NONE;
    } else if (scalar && strcmp(node->text, "balanced") == 0) {
        train->weighting = HPAC_WEIGHTING_BALANCED;
    } else if (node->kind == HPAC_YAML_LIST && node->count > 0 && node->count <= HPAC_CLASS_COUNT) {
        train->weighting = HPAC_WEIGHTING_LIST;
        for (int i = 0; i < node->count; i++)
            positive_weight.type->read(reader, &positive_weight, path, node->items[i].value,
                                       &train->positive_weights[i]);
    } else {
        hpac_reader_expected(reader, key, path, node);
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
        hpac_write_number(train->positive_weights[i], stream);
    }
    fputc(']', stream);
}

static void describe_weights(const hpac_key *key, FILE *stream)
{
    (void)key;
    fputs("none, balanced or a list of numbers above 0, one a target", stream);
}

const hpac_key_type hpac_key_weights = {read_weights, write_weights, describe_weights};
