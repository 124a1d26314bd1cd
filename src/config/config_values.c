/* The types of single values: integers, numbers, choices, texts, pairs. */
#include "config_schema.h"

#include "base/printable.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const hpac_key_booleans[] = {"false", "true", NULL};

/* ---- integers, and what is stored like them ---- */

/* Enums are int-sized with gcc and clang; bools are a byte. Little-endian, as all of x86-64. */
static void store(const hpac_key *key, void *record, uint64_t value)
{
    memcpy((char *)record + key->offset, &value, key->nbytes);
}

static uint64_t fetch(const hpac_key *key, const void *record)
{
    uint64_t value = 0;
    memcpy(&value, (const char *)record + key->offset, key->nbytes);
    return value;
}

static size_t count_digits(const char *text)
{
    return strspn(text, "0123456789");
}

bool hpac_scan_integer(const hpac_yaml_node *node, uint64_t *value)
{
    if (node->kind != HPAC_YAML_SCALAR || !node->plain)
        return false;
    const char *text = node->text + (node->text[0] == '+');
    if (count_digits(text) == 0 || text[count_digits(text)] != '\0')
        return false;
    errno = 0;
    *value = strtoull(text, NULL, 10);
    return errno == 0;
}

static bool scan_in_range(const hpac_key *key, const hpac_yaml_node *node, uint64_t *value)
{
    return hpac_scan_integer(node, value) && *value >= key->min && *value <= key->max;
}

static void read_integer(hpac_reader *reader, const hpac_key *key, const char *path,
                         const hpac_yaml_node *node, void *record)
{
    uint64_t value;
    if (hpac_yaml_is_word(node, key->word))
        store(key, record, (uint64_t)(int64_t)key->word_value);
    else if (scan_in_range(key, node, &value))
        store(key, record, value);
    else
        hpac_reader_refuse_value(reader, key, path, node);
}

static void write_integer(const hpac_key *key, const void *record, FILE *stream)
{
    uint64_t value = fetch(key, record);
    if (key->word && (uint32_t)value == (uint32_t)key->word_value)
        fputs(key->word, stream);
    else
        fprintf(stream, "%llu", (unsigned long long)value);
}

static void describe_integer(const hpac_key *key, FILE *stream)
{
    fprintf(stream, "%s%san integer in [%llu, %llu]", key->word ? key->word : "",
            key->word ? " or " : "", (unsigned long long)key->min, (unsigned long long)key->max);
}

const hpac_key_type hpac_key_integer = {read_integer, write_integer, describe_integer};

/* ---- numbers ---- */

static bool scan_number(const hpac_yaml_node *node, float *value)
{
    if (node->kind != HPAC_YAML_SCALAR || !node->plain)
        return false;
    const char *c = node->text + (*node->text == '+' || *node->text == '-');
    size_t before = count_digits(c);
    c += before;
    size_t after = *c == '.' ? count_digits(c + 1) : 0;
    c += *c == '.' ? 1 + after : 0;
    if (before + after == 0)
        return false;
    if (*c == 'e' || *c == 'E') {
        c += 1 + (c[1] == '+' || c[1] == '-');
        if (count_digits(c) == 0)
            return false;
        c += count_digits(c);
    }
    *value = strtof(node->text, NULL);
    return *c == '\0' && isfinite(*value);
}

static void read_number(hpac_reader *reader, const hpac_key *key, const char *path,
                        const hpac_yaml_node *node, void *record)
{
    float value;
    bool good = scan_number(node, &value) && value >= 0.0f &&
                (key->range != HPAC_RANGE_POSITIVE || value > 0.0f) &&
                (key->range != HPAC_RANGE_FRACTION || value < 1.0f);
    if (good)
        memcpy((char *)record + key->offset, &value, sizeof value);
    else
        hpac_reader_refuse_value(reader, key, path, node);
}

/* The shortest decimal that reads back to the same float. */
static void write_number(const hpac_key *key, const void *record, FILE *stream)
{
    float value;
    char text[32];
    memcpy(&value, (const char *)record + key->offset, sizeof value);
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    fputs(text, stream);
}

static void describe_number(const hpac_key *key, FILE *stream)
{
    static const char *const ranges[] = {
        [HPAC_RANGE_POSITIVE] = "> 0",
        [HPAC_RANGE_NOT_NEGATIVE] = ">= 0",
        [HPAC_RANGE_FRACTION] = "in [0, 1)",
    };
    fprintf(stream, "a number %s", ranges[key->range]);
}

