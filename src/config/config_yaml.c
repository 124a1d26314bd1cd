/* YAML text to a tree of nodes by the events of libfyaml; overrides put into the tree. */
#include "config_yaml.h"

#include "base/memory.h"
#include "base/printable.h"

#include <libfyaml.h>
#include <string.h>

#define MAX_DEPTH 32
/* A file has at most 256 KiB; ten aliases of ten aliases of ... would be more than any machine. */
#define MAX_NODES ((size_t)1 << 20)

void hpac_yaml_fini(hpac_yaml *yaml)
{
    for (hpac_yaml_node *node = yaml->nodes, *next; node; node = next) {
        next = node->next;
        free(node->items);
        free(node);
    }
    yaml->nodes = NULL;
}

hpac_status hpac_yaml_add(hpac_yaml *yaml, hpac_yaml_kind kind, const hpac_yaml_node *like,
                          const char *text, size_t length, hpac_yaml_node **node)
{
    size_t nbytes = sizeof **node + length + 1;
    hpac_yaml_node *made;
    HPAC_TRY_MEMORY(made = calloc(1, nbytes), nbytes);
    *made = (hpac_yaml_node){.kind = kind,
                             .plain = true,
                             .text = (char *)(made + 1),
                             .expanded_count = 1,
                             .source = like->source,
                             .line = like->line,
                             .next = yaml->nodes};
    memcpy(made + 1, text, length);
    *node = yaml->nodes = made;
    return HPAC_OK;
}

hpac_status hpac_yaml_append(hpac_yaml_node *parent, const hpac_yaml_node *key,
                             hpac_yaml_node *value)
{
    HPAC_TRY_GROW(parent->items, parent->count, parent->capacity);
    parent->items[parent->count++] = (hpac_yaml_item){.key = key, .value = value};
    parent->expanded_count += value ? value->expanded_count : 0;
    return HPAC_OK;
}

typedef struct builder {
    hpac_yaml *yaml;
    hpac_yaml_node here;     /* source and line of what is read now */
    hpac_yaml_node *anchors; /* map: anchor to node */
    struct fy_diag *diag;
    struct fy_parser *parser;
    struct fy_event *event;
} builder;

static hpac_status refuse(const builder *b, const char *what)
{
    char place[HPAC_YAML_PLACE_NBYTES];
    return hpac_fail(HPAC_ERR_CONFIG, "%s: %s", hpac_yaml_place(&b->here, place), what);
}

/* Bytes of UTF-8 up to the first NUL or what is none. */
static size_t valid_nbytes(const char *text)
{
    uint32_t code;
    size_t nbytes = 0;
    for (size_t step; text[nbytes] && (step = hpac_utf8_decode(text + nbytes, &code)) > 0;)
        nbytes += step;
    return nbytes;
}

/* libfyaml takes bytes that are not text for an end or for nothing; they are refused before. */
static hpac_status check_text(builder *b, const char *text, size_t nbytes)
{
    size_t valid = valid_nbytes(text);
    for (size_t i = 0; i < nbytes; i++) {
        if (i == valid && text[i])
            return refuse(b, "not UTF-8 text");
        unsigned char byte = (unsigned char)text[i];
        if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7f)
            return refuse(b, "a control character; expected text");
        b->here.line += text[i] == '\n';
    }
    b->here.line = 1;
    return HPAC_OK;
}

static hpac_status advance(builder *b)
{
    fy_parser_event_free(b->parser, b->event);
    b->event = fy_parser_parse(b->parser);
    void *iterator = NULL;
    const struct fy_diag_error *error = fy_diag_errors_iterate(b->diag, &iterator);
    if (error || !b->event) {
        char what[256];
        b->here.line = error ? error->line : b->here.line;
        snprintf(what, sizeof what, "invalid YAML: %s", error ? error->msg : "unexpected end");
        return refuse(b, what);
    }
    const struct fy_mark *mark = fy_event_start_mark(b->event);
    if (mark)
        b->here.line = mark->line + 1;
    return HPAC_OK;
}

/* An anchor is known from the end of its node on, so that no node can hold itself; the last one of
 * its name counts, as in YAML. */
static hpac_status build_alias(builder *b, hpac_yaml_node **node)
{
    const char *name = fy_token_get_text0(b->event->alias.anchor);
    for (size_t i = b->anchors->count; name && i-- > 0;)
        if (strcmp(b->anchors->items[i].key->text, name) == 0) {
            *node = b->anchors->items[i].value;
            return HPAC_OK;
        }
    return refuse(b, "an alias without an anchor before it");
}

