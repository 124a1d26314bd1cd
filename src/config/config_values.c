/* The types of keys: how their values are read, written and described. */
#include "config_schema.h"

#include "base/printable.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const hpac_key_booleans[] = {"false", "true", NULL};
const char *const hpac_key_negations[] = {"true", "false", NULL};

bool hpac_key_is_boolean(const hpac_key *key)
{
    return key->choices == hpac_key_booleans || key->choices == hpac_key_negations;
}

/* ---- integers, and what is stored like them ---- */

/* Enums are int-sized with gcc and clang; bools are a byte. Little-endian, as all of x86-64. */
static void store(const hpac_key *key, void *record, const void *value)
{
    memcpy((char *)record + key->offset, value, key->nbytes);
}

static const void *stored(const hpac_key *key, const void *record)
{
    return (const char *)record + key->offset;
}

static uint64_t fetch(const hpac_key *key, const void *record)
{
    uint64_t value = 0;
    memcpy(&value, stored(key, record), key->nbytes);
    return value;
}

/* A decimal integer of 64 bits and nothing else. */
bool hpac_key_scan_integer(const hpac_yaml_node *node, uint64_t *value)
{
    const char *digits = node->text + (*node->text == '+');
    if (node->kind != HPAC_YAML_SCALAR || !node->plain || !*digits ||
        digits[strspn(digits, "0123456789")])
        return false;
    errno = 0;
    *value = strtoull(digits, NULL, 10);
    return errno == 0;
}

static void read_integer(hpac_reader *reader, const hpac_key *key, const char *path,
                         const hpac_yaml_node *node, void *record)
{
    bool list = key->pair && node->kind == HPAC_YAML_LIST && node->count == 2;
    uint64_t values[2] = {(uint64_t)(int64_t)key->word_value};
    for (int i = 0; i < 2 && !hpac_yaml_is_word(node, key->word); i++)
        if (!hpac_key_scan_integer(list ? node->items[i].value : node, &values[i]) ||
            values[i] < key->min || values[i] > key->max) {
            hpac_reader_refuse_value(reader, key, path, node);
            return;
        }
    store(key, record, values);
}

static void write_integer(const hpac_key *key, const void *record, FILE *stream)
{
    if (key->pair) {
        const size_t *pair = stored(key, record);
        fprintf(stream, pair[0] == pair[1] ? "%zu" : "[%zu, %zu]", pair[0], pair[1]);
        return;
    }
    uint64_t value = fetch(key, record);
    if (key->word && (int)value == key->word_value)
        fputs(key->word, stream);
    else if (key->nbytes == sizeof(int) &&
             key->max <= INT_MAX) /* a negative one is shown as such */
        fprintf(stream, "%d", (int)value);
    else
        fprintf(stream, "%llu", (unsigned long long)value);
}

static void describe_integer(const hpac_key *key, FILE *stream)
{
    fprintf(stream, "%s%san integer in [%llu, %llu]%s", key->word ? key->word : "",
            key->word ? " or " : "", (unsigned long long)key->min, (unsigned long long)key->max,
            key->pair ? ", or two of them as [rows, cols]" : "");
}

const hpac_key_type hpac_key_integer = {read_integer, write_integer, describe_integer, NULL};

static void read_number(hpac_reader *reader, const hpac_key *key, const char *path,
                        const hpac_yaml_node *node, void *record)
{
    char *end = NULL;
    float value = strtof(node->text, &end);
    bool decimal = node->kind == HPAC_YAML_SCALAR && node->plain && end != node->text && !*end &&
                   !node->text[strspn(node->text, "+-.0123456789eE")];
    if (decimal && isfinite(value) && (key->range == HPAC_RANGE_ANY || value >= 0.0f) &&
        (key->range != HPAC_RANGE_POSITIVE || value > 0.0f) &&
        (key->range != HPAC_RANGE_FRACTION || value < 1.0f))
        store(key, record, &value);
    else
        hpac_reader_refuse_value(reader, key, path, node);
}

/* The shortest decimal that reads back to the same float. */
static void write_number(const hpac_key *key, const void *record, FILE *stream)
{
    char text[32] = "";
    const float *value = stored(key, record);
    for (int digits = 1; digits <= 9 && strtof(text, NULL) != *value; digits++)
        snprintf(text, sizeof text, "%.*g", digits, (double)*value);
    fputs(*text ? text : "0", stream);
}

