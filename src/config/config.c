/* Loading a configuration: file, overrides, schema, and what only the whole can tell. */
#include "config_schema.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

#define MAX_FILE_NBYTES ((size_t)256 << 10)

hpac_shape hpac_config_input_shape(const hpac_config *config)
{
    return (hpac_shape){
        .rank = 3,
        .rows = config->data.image_rows / config->data.scale_rows,
        .cols = config->data.image_cols / config->data.scale_cols,
        .channels = config->data.channels,
    };
}

hpac_device_options hpac_config_device_options(const hpac_config *config, const char *name)
{
    return (hpac_device_options){
        .name = name,
        .threads = config->device.threads,
        .precision = config->device.precision,
        .deterministic = config->device.deterministic,
        .image_layout = config->device.image_layout,
    };
}

void hpac_config_fini(hpac_config *config)
{
    free(config->name);
    free(config->data.labels);
    free(config->data.images);
    free(config->data.test_images);
    free(config->data.test_ids);
    free(config->train.initial_model);
    free(config->layers);
    *config = (hpac_config){0};
}

char *hpac_config_name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    bool yaml = dot && dot > name && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
    return yaml ? strndup(name, (size_t)(dot - name)) : strdup(name);
}

/* Elements of the default model can be set too: it is put into the tree first. */
static hpac_status put_default_model(hpac_reader *reader, const hpac_yaml_source *source,
                                     hpac_yaml_node **root)
{
    const char *text = hpac_config_keys.keys[hpac_keys_find(&hpac_config_keys, "model")].fallback;
    hpac_yaml_node *model;
    hpac_status status = hpac_yaml_parse(&reader->yaml, source, text, strlen(text), &model);
    return status == HPAC_OK ? hpac_yaml_put(&reader->yaml, root, "model", model) : status;
}

/* Puts a value at its path; `source` is that of a default model, where the path leads into one. */
static hpac_status put_value(hpac_reader *reader, const hpac_config_value *value,
                             const hpac_yaml_source *source, hpac_yaml_node **root)
{
    hpac_status status = HPAC_OK;
    if (strncmp(value->path, "model.", 6) == 0 && !hpac_yaml_get(*root, "model"))
        status = put_default_model(reader, source, root);
    return status == HPAC_OK ? hpac_yaml_put(&reader->yaml, root, value->path, value->node)
                             : status;
}

/* Puts one "key=value" into the tree. */
static hpac_status apply_override(hpac_reader *reader, const char *set, hpac_yaml_node **root)
{
    const char *equals = strchr(set, '=');
    if (!equals)
        return hpac_fail(HPAC_ERR_CONFIG, "--set %s: expected KEY=VALUE, as in train.epochs=5",
                         set);
    const hpac_yaml_source *source =
        hpac_yaml_source_create(&reader->yaml, set, (size_t)(equals - set));
    if (!source)
        return hpac_fail_memory(strlen(set));
    hpac_config_value value = {.path = source->path};
    hpac_status status =
        hpac_yaml_parse(&reader->yaml, source, equals + 1, strlen(equals + 1), &value.node);
    if (status != HPAC_OK)
        return status;
    if (!value.node)
        return hpac_fail(HPAC_ERR_CONFIG, "%s: has no value", source->name);
    return put_value(reader, &value, source, root);
}

/* What is wrong with one of several becomes a problem; other failures are handed on. */
static hpac_status note_problem(hpac_reader *reader, hpac_status status)
{
    if (status != HPAC_ERR_CONFIG)
        return status;
    hpac_problems_add(&reader->problems, "%s", hpac_error_message());
    return HPAC_OK;
}

static hpac_status put_values(hpac_reader *reader, const hpac_config_parts *parts,
                              hpac_yaml_node **root)
{
    static const hpac_yaml_source default_model = {.name = "the default model", .path = "model"};
    hpac_status status = HPAC_OK;
    for (int i = 0; i < parts->value_count && status == HPAC_OK; i++)
        status = note_problem(reader, put_value(reader, &parts->values[i], &default_model, root));
    return status;
}

