/* Loading a configuration: file, overrides, schema, and the checks across keys. */
#include "config_schema.h"

#include "base/file.h"
#include "base/memory.h"

#include <ctype.h>
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
    if (!config)
        return;
    for (int i = 0; i < hpac_config_keys.count; i++)
        if (hpac_config_keys.keys[i].type == &hpac_key_path)
            free(*(char **)((char *)config + hpac_config_keys.keys[i].offset));
    free(config->name);
    free(config->layers);
    *config = (hpac_config){0};
}

char *hpac_config_name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    bool yaml = dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0) &&
                dot > name + strspn(name, "."); /* "." and ".." are no names of directories */
    return yaml ? strndup(name, (size_t)(dot - name)) : strdup(name);
}

/* ---- the tree: file and overrides ---- */

/* Puts a value at its path (nbytes). Elements of the default model can be set too: it is put into
 * the tree first. */
static hpac_status put_value(hpac_reader *reader, const char *path, size_t nbytes,
                             hpac_yaml_node *value, hpac_yaml_node **root)
{
    static const char *const file_paths[] = {"model.file", "model.layers"};
    for (size_t i = 0; i < 2; i++)
        if (nbytes == strlen(file_paths[i]) && memcmp(path, file_paths[i], nbytes) == 0)
            return hpac_model_file_put(reader, file_paths[i], value, root);
    if (strncmp(path, "model.", 6) == 0 && !hpac_yaml_get(*root, "model")) {
        static const hpac_yaml_source default_model = {.name = "the default model"};
        const hpac_yaml_source *source = value->source.set ? &value->source : &default_model;
        int index = hpac_keys_find(&hpac_config_keys, "model");
        const char *text = hpac_config_keys.keys[index].fallback;
        hpac_yaml_node *model;
        HPAC_TRY(hpac_yaml_parse(&reader->yaml, source, text, strlen(text), &model));
        HPAC_TRY(hpac_yaml_put(&reader->yaml, root, "model", strlen("model"), model));
    }
    return hpac_yaml_put(&reader->yaml, root, path, nbytes, value);
}

/* The shell makes lists hard to write: red,green and Cytosol are lists of --set, too. */
static bool is_bare_list(const char *set, const hpac_yaml_node *value)
{
    char path[HPAC_NEAREST_MAX + 1];
    snprintf(path, sizeof path, "%.*s", (int)value->source.key_nbytes, set);
    int index = hpac_keys_find(&hpac_config_keys, path);
    const hpac_key *key = index >= 0 ? &hpac_config_keys.keys[index] : NULL;
    if (!key || value->kind != HPAC_YAML_SCALAR || !value->plain || hpac_yaml_is_null(value))
        return false;
    if (strchr(value->text, ','))
        return key->type == &hpac_key_list || key->type == &hpac_key_weights;
    return key->type == &hpac_key_list && !hpac_yaml_is_word(value, key->word) &&
           !hpac_yaml_is_word(value, "none") &&
           (key->word || value->text[strspn(value->text, "+-.0123456789")]);
}

/* Puts one "key=value" into the tree. */
static hpac_status apply_override(hpac_reader *reader, const char *set, hpac_yaml_node **root)
{
    const char *equals = strchr(set, '=');
    if (!equals)
        return hpac_fail(HPAC_ERR_CONFIG, "--set %s: expected KEY=VALUE, as in train.epochs=5",
                         set);
    const hpac_yaml_source source = {
        .name = set, .set = true, .key_nbytes = (size_t)(equals - set)};
    hpac_yaml_node *value;
    HPAC_TRY(hpac_yaml_parse(&reader->yaml, &source, equals + 1, strlen(equals + 1), &value));
    if (!value)
        return hpac_fail(HPAC_ERR_CONFIG, "--set %s: has no value", set);
    if (is_bare_list(set, value)) {
        HPAC_AUTO_FREE char *list = NULL;
        HPAC_TRY_MEMORY(asprintf(&list, "[%s]", equals + 1) >= 0, strlen(set));
        HPAC_TRY(hpac_yaml_parse(&reader->yaml, &source, list, strlen(list), &value));
    }
    return put_value(reader, set, source.key_nbytes, value, root);
}

