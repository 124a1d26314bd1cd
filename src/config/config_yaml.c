/* YAML text to a tree of nodes, by the events of libfyaml; overrides put into the tree. */
#include "config_yaml.h"

#include <libfyaml.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 32

/* A piece of memory of the tree. */
struct hpac_yaml_block {
    struct hpac_yaml_block *next;
    max_align_t bytes[];
};

static void *allocate(hpac_yaml *yaml, size_t nbytes)
{
    struct hpac_yaml_block *block = calloc(1, sizeof *block + nbytes);
    if (!block)
        return NULL;
    block->next = yaml->blocks;
    yaml->blocks = block;
    return block->bytes;
}

void hpac_yaml_fini(hpac_yaml *yaml)
{
    struct hpac_yaml_block *next;
    for (struct hpac_yaml_block *block = yaml->blocks; block; block = next) {
        next = block->next;
        free(block);
    }
    *yaml = (hpac_yaml){0};
}

static hpac_yaml_node *new_node(hpac_yaml *yaml, hpac_yaml_kind kind,
                                const hpac_yaml_source *source, int line)
{
    hpac_yaml_node *node = allocate(yaml, sizeof *node);
    if (node)
        *node = (hpac_yaml_node){.kind = kind, .source = source, .line = line};
    return node;
}

static hpac_yaml_node *new_scalar(hpac_yaml *yaml, const hpac_yaml_source *source, int line,
                                  const char *text, size_t length)
{
    hpac_yaml_node *node = new_node(yaml, HPAC_YAML_SCALAR, source, line);
    char *copy = node ? allocate(yaml, length + 1) : NULL;
    if (!copy)
        return NULL;
    if (length > 0)
        memcpy(copy, text, length);
    node->text = copy;
    node->plain = true;
    return node;
}

/* Appends to a list or map. False: no memory. */
static bool append(hpac_yaml *yaml, hpac_yaml_node *parent, const hpac_yaml_node *key,
                   hpac_yaml_node *value)
{
    if (parent->count == parent->capacity) {
        int capacity = parent->capacity ? 2 * parent->capacity : 8;
        hpac_yaml_item *items = allocate(yaml, (size_t)capacity * sizeof *items);
        if (!items)
            return false;
        if (parent->count > 0)
            memcpy(items, parent->items, (size_t)parent->count * sizeof *items);
        parent->items = items;
        parent->capacity = capacity;
    }
    parent->items[parent->count++] = (hpac_yaml_item){.key = key, .value = value};
    return true;
}

/* A parse under way. */
typedef struct builder {
    hpac_yaml *yaml;
    const hpac_yaml_source *source;
    hpac_yaml_node *stack[MAX_DEPTH]; /* open lists and maps */
    hpac_yaml_node *keys[MAX_DEPTH];  /* of each open map: the key that waits for its value */
    hpac_yaml_node *names[MAX_DEPTH]; /* of each open node: its anchor as a scalar, or NULL */
    int depth;
    hpac_yaml_node *anchors; /* map: anchor name to node */
    hpac_yaml_node *root;
    int documents;
    int line; /* of the last event that told it */
} builder;