static hpac_status apply_overrides(hpac_reader *reader, const hpac_config_parts *parts,
                                   hpac_yaml_node **root)
{
    hpac_status status = HPAC_OK;
    for (int i = 0; i < parts->set_count && status == HPAC_OK; i++)
        status = note_problem(reader, apply_override(reader, parts->sets[i], root));
    return status;
}

static const hpac_yaml_node *node_of(const hpac_keys_seen *seen, const char *path)
{
    return seen->nodes[hpac_keys_find(&hpac_config_keys, path)];
}

/* Whether all keys that begin so were read well, so that checks can build on them. */
static bool usable(const hpac_keys_seen *seen, const char *beginning)
{
    for (int i = 0; i < hpac_config_keys.count; i++)
        if (seen->bad[i] &&
            strncmp(hpac_config_keys.keys[i].path, beginning, strlen(beginning)) == 0)
            return false;
    return true;
}

static void check_test(hpac_reader *reader, const hpac_keys_seen *seen)
{
    static const char images[] = "data.test.images", ids[] = "data.test.ids";
    const hpac_yaml_node *images_node = node_of(seen, images), *ids_node = node_of(seen, ids);
    if (images_node && !ids_node)
        hpac_reader_refuse(reader, images, images_node, "needs %s as well", ids);
    if (ids_node && !images_node)
        hpac_reader_refuse(reader, ids, ids_node, "needs %s as well", images);
}

static void check_fold(hpac_reader *reader, const hpac_keys_seen *seen, const hpac_config *config)
{
    const hpac_split_options *split = &config->data.split;
    int folds = split->folds * split->repeats;
    if (usable(seen, "data.split") && config->data.fold >= folds)
        hpac_reader_refuse(reader, "data.split.fold", node_of(seen, "data.split.fold"),
                           "expected 0..%d (folds x repeats - 1), not %d", folds - 1,
                           config->data.fold);
}

/* True if the image has at least one pixel left along rows or cols. */
static bool check_scale(hpac_reader *reader, const hpac_keys_seen *seen, const char *image_path,
                        const char *scale_path, size_t image, size_t scale)
{
    if (!usable(seen, image_path) || !usable(seen, scale_path))
        return false;
    if (scale <= image)
        return true;
    /* The defaults fit each other: one of the two was given. */
    const hpac_yaml_node *node = node_of(seen, scale_path);
    const char *path = node ? scale_path : image_path;
    hpac_reader_refuse(reader, path, node ? node : node_of(seen, image_path),
                       "an image of %zu, scaled down by %zu, has no pixel left", image, scale);
    return false;
}

static void check_train(hpac_reader *reader, const hpac_keys_seen *seen, const hpac_config *config)
{
    const hpac_yaml_node *weights = node_of(seen, "train.positive_weights");
    const hpac_yaml_node *min_delta = node_of(seen, "train.early_stopping.min_delta");
    if (config->train.weighting == HPAC_WEIGHTING_LIST && usable(seen, "train.positive_weights") &&
        usable(seen, "data.targets") && (size_t)weights->count != config->data.target_count)
        hpac_reader_refuse(reader, "train.positive_weights", weights,
                           "%d weights, but data.targets has %zu classes", weights->count,
                           config->data.target_count);
    if (usable(seen, "train.early_stopping") && config->train.min_delta > 0.0f &&
        config->train.patience == 0)
        hpac_reader_refuse(reader, "train.early_stopping.min_delta", min_delta,
                           "does nothing without train.early_stopping.patience of 1 or more");
}

/* What no key can tell by itself. */
static void check_whole(hpac_reader *reader, const hpac_keys_seen *seen, hpac_config *config)
{
    const hpac_config_data *data = &config->data;
    check_test(reader, seen);
    check_fold(reader, seen, config);
    check_train(reader, seen, config);
    bool rows = check_scale(reader, seen, "data.image.rows", "data.scale.rows", data->image_rows,
                            data->scale_rows);
    bool cols = check_scale(reader, seen, "data.image.cols", "data.scale.cols", data->image_cols,
                            data->scale_cols);
    if (rows && cols && usable(seen, "data.channels") && usable(seen, "data.targets") &&
        usable(seen, "model"))
        hpac_model_finish(reader, node_of(seen, "model"), config);
}