/* A CONFIG of one override becomes a problem; other failures are passed on. */
static hpac_status note_problem(hpac_reader *reader, hpac_status status)
{
    if (status != HPAC_ERR_CONFIG)
        return status;
    hpac_problems_add(&reader->problems, "%s", hpac_error_message());
    return HPAC_OK;
}

static bool is_element(const char *path)
{
    return strncmp(path, "model.", 6) == 0 && isdigit((unsigned char)path[6]);
}

/* Puts the values that are, or are not, elements of the model. */
static hpac_status put_values(hpac_reader *reader, const hpac_config_parts *parts, bool elements,
                              hpac_yaml_node **root)
{
    for (int i = 0; i < parts->value_count; i++) {
        const hpac_config_value *value = &parts->values[i];
        if (is_element(value->path) == elements)
            HPAC_TRY(note_problem(
                reader, put_value(reader, value->path, strlen(value->path), value->node, root)));
    }
    for (int i = 0; i < parts->set_count; i++)
        if (is_element(parts->sets[i]) == elements)
            HPAC_TRY(note_problem(reader, apply_override(reader, parts->sets[i], root)));
    return HPAC_OK;
}

/* Whether a model is a layer, or a block, and no list of them. */
static bool is_layer(const hpac_yaml_node *model)
{
    return hpac_yaml_get(model, "type") || hpac_yaml_get(model, "block");
}

/* The file with all overrides. Those of single layers come last: the layers of a file are known
 * only then. *good: the model is a list of layers. */
static hpac_status make_tree(hpac_reader *reader, const hpac_config_parts *parts,
                             hpac_yaml_node **root, bool *good)
{
    *good = true;
    HPAC_TRY(hpac_yaml_parse(&reader->yaml, &reader->source, parts->text, parts->nbytes, root));
    if (!*root || (*root)->kind != HPAC_YAML_MAP)
        return hpac_fail(HPAC_ERR_CONFIG, "%s: %s; expected keys, such as data:", parts->document,
                         *root ? "has no keys" : "is empty");
    HPAC_TRY(put_values(reader, parts, false, root));
    if (is_layer(hpac_yaml_get(*root, "model"))) {
        hpac_reader_expected(reader, "model", hpac_yaml_get(*root, "model"),
                             "a list, in which each layer begins with \"- \"");
        *good = false;
    } else if (hpac_model_is_file(*root))
        HPAC_TRY(hpac_model_file_expand(reader, root, good));
    if (*good)
        HPAC_TRY(put_values(reader, parts, true, root));
    return hpac_blocks_expand(reader, root);
}

hpac_loss_formula hpac_config_loss_formula(const hpac_config_loss *loss)
{
    bool focal = loss->kind == HPAC_LOSS_FOCAL;
    return (hpac_loss_formula){
        .gamma_pos = focal ? loss->gamma : loss->gamma_pos,
        .gamma_neg = focal ? loss->gamma : loss->gamma_neg,
        .clip = loss->clip,
        .alpha = loss->alpha,
        .label_smoothing = loss->label_smoothing,
    };
}

static const hpac_yaml_node *node_of(const hpac_keys *keys, const char *path)
{
    return keys->nodes[hpac_keys_find(&hpac_config_keys, path)];
}

/* Whether all keys that begin so were read well, so that checks can build on them. */
static bool usable(const hpac_keys *keys, const char *beginning)
{
    for (int i = 0; i < hpac_config_keys.count; i++)
        if (keys->bad[i] &&
            strncmp(hpac_config_keys.keys[i].path, beginning, strlen(beginning)) == 0)
            return false;
    return true;
}

static void need_both(const hpac_keys *keys, const char *path, const char *other)
{
    if (node_of(keys, path) && !node_of(keys, other))
        hpac_reader_refuse(keys->reader, path, node_of(keys, path), "needs %s as well", other);
}

/* True if the image has at least one pixel left along rows or cols. */
static bool check_scale(const hpac_keys *keys, const char *image_path, const char *scale_path,
                        size_t image, size_t scale)
{
    if (!usable(keys, image_path) || !usable(keys, scale_path))
        return false;
    if (scale <= image)
        return true;
    /* The defaults fit each other: one of the two was given. */
    const char *path = node_of(keys, scale_path) ? scale_path : image_path;
    hpac_reader_refuse(keys->reader, path, node_of(keys, path),
                       "an image of %zu pixels, scaled down by %zu, has no pixel left", image,
                       scale);
    return false;
}

