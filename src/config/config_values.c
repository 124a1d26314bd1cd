/* The types of single values: whole numbers, numbers, choices, texts, pairs. */
#include "config_schema.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const hpac_key_booleans[] = {"false", "true", NULL};

static const void *place_of(const hpac_key *key, const void *record)
{
    return (const char *)record + key->offset;
}

/* Enums are int-sized with gcc and clang; bools are a byte. */
static void store(const hpac_key *key, void *record, uint64_t value)
{
    unsigned char *place = (unsigned char *)record + key->offset;
    uint32_t word = (uint32_t)value;
    uint8_t byte = (uint8_t)value;
    if (key->nbytes == sizeof value)
        memcpy(place, &value, sizeof value);
    else if (key->nbytes == sizeof word)
        memcpy(place, &word, sizeof word);
    else if (key->nbytes == sizeof byte)
        memcpy(place, &byte, sizeof byte);
}

static uint64_t fetch(const hpac_key *key, const void *record)
{
    uint64_t value = 0;
    uint32_t word = 0;
    uint8_t byte = 0;
    const void *place = place_of(key, record);
    if (key->nbytes == sizeof word) {
        memcpy(&word, place, sizeof word);
        value = word;
    } else if (key->nbytes == sizeof byte) {
        memcpy(&byte, place, sizeof byte);
        value = byte;
    } else if (key->nbytes == sizeof value) {
        memcpy(&value, place, sizeof value);
    }
    return value;
}

static bool is_word(const hpac_yaml_node *node, const char *word)
{
    return word && node->kind == HPAC_YAML_SCALAR && strcmp(node->text, word) == 0;
}

/* Digits of a decimal number from `text` on. */
static size_t digits(const char *text)
{
    return strspn(text, "0123456789");
}

bool hpac_scan_whole(const hpac_yaml_node *node, uint64_t *value)
{
    if (node->kind != HPAC_YAML_SCALAR || !node->plain)
        return false;
    const char *text = node->text + (node->text[0] == '+');
    if (digits(text) == 0 || text[digits(text)] != '\0')
        return false;
    errno = 0;
    *value = strtoull(text, NULL, 10);
    return errno == 0;
}

bool hpac_scan_number(const hpac_yaml_node *node, float *value)
{
    if (node->kind != HPAC_YAML_SCALAR || !node->plain)
        return false;
    const char *c = node->text + strspn(node->text, "+-");
    if (c - node->text > 1)
        return false;
    size_t before = digits(c);
    c += before;
    size_t after = *c == '.' ? digits(c + 1) : 0;
    c += *c == '.' ? 1 + after : 0;
    if (before + after == 0)
        return false;
    if (*c == 'e' || *c == 'E') {
        c += 1 + (c[1] == '+' || c[1] == '-');
        if (digits(c) == 0)
            return false;
        c += digits(c);
    }
    if (*c != '\0')
        return false;
    *value = strtof(node->text, NULL);
    return isfinite(*value);
}

static void read_whole(hpac_reader *reader, const hpac_key *key, const char *path,
                       const hpac_yaml_node *node, void *record)
{
    uint64_t value;
    if (is_word(node, key->word))
        store(key, record, (uint64_t)(int64_t)key->word_value);
    else if (hpac_scan_whole(node, &value) && value >= key->least && value <= key->most)
        store(key, record, value);
    else
        hpac_reader_expected(reader, key, path, node);
}

static void write_whole(const hpac_key *key, const void *record, FILE *stream)
{
    uint64_t value = fetch(key, record);
    if (key->word && value == (uint32_t)key->word_value)
        fputs(key->word, stream);
    else
        fprintf(stream, "%llu", (unsigned long long)value);
}

static void describe_whole(const hpac_key *key, FILE *stream)
{
    if (key->word)
        fprintf(stream, "%s or ", key->word);
    fprintf(stream, "a whole number in %llu..%llu", (unsigned long long)key->least,
            (unsigned long long)key->most);
}

const hpac_key_type hpac_key_whole = {read_whole, write_whole, describe_whole};

static bool in_range(float value, hpac_range range)
{
    switch (range) {
    case HPAC_RANGE_POSITIVE:
        return value > 0.0f;
    case HPAC_RANGE_NOT_NEGATIVE:
        return value >= 0.0f;
    case HPAC_RANGE_SHARE:
        return value >= 0.0f && value < 1.0f;
    }
    return false;
}

static void read_number(hpac_reader *reader, const hpac_key *key, const char *path,
                        const hpac_yaml_node *node, void *record)
{
    float value;
    if (hpac_scan_number(node, &value) && in_range(value, key->range))
        memcpy((char *)record + key->offset, &value, sizeof value);
    else
        hpac_reader_expected(reader, key, path, node);
}

