/* train.layers: how layers are trained whose names match a pattern. */
#include "config_schema.h"

#include <string.h>

static const hpac_key rule_keys[] = {
    {"match", &hpac_key_pattern, .offset = offsetof(hpac_layer_rule, match),
     .nbytes = sizeof((hpac_layer_rule *)0)->match, .required = true, .example = "\"conv2d*\"",
     .help = "A pattern of layer names, as of a shell: * is any characters, ? one of them."},
    {"trainable", &hpac_key_choice, .offset = offsetof(hpac_layer_rule, trainable),
     .nbytes = sizeof(bool), .choices = hpac_key_booleans, .fallback = "true", .example = "false",
     .help = "false: the weights stay as they are."},
    {"learning_rate_factor", &hpac_key_number,
     .offset = offsetof(hpac_layer_rule, learning_rate_factor), .nbytes = sizeof(float),
     .range = HPAC_RANGE_POSITIVE, .fallback = "1", .example = "10",
     .help = "What the learning rate of the layers is multiplied by."},
};
static const hpac_key_table rule_table = {rule_keys, sizeof rule_keys / sizeof *rule_keys};

static void read_rules(hpac_reader *reader, const hpac_key *key, const char *path,
                       const hpac_yaml_node *node, void *record)
{
    hpac_config_train *train = &((hpac_config *)record)->train;
    train->layer_rule_count = 0;
    if (hpac_yaml_is_word(node, "none"))
        return;
    if (node->kind != HPAC_YAML_LIST || node->count == 0 || node->count > HPAC_MAX_LAYER_RULES) {
        hpac_reader_refuse_value(reader, key, path, node);
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        const hpac_yaml_node *item = node->items[i].value;
        char prefix[64];
        snprintf(prefix, sizeof prefix, "%.32s.%zu.", path, i + 1);
        if (item->kind != HPAC_YAML_MAP) {
            hpac_reader_expected(reader, path, item,
                                 "a rule such as {match: \"conv2d*\", trainable: false}");
            continue;
        }
        hpac_keys keys = {reader, &rule_table, prefix, .record = &train->layers[i]};
        hpac_keys_read(&keys, item);
        if (!train->layers[i].trainable && keys.nodes[2])
            hpac_reader_refuse(reader, path, keys.nodes[2],
                               "learning_rate_factor has no effect with trainable: false");
    }
    train->layer_rule_count = node->count;
}

static void write_rules(const hpac_key *key, const void *record, FILE *stream)
{
    (void)key;
    const hpac_config_train *train = &((const hpac_config *)record)->train;
    if (train->layer_rule_count == 0)
        fputs("none", stream);
    for (size_t i = 0; i < train->layer_rule_count && i < HPAC_MAX_LAYER_RULES; i++) {
        const hpac_layer_rule *rule = &train->layers[i];
        fputs(i == 0 ? "[{match: " : ", {match: ", stream);
        rule_keys[0].type->write(&rule_keys[0], rule, stream);
        size_t other = rule->trainable ? 2 : 1;
        fprintf(stream, ", %s: ", rule_keys[other].path);
        rule_keys[other].type->write(&rule_keys[other], rule, stream);
        fputc('}', stream);
    }
    if (train->layer_rule_count > 0)
        fputc(']', stream);
}

const hpac_key_type hpac_key_rules = {
    read_rules, write_rules, NULL,
    "none or a list of up to 32 rules {match: PATTERN, trainable: false} or {match: PATTERN, "
    "learning_rate_factor: NUMBER}"};

void hpac_rules_print_reference(FILE *stream)
{
    hpac_keys_print_reference(&rule_table, "", "train.layers.N.", stream);
}

void hpac_rules_visit(void (*visit)(void *user, const hpac_config_key_note *note), void *user)
{
    hpac_keys_visit(&rule_table, "train.layers.N.", visit, user);
}