static void check_split_and_train(const hpac_keys *keys, const hpac_config *config)
{
    int last_fold = config->data.split.folds * config->data.split.repeats - 1;
    const hpac_yaml_node *weights = node_of(keys, "train.positive_weights");
    if (usable(keys, "data.split") && config->data.fold > last_fold)
        hpac_reader_refuse(keys->reader, "data.split.fold", node_of(keys, "data.split.fold"),
                           "expected an integer in [0, %d] (folds x repeats - 1), not %d",
                           last_fold, config->data.fold);
    if (config->train.weighting == HPAC_WEIGHTING_LIST && usable(keys, "train.positive_weights") &&
        usable(keys, "data.targets") && weights->count != config->data.target_count)
        hpac_reader_refuse(keys->reader, "train.positive_weights", weights,
                           "%zu weights, but data.targets has %zu classes", weights->count,
                           config->data.target_count);
    if (usable(keys, "train.early_stopping") && config->train.min_delta > 0.0f &&
        config->train.patience == 0)
        hpac_reader_refuse(keys->reader, "train.early_stopping.min_delta",
                           node_of(keys, "train.early_stopping.min_delta"),
                           "has no effect without train.early_stopping.patience >= 1");
}

static void check_optimizer(const hpac_keys *keys, const hpac_config *config)
{
    if (config->train.optimizer.nesterov && config->train.optimizer.momentum == 0.0F &&
        usable(keys, "train.optimizer"))
        hpac_reader_refuse(keys->reader, "train.optimizer.nesterov",
                           node_of(keys, "train.optimizer.nesterov"),
                           "has no effect without train.optimizer.momentum > 0");
    if (usable(keys, "train.schedule") && usable(keys, "train.epochs") &&
        config->train.schedule.warm_up >= (float)config->train.epochs)
        hpac_reader_refuse(keys->reader, "train.schedule.warm_up",
                           node_of(keys, "train.schedule.warm_up"),
                           "expected fewer than the %d of train.epochs", config->train.epochs);
}

/* Two files of weights, and what has no effect. */
static void check_start(const hpac_keys *keys, const hpac_config *config)
{
    const hpac_yaml_node *weights = node_of(keys, "train.initial_weights");
    bool norms = false;
    if (weights && node_of(keys, "train.initial_model"))
        hpac_reader_refuse(keys->reader, "train.initial_weights", weights,
                           "excludes train.initial_model; give one of them");
    if (config->train.initial_channel_count > 0 && !config->train.initial_model &&
        !config->train.initial_weights)
        hpac_reader_refuse(keys->reader, "train.initial_channels",
                           node_of(keys, "train.initial_channels"),
                           "has no effect without train.initial_model or train.initial_weights");
    for (size_t i = 0; i < config->layer_count; i++)
        norms |= config->layers[i].kind == HPAC_LAYER_BATCH_NORM;
    if (config->train.batch_norm_frozen && usable(keys, "train.batch_norm_frozen") &&
        usable(keys, "model") && !norms)
        hpac_reader_refuse(keys->reader, "train.batch_norm_frozen",
                           node_of(keys, "train.batch_norm_frozen"),
                           "has no effect on a model without batch_norm");
}

/* A softmax has a loss of its own. */
static void check_loss(const hpac_keys *keys, const hpac_config *config)
{
    const hpac_loss_formula formula = hpac_config_loss_formula(&config->train.loss);
    bool smoothed = config->train.loss.label_smoothing > 0;
    const char *path = smoothed ? "train.loss.label_smoothing" : "train.loss.type";
    if (config->layer_count > 0 && usable(keys, "train.loss") && usable(keys, "model") &&
        config->layers[config->layer_count - 1].activation == HPAC_ACTIVATION_SOFTMAX &&
        !hpac_loss_is_plain(&formula))
        hpac_reader_refuse(keys->reader, path, node_of(keys, path),
                           "a model that ends in a softmax has the loss bce, without smoothing");
}