static void describe_number(const hpac_key *key, FILE *stream)
{
    static const char *const ranges[] = {
        [HPAC_RANGE_POSITIVE] = " > 0",
        [HPAC_RANGE_NOT_NEGATIVE] = " >= 0",
        [HPAC_RANGE_FRACTION] = " in [0, 1)",
        [HPAC_RANGE_ANY] = "",
    };
    fprintf(stream, "a number%s", ranges[key->range]);
}

const hpac_key_type hpac_key_number = {read_number, write_number, describe_number, NULL};

/* YAML 1.2 writes true, True and TRUE; in quotes they are texts. */
static bool is_boolean(const hpac_yaml_node *node, const char *word)
{
    return node->plain && node->kind == HPAC_YAML_SCALAR && strcasecmp(node->text, word) == 0 &&
           (strcmp(node->text + 1, word + 1) == 0 ||
            strspn(node->text, "TRUEFALS") == strlen(node->text));
}

static void read_choice(hpac_reader *reader, const hpac_key *key, const char *path,
                        const hpac_yaml_node *node, void *record)
{
    bool boolean = hpac_key_is_boolean(key);
    for (uint64_t i = 0; key->choices[i]; i++)
        if (boolean ? is_boolean(node, key->choices[i])
                    : hpac_yaml_is_word(node, key->choices[i])) {
            i += key->min;
            store(key, record, &i);
            return;
        }
    hpac_reader_refuse_value(reader, key, path, node);
}

/* A value that no configuration has, but a struct may: to be refused when it is read. */
static void write_unknown(long long value, FILE *stream)
{
    fprintf(stream, "%lld", value);
}

static void write_choice(const hpac_key *key, const void *record, FILE *stream)
{
    uint64_t value = fetch(key, record), count = 0;
    while (key->choices[count])
        count++;
    if (value >= key->min && value - key->min < count)
        fputs(key->choices[value - key->min], stream);
    else
        write_unknown((long long)value, stream);
}

static void describe_choice(const hpac_key *key, FILE *stream)
{
    for (int i = 0; key->choices[i]; i++)
        fprintf(stream, "%s%s", i == 0 ? "" : key->choices[i + 1] ? ", " : " or ", key->choices[i]);
}

const hpac_key_type hpac_key_choice = {read_choice, write_choice, describe_choice, NULL};

static void read_path(hpac_reader *reader, const hpac_key *key, const char *path,
                      const hpac_yaml_node *node, void *record)
{
    char *text = NULL;
    if (node->kind != HPAC_YAML_SCALAR || !*node->text || hpac_yaml_is_null(node))
        hpac_reader_refuse_value(reader, key, path, node);
    else
        text = hpac_reader_path(reader, path, node);
    store(key, record, &text);
}

#define LETTERS "_/abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* Whether a text may be written without quotes: only characters that mean nothing in YAML. */
static bool is_plain(const char *text)
{
    size_t length = strlen(text);
    const hpac_yaml_node node = {.plain = true, .text = text};
    return (strchr(LETTERS, text[0]) || strncmp(text, "../", 3) == 0) &&
           strspn(text, LETTERS "0123456789.+- ") == length && text[length - 1] != ' ' &&
           !hpac_yaml_is_null(&node) && strcasecmp(text, "none") != 0;
}

/* A YAML scalar, in quotes where it must be, so that it is not expanded again: ./~ is the same as
 * ~, and $$ is a $. */
static void write_scalar(const char *text, FILE *stream)
{
    if (is_plain(text)) {
        fputs(text, stream);
        return;
    }
    bool home = text[0] == '~' && (text[1] == '/' || text[1] == '\0');
    fputs(home ? "\"./" : "\"", stream);
    for (size_t nbytes; *text; text += nbytes) {
        uint32_t code;
        nbytes = hpac_utf8_decode(text, &code);
        if (nbytes == 0) { /* not UTF-8: no reader would take it */
            code = 0xfffd;
            nbytes = 1;
        }
        if (code == '"' || code == '\\')
            fprintf(stream, "\\%c", (int)code);
        else if (code == '$')
            fputs("$$", stream);
        else if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029 ||
                 code == 0xfeff || code == 0xfffe || code == 0xffff)
            fprintf(stream, "\\u%04lx", (unsigned long)code);
        else
            fwrite(text, 1, nbytes, stream);
    }
    fputc('"', stream);
}

static void write_path(const hpac_key *key, const void *record, FILE *stream)
{
    const char *const *text = stored(key, record);
    if (*text)
        write_scalar(*text, stream);
}

static void read_pattern(hpac_reader *reader, const hpac_key *key, const char *path,
                         const hpac_yaml_node *node, void *record)
{
    char text[256] = "";
    if (node->kind != HPAC_YAML_SCALAR || !*node->text || strlen(node->text) >= key->nbytes ||
        key->nbytes > sizeof text) {
        hpac_reader_refuse_value(reader, key, path, node);
        return;
    }
    memcpy(text, node->text, strlen(node->text));
    store(key, record, text);
}