static hpac_status build_scalar(builder *b, hpac_yaml_node **node)
{
    size_t length = 0;
    struct fy_token *token = b->event->scalar.value;
    const char *text = token ? fy_token_get_text(token, &length) : NULL;
    HPAC_TRY(hpac_yaml_add(b->yaml, HPAC_YAML_SCALAR, &b->here, text ? text : "", length, node));
    (*node)->plain = fy_token_scalar_style(token) == FYSS_PLAIN;
    /* An escape in quotes can write what text does not hold. */
    return valid_nbytes((*node)->text) == length
               ? HPAC_OK
               : refuse(b, "a NUL or a code point that is no character");
}

static hpac_status build(builder *b, int depth, hpac_yaml_node **node);

static hpac_status build_items(builder *b, int depth, hpac_yaml_node *parent)
{
    if (depth > MAX_DEPTH)
        return refuse(b, "nested too deep");
    for (;;) {
        hpac_yaml_node *key = NULL, *value;
        HPAC_TRY(advance(b));
        if (b->event->type == FYET_SEQUENCE_END || b->event->type == FYET_MAPPING_END)
            break;
        if (parent->kind == HPAC_YAML_MAP) {
            HPAC_TRY(build(b, depth, &key));
            if (key->kind != HPAC_YAML_SCALAR)
                return refuse(b, "a key must be text");
            HPAC_TRY(advance(b));
        }
        HPAC_TRY(build(b, depth, &value));
        HPAC_TRY(hpac_yaml_append(parent, key, value));
    }
    return parent->expanded_count <= MAX_NODES
               ? HPAC_OK
               : refuse(b, "aliases expand to more than a million values");
}

/* The node that begins with the current event. */
static hpac_status build(builder *b, int depth, hpac_yaml_node **node)
{
    if (fy_event_get_tag_token(b->event))
        return refuse(b, "YAML tags (\"!\") are not supported");
    if (b->event->type == FYET_ALIAS)
        return build_alias(b, node);
    hpac_yaml_node *name = NULL;
    size_t length;
    struct fy_token *anchor = fy_event_get_anchor_token(b->event);
    if (anchor) {
        const char *text = fy_token_get_text(anchor, &length);
        HPAC_TRY(hpac_yaml_add(b->yaml, HPAC_YAML_SCALAR, &b->here, text, length, &name));
    }
    if (b->event->type == FYET_SCALAR) {
        HPAC_TRY(build_scalar(b, node));
    } else {
        bool list = b->event->type == FYET_SEQUENCE_START;
        HPAC_TRY(
            hpac_yaml_add(b->yaml, list ? HPAC_YAML_LIST : HPAC_YAML_MAP, &b->here, "", 0, node));
        HPAC_TRY(build_items(b, depth + 1, *node));
    }
    return name ? hpac_yaml_append(b->anchors, name, *node) : HPAC_OK;
}

static hpac_status build_document(builder *b, hpac_yaml_node **root)
{
    int documents = 0;
    do {
        HPAC_TRY(advance(b));
        if (b->event->type == FYET_DOCUMENT_START && documents++ > 0)
            return refuse(b, "a second document; expected one");
        if (b->event->type >= FYET_MAPPING_START)
            HPAC_TRY(build(b, 0, root));
    } while (b->event->type != FYET_STREAM_END);
    return HPAC_OK;
}

static void builder_fini(builder *b)
{
    fy_parser_event_free(b->parser, b->event);
    fy_parser_destroy(b->parser);
    fy_diag_destroy(b->diag);
}

hpac_status hpac_yaml_parse(hpac_yaml *yaml, const hpac_yaml_source *source, const char *text,
                            size_t nbytes, hpac_yaml_node **root)
{
    *root = NULL;
    HPAC_AUTO(builder_fini) builder b = {.yaml = yaml, .here = {.source = *source, .line = 1}};
    HPAC_TRY(check_text(&b, text, nbytes));
    HPAC_TRY(hpac_yaml_add(yaml, HPAC_YAML_MAP, &b.here, "", 0, &b.anchors));
    struct fy_diag_cfg diag_options;
    fy_diag_cfg_default(&diag_options);
    diag_options.fp = NULL;
    HPAC_TRY_MEMORY(b.diag = fy_diag_create(&diag_options), sizeof diag_options);
    fy_diag_set_collect_errors(b.diag, true);
    const struct fy_parse_cfg options = {
        .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE,
        .diag = b.diag,
    };
    HPAC_TRY_MEMORY(b.parser = fy_parser_create(&options), sizeof options);
    HPAC_TRY_MEMORY(fy_parser_set_string(b.parser, text, nbytes) == 0, nbytes);
    return build_document(&b, root);
}