static void check_across_keys(const hpac_keys *keys, hpac_config *config)
{
    const hpac_config_data *data = &config->data;
    need_both(keys, "data.test.images", "data.test.ids");
    need_both(keys, "data.test.ids", "data.test.images");
    check_split_and_train(keys, config);
    check_optimizer(keys, config);
    check_start(keys, config);
    check_loss(keys, config);
    bool rows =
        check_scale(keys, "data.image.rows", "data.scale.rows", data->image_rows, data->scale_rows);
    bool cols =
        check_scale(keys, "data.image.cols", "data.scale.cols", data->image_cols, data->scale_cols);
    if (rows && cols && usable(keys, "data.channels") && usable(keys, "data.targets") &&
        usable(keys, "model"))
        hpac_model_finish(keys->reader, node_of(keys, "model"), config);
}

static bool is_sweep(const hpac_yaml_node *root)
{
    return !hpac_yaml_get(root, "data") &&
           (hpac_yaml_get(root, "grid") || hpac_yaml_get(root, "runs"));
}

static hpac_status read_parts(hpac_reader *reader, const hpac_config_parts *parts,
                              hpac_config *config)
{
    hpac_yaml_node *root;
    hpac_keys keys = {reader, &hpac_config_keys, "", .record = config};
    bool good_model;
    HPAC_TRY(make_tree(reader, parts, &root, &good_model));
    hpac_keys_read(&keys, root);
    HPAC_TRY(reader->status);
    keys.bad[hpac_keys_find(&hpac_config_keys, "model")] |= !good_model || reader->incomplete;
    check_across_keys(&keys, config);
    if (is_sweep(root))
        reader->problems.cause = "this is a sweep, not a configuration: train it with hpac sweep";
    if (reader->problems.count > 0)
        return HPAC_ERR_CONFIG;
    HPAC_TRY_MEMORY(config->name = hpac_config_name_of(parts->document), strlen(parts->document));
    return HPAC_OK;
}

hpac_status hpac_config_assemble(const hpac_config_parts *parts, hpac_problems *problems,
                                 hpac_config *config)
{
    *config = (hpac_config){0};
    *problems = (hpac_problems){0};
    hpac_reader reader = {.source.name = parts->document, .expand = parts->expand};
    hpac_status status = read_parts(&reader, parts, config);
    if (status != HPAC_OK)
        hpac_config_fini(config);
    if (status == HPAC_ERR_CONFIG)
        *problems = reader.problems;
    else
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
    hpac_status status = hpac_file_read(path, MAX_FILE_NBYTES, (unsigned char **)text, nbytes);
    /* To the user a file that cannot be read is a wrong configuration. */
    return status == HPAC_ERR_DATA ? hpac_fail_within(HPAC_ERR_CONFIG, "%s", what) : status;
}

hpac_status hpac_config_load(const char *path, const char *const *sets, int set_count,
                             hpac_config *config)
{
    HPAC_TRY_GIVEN(config);
    *config = (hpac_config){0};
    HPAC_TRY_GIVEN(path);
    if (set_count < 0)
        return hpac_fail(HPAC_ERR_INTERNAL, "%s: set_count is %d", __func__, set_count);
    if (set_count > 0)
        HPAC_TRY_GIVEN(sets);
    for (int i = 0; i < set_count; i++)
        HPAC_TRY_GIVEN(sets[i]);
    HPAC_AUTO_FREE char *text = NULL;
    size_t nbytes = 0;
    HPAC_TRY(hpac_config_read_file("configuration", path, &text, &nbytes));
    const hpac_config_parts parts = {.document = path,
                                     .text = text,
                                     .nbytes = nbytes,
                                     .sets = sets,
                                     .set_count = set_count,
                                     .expand = true};
    return load_parts(&parts, config);
}

hpac_status hpac_config_parse(const char *document, const char *text, hpac_config *config)
{
    HPAC_TRY_GIVEN(config);
    *config = (hpac_config){0};
    HPAC_TRY_GIVEN(document);
    HPAC_TRY_GIVEN(text);
    const hpac_config_parts parts = {.document = document, .text = text, .nbytes = strlen(text)};
    return load_parts(&parts, config);
}
