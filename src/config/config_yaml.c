/* YAML text to a tree of nodes by libfyaml; overrides put into the tree. */
#include "config_yaml.h"

#include "base/printable.h"

#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 32
/* A file has at most 256 KiB; ten aliases of ten aliases of ... would be more than any machine. */
#define MAX_NODES ((size_t)1 << 20)

/* ---- nodes ---- */

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

static hpac_status no_memory(void)
{
    return hpac_fail_memory(sizeof(hpac_yaml_node));
}

/* `text` (length) is a scalar's, copied. NULL: no memory. */
static hpac_yaml_node *new_node(hpac_yaml *yaml, const hpac_yaml_node *like, const char *text,
                                size_t length)
{
    hpac_yaml_node *node = allocate(yaml, sizeof *node + length + 1);
    if (!node)
        return NULL;
    *node = (hpac_yaml_node){.kind = like->kind,
                             .plain = true,
                             .text = (char *)(node + 1),
                             .expanded_count = 1,
                             .source = like->source,
                             .line = like->line};
    memcpy(node + 1, text, length);
    return node;
}

/* Appends to a list or map. */
static hpac_status append(hpac_yaml *yaml, hpac_yaml_node *parent, const hpac_yaml_node *key,
                          hpac_yaml_node *value)
{
    if (parent->count == parent->capacity) {
        size_t capacity = parent->capacity ? 2 * parent->capacity : 8;
        hpac_yaml_item *items = allocate(yaml, capacity * sizeof *items);
        if (!items)
            return no_memory();
        if (parent->count > 0)
            memcpy(items, parent->items, parent->count * sizeof *items);
        parent->items = items;
        parent->capacity = capacity;
    }
    parent->items[parent->count++] = (hpac_yaml_item){.key = key, .value = value};
    parent->expanded_count += value ? value->expanded_count : 0;
    return HPAC_OK;
}

/* ---- a document of libfyaml as nodes ---- */

typedef struct builder {
    hpac_yaml *yaml;
    hpac_yaml_node here;     /* source and line of what is read now */
    hpac_yaml_node *anchors; /* map: anchor to node */
} builder;

static hpac_status refuse(const builder *b, const char *what)
{
    char place[HPAC_YAML_PLACE_NBYTES];
    return hpac_fail(HPAC_ERR_CONFIG, "%s: %s", hpac_yaml_place(&b->here, place), what);
}

static hpac_status build(builder *b, struct fy_node *from, int depth, hpac_yaml_node **node);

/* Bytes of UTF-8 up to the first NUL or what is none. */
static size_t valid_nbytes(const char *text)
{
    uint32_t code;
    size_t nbytes = 0;
    for (size_t step; text[nbytes] && (step = hpac_utf8_decode(text + nbytes, &code)) > 0;)
        nbytes += step;
    return nbytes;
}

static hpac_status build_scalar(builder *b, struct fy_node *from, hpac_yaml_node **node)
{
    size_t length = 0;
    const char *text = from ? fy_node_get_scalar(from, &length) : NULL;
    *node = new_node(b->yaml, &b->here, text ? text : "", text ? length : 0);
    if (!*node)
        return no_memory();
    (*node)->plain = !text || fy_node_get_style(from) == FYNS_PLAIN;
    /* An escape in quotes can write what text does not hold. */
    return valid_nbytes((*node)->text) == length
               ? HPAC_OK
               : refuse(b, "a NUL or a code point that is no character");
}

static hpac_status build_alias(const builder *b, struct fy_node *from, hpac_yaml_node **node)
{
    const char *name = fy_node_get_scalar0(from);
    *node = name ? hpac_yaml_get(b->anchors, name) : NULL;
    return *node ? HPAC_OK : refuse(b, "an alias without an anchor before it");
}

static hpac_status build_list(builder *b, struct fy_node *from, int depth, hpac_yaml_node *list)
{
    void *iterator = NULL;
    for (struct fy_node *item; (item = fy_node_sequence_iterate(from, &iterator));) {
        hpac_yaml_node *value;
        HPAC_TRY(build(b, item, depth, &value));
        HPAC_TRY(append(b->yaml, list, NULL, value));
    }
    return HPAC_OK;
}