void hpac_write_number(float value, FILE *stream)
{
    char text[32];
    for (int digits_kept = 6; digits_kept <= 9; digits_kept++) {
        snprintf(text, sizeof text, "%.*g", digits_kept, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    fputs(text, stream);
}

static void write_number(const hpac_key *key, const void *record, FILE *stream)
{
    float value;
    memcpy(&value, place_of(key, record), sizeof value);
    hpac_write_number(value, stream);
}

static void describe_number(const hpac_key *key, FILE *stream)
{
    static const char *const ranges[] = {
        [HPAC_RANGE_POSITIVE] = "a number above 0",
        [HPAC_RANGE_NOT_NEGATIVE] = "a number, 0 or more",
        [HPAC_RANGE_SHARE] = "a number from 0 to below 1",
    };
    fputs(ranges[key->range], stream);
}

const hpac_key_type hpac_key_number = {read_number, write_number, describe_number};

static void read_choice(hpac_reader *reader, const hpac_key *key, const char *path,
                        const hpac_yaml_node *node, void *record)
{
    /* "true" in quotes is a text, not a truth. */
    bool quoted = !node->plain && key->choices == hpac_key_booleans;
    for (unsigned i = 0; key->choices[i] && !quoted; i++)
        if (is_word(node, key->choices[i])) {
            store(key, record, i);
            return;
        }
    hpac_reader_expected(reader, key, path, node);
}

static void write_choice(const hpac_key *key, const void *record, FILE *stream)
{
    fputs(key->choices[fetch(key, record)], stream);
}

static void describe_choice(const hpac_key *key, FILE *stream)
{
    for (int i = 0; key->choices[i]; i++)
        fprintf(stream, "%s%s", i == 0 ? "" : key->choices[i + 1] ? ", " : " or ", key->choices[i]);
}

const hpac_key_type hpac_key_choice = {read_choice, write_choice, describe_choice};

static void read_text(hpac_reader *reader, const hpac_key *key, const char *path,
                      const hpac_yaml_node *node, void *record)
{
    if (node->kind != HPAC_YAML_SCALAR || node->text[0] == '\0' || hpac_yaml_is_null(node)) {
        hpac_reader_expected(reader, key, path, node);
        return;
    }
    char **place = (void *)((char *)record + key->offset);
    *place = strdup(node->text);
    if (!*place)
        reader->status = hpac_fail_memory(strlen(node->text) + 1);
}

/* Whether a text may stand without quotes: only characters that mean nothing in YAML anywhere. */
static bool is_plain(const char *text)
{
    static const char first[] = "_/abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char others[] = "_/abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "0123456789.+- ";
    size_t length = strlen(text);
    const hpac_yaml_node node = {.kind = HPAC_YAML_SCALAR, .plain = true, .text = text};
    return length > 0 && (strchr(first, text[0]) || strncmp(text, "../", 3) == 0) &&
           strspn(text, others) == length && text[length - 1] != ' ' && !hpac_yaml_is_null(&node);
}

void hpac_write_text(const char *text, FILE *stream)
{
    if (is_plain(text)) {
        fputs(text, stream);
        return;
    }
    const char *end = text + strlen(text);
    fputc('"', stream);
    while (text < end) {
        const char *from = text;
        long point = hpac_utf8_next(&text, end);
        if (point == '"' || point == '\\')
            fprintf(stream, "\\%c", (int)point);
        else if (point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x2028 ||
                 point == 0x2029 || point == 0xfeff || point == 0xfffe || point == 0xffff)
            fprintf(stream, "\\u%04lx", (unsigned long)point);
        else
            fwrite(from, 1, (size_t)(text - from), stream);
    }
    fputc('"', stream);
}

static void write_text(const hpac_key *key, const void *record, FILE *stream)
{
    char *text;
    memcpy(&text, place_of(key, record), sizeof text);
    if (text)
        hpac_write_text(text, stream);
}

static void describe_text(const hpac_key *key, FILE *stream)
{
    (void)key;
    fputs("text", stream);
}

const hpac_key_type hpac_key_text = {read_text, write_text, describe_text};

static void read_pair(hpac_reader *reader, const hpac_key *key, const char *path,
                      const hpac_yaml_node *node, void *record)
{
    bool list = node->kind == HPAC_YAML_LIST;
    size_t pair[2];
    for (int i = 0; i < 2; i++) {
        uint64_t value;
        if ((list && node->count != 2) ||
            !hpac_scan_whole(list ? node->items[i].value : node, &value) || value < key->least ||
            value > key->most) {
            hpac_reader_expected(reader, key, path, node);
            return;
        }
        pair[i] = (size_t)value;
    }
    memcpy((char *)record + key->offset, pair, sizeof pair);
}

static void write_pair(const hpac_key *key, const void *record, FILE *stream)
{
    size_t pair[2];
    memcpy(pair, place_of(key, record), sizeof pair);
    if (pair[0] == pair[1])
        fprintf(stream, "%zu", pair[0]);
    else
        fprintf(stream, "[%zu, %zu]", pair[0], pair[1]);
}

static void describe_pair(const hpac_key *key, FILE *stream)
{
    describe_whole(key, stream);
    fputs(", or two of them as [rows, cols]", stream);
}

const hpac_key_type hpac_key_pair = {read_pair, write_pair, describe_pair};