hpac_yaml_node *hpac_yaml_get(const hpac_yaml_node *map, const char *key)
{
    if (map && map->kind == HPAC_YAML_MAP)
        for (size_t i = 0; i < map->count; i++)
            if (strcmp(map->items[i].key->text, key) == 0)
                return map->items[i].value;
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
    enum { ROOM = HPAC_YAML_PLACE_NBYTES - 32 };
    const hpac_yaml_source *source = &node->source;
    const char *cut = strlen(source->name) > ROOM ? "..." : "";
    if (source->set)
        snprintf(place, HPAC_YAML_PLACE_NBYTES, "--set %.*s%s", ROOM, source->name, cut);
    else
        snprintf(place, HPAC_YAML_PLACE_NBYTES, "%.*s%s:%d", ROOM, source->name, cut, node->line);
    return place;
}

const char *hpac_yaml_show(const hpac_yaml_node *node, char shown[HPAC_SHOWN_NBYTES])
{
    size_t length = 0, nbytes;
    uint32_t code;
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
    shown[length++] = '"';
    for (; *text && length < HPAC_SHOWN_NBYTES - 10; text += nbytes) {
        nbytes = hpac_utf8_decode(text, &code);
        bool hidden = nbytes == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0);
        memcpy(shown + length, hidden ? "?" : text, hidden ? 1 : nbytes);
        length += hidden ? 1 : nbytes;
        nbytes += nbytes == 0; /* the name in --set NAME=VALUE need not be UTF-8 */
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

/* Where the value of `key` belongs in a list or map; in a map it is added where it is missing. */
static hpac_status find_slot(hpac_yaml_node *parent, const hpac_yaml_node *key,
                             hpac_yaml_node ***slot)
{
    size_t index = 0;
    if (parent->kind == HPAC_YAML_LIST) {
        char *end, place[HPAC_YAML_PLACE_NBYTES];
        index = strtoul(key->text, &end, 10) - 1;
        if (*end != '\0' || index >= parent->count)
            return hpac_fail(HPAC_ERR_CONFIG,
                             "%s: no element \"%s\" in the list; expected an integer in [1, %zu]",
                             hpac_yaml_place(key, place), key->text, parent->count);
    } else {
        while (index < parent->count && strcmp(parent->items[index].key->text, key->text) != 0)
            index++;
        if (index == parent->count)
            HPAC_TRY(hpac_yaml_append(parent, key, NULL));
        parent->items[index].key = key;
    }
    *slot = &parent->items[index].value;
    return HPAC_OK;
}

/* Replaces a node by a copy, whose items can be changed while others share the old one; a scalar by
 * an empty section. */
static hpac_status copy_section(hpac_yaml *yaml, const hpac_yaml_node *value, hpac_yaml_node **node)
{
    const hpac_yaml_node *old = *node && (*node)->kind != HPAC_YAML_SCALAR ? *node : NULL;
    HPAC_TRY(hpac_yaml_add(yaml, old ? old->kind : HPAC_YAML_MAP, old ? old : value, "", 0, node));
    for (size_t i = 0; old && i < old->count; i++)
        HPAC_TRY(hpac_yaml_append(*node, old->items[i].key, old->items[i].value));
    return HPAC_OK;
}

hpac_status hpac_yaml_put(hpac_yaml *yaml, hpac_yaml_node **root, const char *path, size_t nbytes,
                          hpac_yaml_node *value)
{
    char place[HPAC_YAML_PLACE_NBYTES];
    if (nbytes == 0 || path[0] == '.' || path[nbytes - 1] == '.' || memmem(path, nbytes, "..", 2))
        return hpac_fail(HPAC_ERR_CONFIG,
                         "%s: an empty key; expected KEY=VALUE, as in train.epochs=5",
                         hpac_yaml_place(value, place));
    hpac_yaml_node **slot = root, *key = NULL;
    for (size_t start = 0, length; start < nbytes; start += length + 1) {
        const char *dot = memchr(path + start, '.', nbytes - start);
        length = dot ? (size_t)(dot - path) - start : nbytes - start;
        HPAC_TRY(hpac_yaml_add(yaml, HPAC_YAML_SCALAR, value, path + start, length, &key));
        HPAC_TRY(copy_section(yaml, value, slot));
        HPAC_TRY(find_slot(*slot, key, &slot));
    }
    *slot = value;
    return HPAC_OK;
}