static hpac_status build_map(builder *b, struct fy_node *from, int depth, hpac_yaml_node *map)
{
    void *iterator = NULL;
    for (struct fy_node_pair *pair; (pair = fy_node_mapping_iterate(from, &iterator));) {
        hpac_yaml_node *key, *value;
        HPAC_TRY(build(b, fy_node_pair_key(pair), depth, &key));
        if (key->kind != HPAC_YAML_SCALAR)
            return refuse(b, "a key must be text");
        HPAC_TRY(build(b, fy_node_pair_value(pair), depth, &value));
        HPAC_TRY(append(b->yaml, map, key, value));
    }
    return HPAC_OK;
}

/* Makes an anchor known from the end of its node on, so that no node can hold itself. A later one
 * of the same name wins, as in YAML. */
static hpac_status name_anchor(builder *b, struct fy_node *from, hpac_yaml_node *node)
{
    struct fy_anchor *anchor = fy_node_get_anchor(from);
    if (!anchor)
        return HPAC_OK;
    size_t length;
    const char *text = fy_anchor_get_text(anchor, &length);
    hpac_yaml_node *name = text ? new_node(b->yaml, &b->here, text, length) : NULL;
    if (!name)
        return no_memory();
    for (size_t i = 0; i < b->anchors->count; i++)
        if (strcmp(b->anchors->items[i].key->text, name->text) == 0) {
            b->anchors->items[i].value = node;
            return HPAC_OK;
        }
    return append(b->yaml, b->anchors, name, node);
}

/* libfyaml knows the line of scalars only: a list or map has that of its first one, an empty one
 * that of the scalar before it. */
static hpac_status build(builder *b, struct fy_node *from, int depth, hpac_yaml_node **node)
{
    struct fy_token *token = from ? fy_node_get_scalar_token(from) : NULL;
    const struct fy_mark *mark = token ? fy_token_start_mark(token) : NULL;
    if (mark)
        b->here.line = mark->line + 1;
    if (from && fy_node_get_tag_token(from))
        return refuse(b, "YAML tags (\"!\") are not supported");
    if (from && fy_node_is_alias(from))
        return build_alias(b, from, node);
    if (!from || fy_node_is_scalar(from)) {
        HPAC_TRY(build_scalar(b, from, node));
        return from ? name_anchor(b, from, *node) : HPAC_OK;
    }
    if (depth == MAX_DEPTH)
        return refuse(b, "nested too deep");
    hpac_yaml_node made = {.source = b->here.source, .line = b->here.line};
    made.kind = fy_node_is_sequence(from) ? HPAC_YAML_LIST : HPAC_YAML_MAP;
    *node = new_node(b->yaml, &made, "", 0);
    if (!*node)
        return no_memory();
    HPAC_TRY(made.kind == HPAC_YAML_LIST ? build_list(b, from, depth + 1, *node)
                                         : build_map(b, from, depth + 1, *node));
    if ((*node)->count > 0) {
        const hpac_yaml_item *first = &(*node)->items[0];
        (*node)->line = first->key ? first->key->line : first->value->line;
    }
    if ((*node)->expanded_count > MAX_NODES)
        return refuse(b, "aliases expand to more than a million values");
    return name_anchor(b, from, *node);
}

/* ---- libfyaml: what its versions may do differently is here ---- */

/* It takes bytes that are no text for an end or for nothing; they are refused before. */
static hpac_status check_text(builder *b, const char *text, size_t nbytes)
{
    size_t valid = valid_nbytes(text);
    b->here.line = 1;
    for (size_t i = 0; i < nbytes; i++) {
        if (i == valid && text[i])
            return refuse(b, "not UTF-8 text");
        unsigned char byte = (unsigned char)text[i];
        if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7f)
            return refuse(b, "a control character; expected text");
        b->here.line += text[i] == '\n';
    }
    return HPAC_OK;
}

static hpac_status check_syntax(builder *b, struct fy_diag *diag)
{
    void *iterator = NULL;
    const struct fy_diag_error *error = fy_diag_errors_iterate(diag, &iterator);
    if (!error)
        return HPAC_OK;
    b->here.line = error->line;
    char place[HPAC_YAML_PLACE_NBYTES];
    return hpac_fail(HPAC_ERR_CONFIG, "%s: invalid YAML: %s", hpac_yaml_place(&b->here, place),
                     error->msg);
}