static hpac_status refuse_node(const hpac_yaml_node *node, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static hpac_status refuse_node(const hpac_yaml_node *node, const char *format, ...)
{
    char place[HPAC_YAML_PLACE_NBYTES], text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    hpac_yaml_place(node, place);
    return hpac_fail(HPAC_ERR_CONFIG, "%s: %s", place, text);
}

static hpac_status refuse(const builder *b, const char *what)
{
    const hpac_yaml_node here = {.source = b->source, .line = b->line};
    return refuse_node(&here, "%s", what);
}

static hpac_status no_memory(void)
{
    return hpac_fail_memory(sizeof(hpac_yaml_node));
}

/* Gives a finished node to the open list or map, or makes it the root. */
static hpac_status attach(builder *b, hpac_yaml_node *node)
{
    if (b->depth == 0) {
        b->root = node;
        return HPAC_OK;
    }
    hpac_yaml_node *parent = b->stack[b->depth - 1];
    hpac_yaml_node **key = &b->keys[b->depth - 1];
    if (parent->kind == HPAC_YAML_MAP && !*key) {
        if (node->kind != HPAC_YAML_SCALAR)
            return refuse(b, "a key must be text");
        *key = node;
        return HPAC_OK;
    }
    if (!append(b->yaml, parent, *key, node))
        return no_memory();
    *key = NULL;
    return HPAC_OK;
}

/* Makes the anchor of a finished node known; a later one of the same name wins, as in YAML. */
static hpac_status name_anchor(builder *b, const hpac_yaml_node *name, hpac_yaml_node *node)
{
    if (!name)
        return HPAC_OK;
    for (int i = 0; i < b->anchors->count; i++)
        if (strcmp(b->anchors->items[i].key->text, name->text) == 0) {
            b->anchors->items[i].value = node;
            return HPAC_OK;
        }
    return append(b->yaml, b->anchors, name, node) ? HPAC_OK : no_memory();
}

static hpac_yaml_node *token_scalar(builder *b, struct fy_token *token)
{
    size_t length = 0;
    const char *text = token ? fy_token_get_text(token, &length) : NULL;
    return new_scalar(b->yaml, b->source, b->line, text, text ? length : 0);
}

long hpac_utf8_next(const char **text, const char *end)
{
    static const long smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *c = (const unsigned char *)(*text)++;
    if (c[0] < 0x80)
        return c[0];
    int length = c[0] >> 5 == 6 ? 2 : c[0] >> 4 == 14 ? 3 : c[0] >> 3 == 30 ? 4 : 0;
    if (length == 0 || end - *text < length - 1)
        return -1;
    long point = c[0] & (0xff >> (length + 1));
    for (int i = 1; i < length; i++) {
        if (c[i] >> 6 != 2)
            return -1;
        point = point << 6 | (c[i] & 0x3f);
    }
    if (point < smallest[length] || (point >= 0xd800 && point < 0xe000) || point > 0x10ffff)
        return -1;
    *text += length - 1;
    return point;
}

/* What an escape in quotes can write, but text does not hold. */
static bool is_text(const char *text, size_t nbytes)
{
    for (const char *end = text + nbytes; text < end;)
        if (hpac_utf8_next(&text, end) <= 0)
            return false;
    return true;
}

static hpac_status on_scalar(builder *b, const struct fy_event_scalar_data *event)
{
    size_t length = event->value ? fy_token_get_text_length(event->value) : 0;
    hpac_yaml_node *node = token_scalar(b, event->value);
    hpac_yaml_node *name = event->anchor ? token_scalar(b, event->anchor) : NULL;
    if (!node || (event->anchor && !name))
        return no_memory();
    node->plain = !event->value || fy_token_scalar_style(event->value) == FYSS_PLAIN;
    if (!is_text(node->text, length))
        return refuse(b, "a NUL or another character that is none");
    hpac_status status = name_anchor(b, name, node);
    return status == HPAC_OK ? attach(b, node) : status;
}

static hpac_status on_alias(builder *b, const struct fy_event_alias_data *event)
{
    hpac_yaml_node *name = token_scalar(b, event->anchor);
    if (!name)
        return no_memory();
    hpac_yaml_node *node = hpac_yaml_get(b->anchors, name->text);
    return node ? attach(b, node) : refuse(b, "an alias without an anchor before it");
}

static hpac_status on_open(builder *b, hpac_yaml_kind kind, struct fy_token *anchor)
{
    if (b->depth == MAX_DEPTH)
        return refuse(b, "nested too deep");
    hpac_yaml_node *node = new_node(b->yaml, kind, b->source, b->line);
    hpac_yaml_node *name = anchor ? token_scalar(b, anchor) : NULL;
    if (!node || (anchor && !name))
        return no_memory();
    b->stack[b->depth] = node;
    b->keys[b->depth] = NULL;
    b->names[b->depth] = name;
    b->depth++;
    return HPAC_OK;
}

/* An anchor is known from the end of its node on, so that no node can hold itself. */
static hpac_status on_close(builder *b)
{
    b->depth--;
    hpac_status status = name_anchor(b, b->names[b->depth], b->stack[b->depth]);
    return status == HPAC_OK ? attach(b, b->stack[b->depth]) : status;
}

static struct fy_token *event_tag(const struct fy_event *event)
{
    switch (event->type) {
    case FYET_SCALAR:
        return event->scalar.tag;
    case FYET_SEQUENCE_START:
        return event->sequence_start.tag;
    case FYET_MAPPING_START:
        return event->mapping_start.tag;
    default:
        return NULL;
    }
}

static hpac_status on_event(builder *b, struct fy_event *event)
{
    const struct fy_mark *mark = fy_event_start_mark(event);
    if (mark)
        b->line = mark->line + 1;
    if (event_tag(event))
        return refuse(b, "YAML tags (\"!\") are not used here");
    switch (event->type) {
    case FYET_DOCUMENT_START:
        return b->documents++ ? refuse(b, "a second document; expected one") : HPAC_OK;
    case FYET_SCALAR:
        return on_scalar(b, &event->scalar);
    case FYET_ALIAS:
        return on_alias(b, &event->alias);
    case FYET_SEQUENCE_START:
        return on_open(b, HPAC_YAML_LIST, event->sequence_start.anchor);
    case FYET_MAPPING_START:
        return on_open(b, HPAC_YAML_MAP, event->mapping_start.anchor);
    case FYET_SEQUENCE_END:
    case FYET_MAPPING_END:
        return on_close(b);
    default:
        return HPAC_OK;
    }
}

/* What libfyaml found wrong, with its places. */
static hpac_status syntax_error(builder *b, struct fy_diag *diag)
{
    void *iterator = NULL;
    const struct fy_diag_error *error = fy_diag_errors_iterate(diag, &iterator);
    if (!error)
        return refuse(b, "not readable as YAML");
    b->line = error->line;
    return refuse(b, error->msg);
}

static hpac_status parse_events(builder *b, struct fy_parser *parser, struct fy_diag *diag)
{
    struct fy_event *event;
    while ((event = fy_parser_parse(parser))) {
        hpac_status status = on_event(b, event);
        fy_parser_event_free(parser, event);
        if (status != HPAC_OK)
            return status;
    }
    return fy_parser_get_stream_error(parser) ? syntax_error(b, diag) : HPAC_OK;
}

/* libfyaml takes bytes that are no text for an end or for nothing; they are refused before. */
static hpac_status check_text(builder *b, const char *text, size_t nbytes)
{
    const char *end = text + nbytes;
    b->line = 1;
    while (text < end) {
        long point = hpac_utf8_next(&text, end);
        if (point < 0)
            return refuse(b, "not UTF-8 text");
        if ((point < 0x20 && point != '\t' && point != '\n' && point != '\r') || point == 0x7f)
            return refuse(b, "a control character; expected text");
        b->line += point == '\n';
    }
    return HPAC_OK;
}

hpac_status hpac_yaml_parse(hpac_yaml *yaml, const hpac_yaml_source *source, const char *text,
                            size_t nbytes, hpac_yaml_node **root)
{
    *root = NULL;
    builder b = {.yaml = yaml, .source = source};
    hpac_status status = check_text(&b, text, nbytes);
    if (status != HPAC_OK)
        return status;
    b.line = 1;
    b.anchors = new_node(yaml, HPAC_YAML_MAP, source, 0);
    if (!b.anchors)
        return no_memory();

    status = no_memory();
    struct fy_parser *parser = NULL;
    struct fy_diag_cfg diag_options;
    fy_diag_cfg_default(&diag_options);
    diag_options.fp = NULL;
    struct fy_diag *diag = fy_diag_create(&diag_options);
    if (!diag)
        return status;
    fy_diag_set_collect_errors(diag, true);
    const struct fy_parse_cfg options = {
        .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE,
        .diag = diag,
    };
    parser = fy_parser_create(&options);
    if (!parser || fy_parser_set_string(parser, text, nbytes) != 0)
        goto done;
    status = parse_events(&b, parser, diag);
    if (status == HPAC_OK)
        *root = b.root;
done:
    fy_parser_destroy(parser);
    fy_diag_destroy(diag);
    return status;
}

const hpac_yaml_source *hpac_yaml_source_create(hpac_yaml *yaml, const char *set,
                                                size_t path_nbytes)
{
    size_t name_nbytes = strlen("--set ") + strlen(set) + 1;
    hpac_yaml_source *source = allocate(yaml, sizeof *source);
    char *name = allocate(yaml, name_nbytes);
    char *path = allocate(yaml, path_nbytes + 1);
    if (!source || !name || !path)
        return NULL;
    snprintf(name, name_nbytes, "--set %s", set);
    memcpy(path, set, path_nbytes);
    *source = (hpac_yaml_source){.name = name, .path = path};
    return source;
}

hpac_yaml_node *hpac_yaml_get(const hpac_yaml_node *map, const char *key)
{
    if (map && map->kind == HPAC_YAML_MAP)
        for (int i = 0; i < map->count; i++)
            if (strcmp(map->items[i].key->text, key) == 0)
                return map->items[i].value;
    return NULL;
}

bool hpac_yaml_is_null(const hpac_yaml_node *node)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    if (node->kind != HPAC_YAML_SCALAR || !node->plain)
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(node->text, words[i]) == 0)
            return true;
    return false;
}