const hpac_key_type hpac_key_number = {read_number, write_number, describe_number};

/* ---- choices ---- */

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
    bool boolean = key->choices == hpac_key_booleans;
    for (unsigned i = 0; key->choices[i]; i++)
        if (boolean ? is_boolean(node, key->choices[i])
                    : hpac_yaml_is_word(node, key->choices[i])) {
            store(key, record, i);
            return;
        }
    hpac_reader_refuse_value(reader, key, path, node);
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

/* ---- texts and paths ---- */

static bool is_text(const hpac_yaml_node *node)
{
    return node->kind == HPAC_YAML_SCALAR && node->text[0] != '\0' && !hpac_yaml_is_null(node);
}

static void read_text(hpac_reader *reader, const hpac_key *key, const char *path,
                      const hpac_yaml_node *node, void *record)
{
    char **place = (void *)((char *)record + key->offset);
    *place = NULL;
    if (!is_text(node))
        hpac_reader_refuse_value(reader, key, path, node);
    else if (key->type == &hpac_key_path)
        *place = hpac_reader_path(reader, path, node);
    else if (!(*place = strdup(node->text)))
        reader->status = hpac_fail_memory(strlen(node->text) + 1);
}

/* Whether a text may be written without quotes: only characters that mean nothing in YAML. */
static bool is_plain(const char *text)
{
    static const char first[] = "_/abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char others[] = "_/abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "0123456789.+- ";
    size_t length = strlen(text);
    const hpac_yaml_node node = {.plain = true, .text = text};
    return (strchr(first, text[0]) || strncmp(text, "../", 3) == 0) &&
           strspn(text, others) == length && text[length - 1] != ' ' && !hpac_yaml_is_null(&node);
}

void hpac_write_scalar(const char *text, bool path, FILE *stream)
{
    if (is_plain(text)) {
        fputs(text, stream);
        return;
    }
    /* A path that would be expanded: ./~ is the same, and $$ is a $. */
    bool home = path && text[0] == '~' && (text[1] == '/' || text[1] == '\0');
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
        else if (code == '$' && path)
            fputs("$$", stream);
        else if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029 ||
                 code == 0xfeff || code == 0xfffe || code == 0xffff)
            fprintf(stream, "\\u%04lx", (unsigned long)code);
        else
            fwrite(text, 1, nbytes, stream);
    }
    fputc('"', stream);
}

static void write_text(const hpac_key *key, const void *record, FILE *stream)
{
    char *text;
    memcpy(&text, (const char *)record + key->offset, sizeof text);
    if (text)
        hpac_write_scalar(text, key->type == &hpac_key_path, stream);
}

static void describe_text(const hpac_key *key, FILE *stream)
{
    fputs(key->type == &hpac_key_path ? "a path" : "text", stream);
}

const hpac_key_type hpac_key_text = {read_text, write_text, describe_text};
const hpac_key_type hpac_key_path = {read_text, write_text, describe_text};

/* ---- pairs ---- */

static void read_pair(hpac_reader *reader, const hpac_key *key, const char *path,
                      const hpac_yaml_node *node, void *record)
{
    bool list = node->kind == HPAC_YAML_LIST;
    uint64_t pair[2];
    _Static_assert(sizeof(uint64_t) == sizeof(size_t), "pairs are size_t[2]");
    for (int i = 0; i < 2; i++)
        if ((list && node->count != 2) ||
            !scan_in_range(key, list ? node->items[i].value : node, &pair[i])) {
            hpac_reader_refuse_value(reader, key, path, node);
            return;
        }
    memcpy((char *)record + key->offset, pair, sizeof pair);
}

static void write_pair(const hpac_key *key, const void *record, FILE *stream)
{
    size_t pair[2];
    memcpy(pair, (const char *)record + key->offset, sizeof pair);
    if (pair[0] == pair[1])
        fprintf(stream, "%zu", pair[0]);
    else
        fprintf(stream, "[%zu, %zu]", pair[0], pair[1]);
}

static void describe_pair(const hpac_key *key, FILE *stream)
{
    describe_integer(key, stream);
    fputs(", or two of them as [rows, cols]", stream);
}

const hpac_key_type hpac_key_pair = {read_pair, write_pair, describe_pair};