static hpac_status build_document(builder *b, struct fy_parser *parser, struct fy_diag *diag,
                                  hpac_yaml_node **root)
{
    struct fy_document *document = fy_parse_load_document(parser), *second = NULL;
    hpac_status status = check_syntax(b, diag);
    struct fy_node *node = document ? fy_document_root(document) : NULL;
    b->here.line = 1;
    if (status == HPAC_OK && node)
        status = build(b, node, 0, root);
    if (status == HPAC_OK && document && (second = fy_parse_load_document(parser))) {
        const struct fy_mark *mark =
            fy_document_state_start_mark(fy_document_get_document_state(second));
        b->here.line = mark ? mark->line + 1 : b->here.line;
        status = refuse(b, "a second document; expected one");
    }
    if (status == HPAC_OK)
        status = check_syntax(b, diag); /* behind the document */
    fy_parse_document_destroy(parser, second);
    fy_parse_document_destroy(parser, document);
    return status;
}

hpac_status hpac_yaml_parse(hpac_yaml *yaml, const hpac_yaml_source *source, const char *text,
                            size_t nbytes, hpac_yaml_node **root)
{
    *root = NULL;
    builder b = {.yaml = yaml, .here = {.source = source}};
    HPAC_TRY(check_text(&b, text, nbytes));
    const hpac_yaml_node map = {.kind = HPAC_YAML_MAP};
    b.anchors = new_node(yaml, &map, "", 0);
    struct fy_diag_cfg diag_options;
    fy_diag_cfg_default(&diag_options);
    diag_options.fp = NULL;
    struct fy_diag *diag = fy_diag_create(&diag_options);
    if (!b.anchors || !diag) {
        fy_diag_destroy(diag);
        return no_memory();
    }
    fy_diag_set_collect_errors(diag, true);
    const struct fy_parse_cfg options = {
        .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE |
                 FYPCF_ALLOW_DUPLICATE_KEYS,
        .diag = diag,
    };
    struct fy_parser *parser = fy_parser_create(&options);
    hpac_status status = parser && fy_parser_set_string(parser, text, nbytes) == 0
                             ? build_document(&b, parser, diag, root)
                             : no_memory();
    fy_parser_destroy(parser);
    fy_diag_destroy(diag);
    return status;
}

/* ---- asking a tree ---- */

hpac_yaml_node *hpac_yaml_get(const hpac_yaml_node *map, const char *key)
{
    if (map && map->kind == HPAC_YAML_MAP)
        for (size_t i = 0; i < map->count; i++)
            if (strcmp(map->items[i].key->text, key) == 0)
                return map->items[i].value;
    return NULL;
}

const hpac_yaml_node *hpac_yaml_duplicate(const hpac_yaml_node *map, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(map->items[i].key->text, map->items[index].key->text) == 0)
            return map->items[i].key;
    return NULL;
}

bool hpac_yaml_is_word(const hpac_yaml_node *node, const char *word)
{
    return word && node->kind == HPAC_YAML_SCALAR && strcmp(node->text, word) == 0;
}

bool hpac_yaml_is_null(const hpac_yaml_node *node)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (node->plain && hpac_yaml_is_word(node, words[i]))
            return true;
    return false;
}

const char *hpac_yaml_place(const hpac_yaml_node *node, char place[HPAC_YAML_PLACE_NBYTES])
{
    const char *name = node->source->name;
    int room = HPAC_YAML_PLACE_NBYTES - 24;
    const char *cut = strlen(name) > (size_t)room ? "..." : "";
    int length = snprintf(place, HPAC_YAML_PLACE_NBYTES, "%.*s%s", room, name, cut);
    if (!node->source->path)
        snprintf(place + length, HPAC_YAML_PLACE_NBYTES - (size_t)length, ":%d", node->line);
    return place;
}

const char *hpac_yaml_show(const hpac_yaml_node *node, char shown[HPAC_SHOWN_NBYTES])
{
    if (node->kind == HPAC_YAML_LIST && node->count > 0) {
        snprintf(shown, HPAC_SHOWN_NBYTES, "a list of %zu", node->count);
        return shown;
    }
    if (node->kind != HPAC_YAML_SCALAR || hpac_yaml_is_null(node)) {
        snprintf(shown, HPAC_SHOWN_NBYTES, "%s",
                 node->kind == HPAC_YAML_LIST  ? "an empty list"
                 : node->kind == HPAC_YAML_MAP ? "a mapping"
                                               : "nothing");
        return shown;
    }
    const char *text = node->text;
    size_t length = 0;
    shown[length++] = '"';
    while (*text && length < HPAC_SHOWN_NBYTES - 10) {
        uint32_t code;
        size_t nbytes = hpac_utf8_decode(text, &code);
        if (nbytes == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0)) {
            shown[length++] = '?';
        } else {
            memcpy(shown + length, text, nbytes);
            length += nbytes;
        }
        text += nbytes ? nbytes : 1;
    }
    snprintf(shown + length, HPAC_SHOWN_NBYTES - length, "%s\"", *text ? "..." : "");
    return shown;
}