static hpac_status read_tree(hpac_reader *reader, const hpac_yaml_node *root, hpac_config *config)
{
    hpac_keys_seen seen = {0};
    hpac_keys_read(reader, &hpac_config_keys, "", root, config, &seen);
    hpac_keys_default(reader, &hpac_config_keys, config, &seen);
    if (reader->status == HPAC_OK)
        check_whole(reader, &seen, config);
    return reader->status;
}

static hpac_status read_parts(hpac_reader *reader, const hpac_config_parts *parts,
                              hpac_config *config)
{
    hpac_yaml_node *root;
    const hpac_yaml_source source = {.name = reader->document};
    hpac_status status = hpac_yaml_parse(&reader->yaml, &source, parts->text, parts->nbytes, &root);
    if (status == HPAC_OK && (!root || root->kind != HPAC_YAML_MAP))
        status =
            hpac_fail(HPAC_ERR_CONFIG, "%s: %s; expected keys, such as data:", reader->document,
                      root ? "holds no keys" : "is empty");
    if (status == HPAC_OK)
        status = put_values(reader, parts, &root);
    if (status == HPAC_OK)
        status = apply_overrides(reader, parts, &root);
    return status == HPAC_OK ? read_tree(reader, root, config) : status;
}

hpac_status hpac_config_assemble(const hpac_config_parts *parts, hpac_problems *problems,
                                 hpac_config *config)
{
    *config = (hpac_config){0};
    *problems = (hpac_problems){0};
    hpac_reader reader = {.document = parts->document};
    hpac_status status = read_parts(&reader, parts, config);
    if (status == HPAC_OK && reader.problems.count > 0) {
        status = HPAC_ERR_CONFIG;
        *problems = reader.problems;
        reader.problems = (hpac_problems){0};
    }
    if (status == HPAC_OK) {
        config->name = hpac_config_name_of(parts->document);
        if (!config->name)
            status = hpac_fail_memory(strlen(parts->document) + 1);
    }
    if (status != HPAC_OK)
        hpac_config_fini(config);
    free(reader.problems.text);
    hpac_yaml_fini(&reader.yaml);
    return status;
}

static hpac_status load_parts(const hpac_config_parts *parts, hpac_config *config)
{
    hpac_problems problems;
    hpac_status status = hpac_config_assemble(parts, &problems, config);
    return problems.count > 0
               ? hpac_problems_finish(&problems, HPAC_ERR_CONFIG, "%s", parts->document)
               : status;
}

hpac_status hpac_config_read_file(const char *what, const char *path, char **text, size_t *nbytes)
{
    unsigned char *bytes = NULL;
    hpac_status status = hpac_file_read(path, MAX_FILE_NBYTES, &bytes, nbytes);
    *text = (char *)bytes;
    /* To the user a file that cannot be read is a configuration that is wrong. */
    return status == HPAC_ERR_DATA ? hpac_fail_within(HPAC_ERR_CONFIG, "%s", what) : status;
}

hpac_status hpac_config_load(const char *path, const char *const *sets, int set_count,
                             hpac_config *config)
{
    *config = (hpac_config){0};
    char *text;
    size_t nbytes = 0;
    hpac_status status = hpac_config_read_file("configuration", path, &text, &nbytes);
    if (status == HPAC_OK) {
        const hpac_config_parts parts = {
            .document = path, .text = text, .nbytes = nbytes, .sets = sets, .set_count = set_count};
        status = load_parts(&parts, config);
    }
    free(text);
    return status;
}

hpac_status hpac_config_parse(const char *document, const char *text, hpac_config *config)
{
    const hpac_config_parts parts = {.document = document, .text = text, .nbytes = strlen(text)};
    return load_parts(&parts, config);
}

hpac_status hpac_config_default(hpac_config *config)
{
    *config = (hpac_config){0};
    hpac_reader reader = {.document = "the defaults"};
    const hpac_keys_seen none = {0};
    hpac_keys_default(&reader, &hpac_config_keys, config, &none);
    if (reader.status != HPAC_OK)
        hpac_config_fini(config);
    free(reader.problems.text);
    hpac_yaml_fini(&reader.yaml);
    return reader.status;
}