static void write_pattern(const hpac_key *key, const void *record, FILE *stream)
{
    write_scalar(stored(key, record), stream);
}

static void describe_pattern(const hpac_key *key, FILE *stream)
{
    fprintf(stream, "a pattern of up to %zu characters", key->nbytes - 1);
}

const hpac_key_type hpac_key_pattern = {read_pattern, write_pattern, describe_pattern, NULL};

const hpac_key_type hpac_key_path = {read_path, write_path, NULL, "a path"};

/* The choice a node names, or -1 and a problem. */
static int read_item(hpac_reader *reader, const hpac_key *key, const char *path,
                     const hpac_yaml_node *node)
{
    char shown[HPAC_SHOWN_NBYTES];
    uint64_t number;
    hpac_nearest nearest = hpac_nearest_to(node->text);
    for (int i = 0; i < (int)key->max; i++) {
        if (node->kind == HPAC_YAML_SCALAR && strcasecmp(node->text, key->choices[i]) == 0)
            return i;
        hpac_nearest_offer(&nearest, key->choices[i]);
    }
    if (key->word && hpac_key_scan_integer(node, &number) && number < key->max)
        return (int)number;
    hpac_yaml_show(node, shown);
    if (node->kind != HPAC_YAML_SCALAR)
        hpac_reader_refuse(reader, path, node, "expected a %s name%s, not %s", key->noun,
                           key->word ? " or its number" : "", shown);
    else if (*nearest.best)
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
    else if (key->word || !hpac_key_scan_integer(node, &first) || first > key->max)
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
    const int *items = stored(key, record);
    size_t count, first = 0;
    memcpy(&count, (const char *)record + key->count_offset, sizeof count);
    if (count == 0 && !key->fallback) /* not set */
        return;
    if (count > key->max) {
        write_unknown((long long)count, stream);
        return;
    }
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
    fputc('[', stream);
    for (size_t i = 0; i < count; i++) {
        fputs(i == 0 ? "" : ", ", stream);
        if (items[i] >= 0 && (uint64_t)items[i] < key->max)
            write_scalar(key->choices[items[i]], stream);
        else
            write_unknown(items[i], stream);
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

const hpac_key_type hpac_key_list = {read_list, write_list, describe_list, NULL};

static const char *const weightings[] = {
    [HPAC_WEIGHTING_NONE] = "none",
    [HPAC_WEIGHTING_BALANCED] = "balanced",
    [HPAC_WEIGHTING_LIST] = NULL,
};
static const hpac_key weight = {
    .type = &hpac_key_number, .nbytes = sizeof(float), .range = HPAC_RANGE_POSITIVE};

static void read_weights(hpac_reader *reader, const hpac_key *key, const char *path,
                         const hpac_yaml_node *node, void *record)
{
    hpac_config_train *train = &((hpac_config *)record)->train;
    train->weighting = HPAC_WEIGHTING_NONE;
    while (weightings[train->weighting] && !hpac_yaml_is_word(node, weightings[train->weighting]))
        train->weighting++;
    if (train->weighting != HPAC_WEIGHTING_LIST)
        return;
    if (node->kind != HPAC_YAML_LIST || node->count == 0 || node->count > HPAC_CLASS_COUNT) {
        hpac_reader_refuse_value(reader, key, path, node);
        return;
    }
    for (size_t i = 0; i < node->count; i++)
        read_number(reader, &weight, path, node->items[i].value, &train->positive_weights[i]);
}

static void write_weights(const hpac_key *key, const void *record, FILE *stream)
{
    (void)key;
    const hpac_config *config = record;
    const hpac_config_train *train = &config->train;
    if ((unsigned)train->weighting > HPAC_WEIGHTING_LIST) {
        write_unknown((long long)train->weighting, stream);
        return;
    }
    if (train->weighting != HPAC_WEIGHTING_LIST) {
        fputs(weightings[train->weighting], stream);
        return;
    }
    fputc('[', stream);
    for (size_t i = 0; i < config->data.target_count && i < HPAC_CLASS_COUNT; i++) {
        fputs(i == 0 ? "" : ", ", stream);
        write_number(&weight, &train->positive_weights[i], stream);
    }
    fputc(']', stream);
}

const hpac_key_type hpac_key_weights = {read_weights, write_weights, NULL,
                                        "none, balanced or a list of numbers > 0, one per target"};