void hpac_yaml_print(const hpac_yaml_node *node, FILE *stream)
{
    if (node->kind == HPAC_YAML_SCALAR) {
        fputs(node->text, stream);
        return;
    }
    bool list = node->kind == HPAC_YAML_LIST;
    fputc(list ? '[' : '{', stream);
    for (size_t i = 0; i < node->count; i++) {
        fprintf(stream, "%s%s%s", i > 0 ? ", " : "", list ? "" : node->items[i].key->text,
                list ? "" : ": ");
        hpac_yaml_print(node->items[i].value, stream);
    }
    fputc(list ? ']' : '}', stream);
}

/* ---- overrides ---- */

const hpac_yaml_source *hpac_yaml_source_create(hpac_yaml *yaml, const char *set,
                                                size_t path_nbytes)
{
    size_t name_nbytes = strlen("--set ") + strlen(set) + 1;
    hpac_yaml_source *source = allocate(yaml, sizeof *source + name_nbytes + path_nbytes + 1);
    if (!source)
        return NULL;
    char *name = (char *)(source + 1), *path = name + name_nbytes;
    snprintf(name, name_nbytes, "--set %s", set);
    memcpy(path, set, path_nbytes);
    *source = (hpac_yaml_source){.name = name, .path = path};
    return source;
}

/* The place of the value of `key` in a list or map; in a map it is made where it is missing. */
static hpac_status find_slot(hpac_yaml *yaml, hpac_yaml_node *parent, const hpac_yaml_node *key,
                             hpac_yaml_node ***slot)
{
    if (parent->kind == HPAC_YAML_LIST) {
        char *end, place[HPAC_YAML_PLACE_NBYTES];
        unsigned long index = strtoul(key->text, &end, 10);
        if (*end != '\0' || index < 1 || index > parent->count)
            return hpac_fail(HPAC_ERR_CONFIG,
                             "%s: no element \"%s\" in the list; expected an integer in [1, %zu]",
                             hpac_yaml_place(key, place), key->text, parent->count);
        *slot = &parent->items[index - 1].value;
        return HPAC_OK;
    }
    for (size_t i = 0; i < parent->count; i++)
        if (strcmp(parent->items[i].key->text, key->text) == 0) {
            parent->items[i].key = key;
            *slot = &parent->items[i].value;
            return HPAC_OK;
        }
    HPAC_TRY(append(yaml, parent, key, NULL));
    *slot = &parent->items[parent->count - 1].value;
    return HPAC_OK;
}

/* A section whose items can be changed without touching the node, which others may share. */
static hpac_status open_section(hpac_yaml *yaml, const hpac_yaml_node *value, hpac_yaml_node **node)
{
    const hpac_yaml_node *old = *node && (*node)->kind != HPAC_YAML_SCALAR ? *node : NULL;
    hpac_yaml_node like = old ? *old : *value;
    like.kind = old ? old->kind : HPAC_YAML_MAP;
    *node = new_node(yaml, &like, "", 0);
    if (!*node)
        return no_memory();
    for (size_t i = 0; old && i < old->count; i++)
        HPAC_TRY(append(yaml, *node, old->items[i].key, old->items[i].value));
    return HPAC_OK;
}

hpac_status hpac_yaml_put(hpac_yaml *yaml, hpac_yaml_node **root, const char *path,
                          hpac_yaml_node *value)
{
    size_t length = strlen(path);
    char place[HPAC_YAML_PLACE_NBYTES];
    if (length == 0 || path[0] == '.' || path[length - 1] == '.' || strstr(path, ".."))
        return hpac_fail(HPAC_ERR_CONFIG,
                         "%s: an empty key; expected KEY=VALUE, as in train.epochs=5",
                         hpac_yaml_place(value, place));
    hpac_yaml_node like = *value, **slot = root;
    like.kind = HPAC_YAML_SCALAR;
    const char *name = path, *dot;
    do {
        dot = strchrnul(name, '.');
        hpac_yaml_node *key = new_node(yaml, &like, name, (size_t)(dot - name));
        if (!key)
            return no_memory();
        HPAC_TRY(open_section(yaml, value, slot));
        HPAC_TRY(find_slot(yaml, *slot, key, &slot));
        name = dot + 1;
    } while (*dot);
    *slot = value;
    return HPAC_OK;
}