void hpac_yaml_place(const hpac_yaml_node *node, char place[HPAC_YAML_PLACE_NBYTES])
{
    const hpac_yaml_source *source = node->source;
    int room = HPAC_YAML_PLACE_NBYTES - 24;
    const char *cut = (int)strnlen(source->name, (size_t)room + 1) > room ? "..." : "";
    if (source->path)
        snprintf(place, HPAC_YAML_PLACE_NBYTES, "%.*s%s", room, source->name, cut);
    else
        snprintf(place, HPAC_YAML_PLACE_NBYTES, "%.*s%s:%d", room, source->name, cut, node->line);
}

/* A copy whose items can be changed without touching the node, which aliases may share. */
static hpac_yaml_node *copy_container(hpac_yaml *yaml, const hpac_yaml_node *node)
{
    hpac_yaml_node *copy = new_node(yaml, node->kind, node->source, node->line);
    for (int i = 0; copy && i < node->count; i++)
        if (!append(yaml, copy, node->items[i].key, node->items[i].value))
            return NULL;
    return copy;
}

/* The place of the value of `key` in a list or map; in a map it is made where it is missing. */
static hpac_status find_slot(hpac_yaml *yaml, hpac_yaml_node *parent, const hpac_yaml_node *key,
                             hpac_yaml_node ***slot)
{
    if (parent->kind == HPAC_YAML_LIST) {
        char *end;
        long index = strtol(key->text, &end, 10);
        if (*end != '\0' || index < 1 || index > parent->count)
            return refuse_node(key, "\"%s\" is no element of the list; expected 1..%d", key->text,
                               parent->count);
        *slot = &parent->items[index - 1].value;
        return HPAC_OK;
    }
    for (int i = 0; i < parent->count; i++)
        if (strcmp(parent->items[i].key->text, key->text) == 0) {
            parent->items[i].key = key;
            *slot = &parent->items[i].value;
            return HPAC_OK;
        }
    if (!append(yaml, parent, key, NULL))
        return no_memory();
    *slot = &parent->items[parent->count - 1].value;
    return HPAC_OK;
}

hpac_status hpac_yaml_put(hpac_yaml *yaml, hpac_yaml_node **root, const char *path,
                          hpac_yaml_node *value)
{
    size_t length = strlen(path);
    if (length == 0 || path[0] == '.' || path[length - 1] == '.' || strstr(path, ".."))
        return refuse_node(value, "an empty key; expected KEY=VALUE, as in train.epochs=5");
    hpac_yaml_node **slot = root;
    const char *name = path, *dot;
    do {
        dot = strchrnul(name, '.');
        bool container = *slot && (*slot)->kind != HPAC_YAML_SCALAR;
        *slot = container ? copy_container(yaml, *slot)
                          : new_node(yaml, HPAC_YAML_MAP, value->source, value->line);
        hpac_yaml_node *key =
            new_scalar(yaml, value->source, value->line, name, (size_t)(dot - name));
        if (!*slot || !key)
            return no_memory();
        hpac_status status = find_slot(yaml, *slot, key, &slot);
        if (status != HPAC_OK)
            return status;
        name = dot + 1;
    } while (*dot);
    *slot = value;
    return HPAC_OK;
}
