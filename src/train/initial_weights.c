/* What a training starts from: weights that are drawn, or those of a file. */
#include "train_internal.h"

#include <hpac/log.h>

#include "base/memory.h"
#include "base/text.h"
#include "config/config_schema.h"
#include "model/model_files.h"
#include "render/json.h"

#include <string.h>

/* ---- loading ---- */

static bool are_same(const size_t *a, const size_t *b, size_t count)
{
    return memcmp(a, b, count * sizeof *a) == 0;
}

static bool reads_same(const hpac_layer *a, const hpac_layer *b)
{
    return a->input_count == b->input_count && are_same(a->inputs, b->inputs, a->input_count);
}

static bool has_same_windows(const hpac_layer *a, const hpac_layer *b)
{
    return a->kernel_rows == b->kernel_rows && a->kernel_cols == b->kernel_cols &&
           a->stride_rows == b->stride_rows && a->stride_cols == b->stride_cols &&
           a->dilation_rows == b->dilation_rows && a->dilation_cols == b->dilation_cols &&
           a->padding == b->padding && are_same(a->zeros, b->zeros, 4);
}

static bool is_rescaled_alike(const hpac_layer *a, const hpac_layer *b)
{
    bool same = true;
    if (a->rescaled != b->rescaled) /* that of other channels is the configuration's */
        return true;
    for (size_t i = 0; same && i < a->rescaled; i++)
        same = a->mean[i] == b->mean[i] && a->deviation[i] == b->deviation[i];
    return same;
}

/* Whatever their names, dropout rates, initializers, weight decays and momenta. A head may have
 * other outputs, and then another activation. */
static bool is_same_layer(const hpac_layer *a, const hpac_layer *b, bool head)
{
    bool new_head = head && a->kind == HPAC_LAYER_DENSE && a->units != b->units;
    return a->kind == b->kind && a->filters == b->filters && (new_head || a->units == b->units) &&
           has_same_windows(a, b) && a->groups == b->groups &&
           a->depth_multiplier == b->depth_multiplier &&
           (new_head || a->activation == b->activation) && a->no_bias == b->no_bias &&
           a->no_scale == b->no_scale && a->no_center == b->no_center && a->epsilon == b->epsilon &&
           a->keep_dims == b->keep_dims && are_same(a->shape, b->shape, 3) &&
           is_rescaled_alike(a, b) && reads_same(a, b);
}

static bool has_same_input(hpac_shape a, hpac_shape b, bool exactly)
{
    return a.rank == b.rank && a.rows == b.rows && a.cols == b.cols &&
           (a.channels == b.channels || (!exactly && b.channels == 3));
}

hpac_status train_check_layers(const hpac_model *expected, const hpac_model *found, bool exactly)
{
    const hpac_shape *a = &expected->input, *b = &found->input;
    if (!has_same_input(*a, *b, exactly))
        return hpac_fail(HPAC_ERR_DATA,
                         "input of %zu x %zu x %zu, expected %zu x %zu x %zu as in the "
                         "configuration",
                         b->rows, b->cols, b->channels, a->rows, a->cols, a->channels);
    for (size_t i = 0; i < expected->layer_count && i < found->layer_count; i++) {
        const hpac_layer *x = &expected->layers[i], *y = &found->layers[i];
        bool head = !exactly && i + 1 == expected->layer_count;
        char wanted[HPAC_LAYER_TEXT_NBYTES], given[HPAC_LAYER_TEXT_NBYTES];
        hpac_layer_describe(x, wanted);
        hpac_layer_describe(y, given);
        if (!is_same_layer(x, y, head))
            return hpac_fail(HPAC_ERR_DATA,
                             "layer %zu is %s %s, expected %s %s as in the configuration", i + 1,
                             hpac_layer_name(y), given, hpac_layer_name(x), wanted);
    }
    if (exactly ? expected->layer_count != found->layer_count
                : expected->layer_count < found->layer_count)
        return hpac_fail(HPAC_ERR_DATA, "%zu layers, expected %s%zu as in the configuration",
                         found->layer_count, exactly ? "" : "at most ", expected->layer_count);
    return HPAC_OK;
}

/* The channels of the file: those that are given, else those of the run that wrote it. */
static void set_channels(train_job *training, const char *yaml)
{
    const hpac_config_train *train = &training->config->train;
    HPAC_AUTO(hpac_config_fini) hpac_config old = {0};
    if (train->initial_channel_count > 0)
        hpac_start_set_channels(&training->start, train->initial_channels,
                                train->initial_channel_count);
    else if (yaml && hpac_config_parse("hpac/config", yaml, &old) == HPAC_OK)
        hpac_start_set_channels(&training->start, old.data.channel_order, old.data.channels);
}

/* "[blue, green, red]" */
static void describe_channels(const int *channels, size_t count, char text[64])
{
    *text = '\0';
    for (size_t i = 0; i < count; i++)
        hpac_text_append(text, 64, "%s%s", i > 0 ? ", " : "[", hpac_channel_names[channels[i]]);
    hpac_text_append(text, 64, "]");
}

static bool is_uniform(const hpac_layer *rescale)
{
    bool same = true;
    for (size_t i = 1; i < rescale->rescaled; i++)
        same &=
            rescale->mean[i] == rescale->mean[0] && rescale->deviation[i] == rescale->deviation[0];
    return same;
}

/* Whether the channels of the file are known and those of the data set. */
static bool has_same_channels(const hpac_start *start)
{
    size_t count = start->file_channel_count;
    return count == start->model->input.channels &&
           memcmp(start->file_channels, start->channel_order,
                  count * sizeof *start->file_channels) == 0;
}

/* Layers that are taken of a file as they are have numbers for its channels. */
static hpac_status check_rescale(const hpac_start *start, const hpac_model *found)
{
    size_t count = start->file_channel_count;
    char old[64], new[64];
    if (count != found->input.channels || count != start->model->input.channels ||
        has_same_channels(start))
        return HPAC_OK;
    describe_channels(start->file_channels, count, old);
    describe_channels(start->channel_order, count, new);
    for (size_t i = 0; i < found->layer_count; i++)
        if (found->layers[i].kind == HPAC_LAYER_RESCALE && !is_uniform(&found->layers[i]))
            return hpac_fail(HPAC_ERR_DATA,
                             "layer %zu, rescale: has numbers for the channels %s of the file, "
                             "data.channels is %s; give data.channels in the file's order",
                             i + 1, old, new);
    return HPAC_OK;
}

/* By position: the same layers. */
static hpac_status take_model(train_job *training)
{
    const hpac_model *model = &training->model;
    hpac_model *found = &training->initial_model;
    HPAC_TRY(train_check_layers(model, found, false));
    set_channels(training, found->config_yaml);
    HPAC_TRY(check_rescale(&training->start, found));
    return hpac_start_take_model(&training->start, found);
}

static hpac_status load_model(train_job *training, const char *path)
{
    hpac_model *found = &training->initial_model;
    HPAC_TRY(hpac_model_load_sized(path, training->model.input, found));
    hpac_status status = take_model(training);
    hpac_weights_destroy(found->weights, found->layer_count);
    found->weights = NULL;
    return hpac_fail_within(status, "%s", path);
}

/* By names. */
static hpac_status load_weights(train_job *training, const char *path)
{
    HPAC_AUTO_FREE char *yaml = NULL;
    HPAC_TRY(hpac_model_read_config(path, &yaml));
    set_channels(training, yaml);
    return hpac_start_read(&training->start, path);
}

/* Channels that are given must be of use. */
static hpac_status check_channels(const train_job *training)
{
    if (training->config->train.initial_channel_count == 0 || training->start.reads_image)
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_DATA, "train.initial_channels: has no effect, since no convolution "
                                    "that reads the image is from the file");
}

/* Adds the names of the layers with a fit to the object, as a list. */
static bool add_names(json_t *object, const char *key, const hpac_start *start, hpac_start_fit fit)
{
    json_t *list = json_array();
    bool good = list != NULL;
    for (size_t i = 0; good && i < start->model->layer_count; i++)
        if (start->fits[i] == fit)
            good = json_array_append_new(list, hpac_json_text(start->names[i])) == 0;
    return json_object_set_new(object, key, list) == 0 && good;
}

/* Adds the file's channels. */
static bool add_channels(json_t *object, const hpac_start *start)
{
    json_t *list = json_array();
    bool good = list != NULL;
    for (size_t i = 0; good && i < start->file_channel_count; i++)
        good = json_array_append_new(list,
                                     json_string(hpac_channel_names[start->file_channels[i]])) == 0;
    return json_object_set_new(object, "channels", list) == 0 && good;
}

static hpac_status make_json(train_job *training, const char *path)
{
    const hpac_start *start = &training->start;
    json_t *json = json_pack("{s:o}", "file", hpac_json_text(path)), *unused = json_array();
    training->start_json = json;
    bool good = add_names(json, "loaded", start, HPAC_START_LOADED) &&
                add_names(json, "converted", start, HPAC_START_CONVERTED) &&
                add_names(json, "new_head", start, HPAC_START_NEW_HEAD) &&
                add_names(json, "drawn", start, HPAC_START_DRAWN);
    if (hpac_start_count(start, HPAC_START_CONVERTED) > 0)
        good = add_channels(json, start) && good;
    for (size_t i = 0; good && start->unused[i]; i++)
        good = json_array_append_new(unused, hpac_json_text(start->unused[i])) == 0;
    good = json_object_set_new(json, "unused", unused) == 0 && good;
    return good ? HPAC_OK : hpac_fail_memory(1);
}

static const char *path_of(const hpac_config *config)
{
    return config->train.initial_model ? config->train.initial_model
                                       : config->train.initial_weights;
}

hpac_status train_load_start(train_job *training)
{
    const hpac_config *config = training->config;
    const char *path = path_of(config);
    if (!path)
        return HPAC_OK;
    HPAC_TRY(hpac_start_init(&training->start, &training->model, config->data.channel_order));
    hpac_status status =
        config->train.initial_model ? load_model(training, path) : load_weights(training, path);
    HPAC_TRY(hpac_fail_within(status, "%s",
                              config->train.initial_model ? "train.initial_model"
                                                          : "train.initial_weights"));
    HPAC_TRY(check_channels(training));
    return make_json(training, path);
}

/* ---- reporting ---- */

/* "  <what>: conv1, conv2, ... (8)" of a list of names with NULL behind it; nothing if it is empty.
 * Most networks have more layers than a line has room for. */
static void print_names(const char *what, char *const *names, FILE *stream)
{
    enum { SHOWN = 6 };
    size_t count = hpac_names_count(names);
    if (count > 0)
        fprintf(stream, "  %s: ", what);
    for (size_t i = 0; i < count && i < SHOWN; i++)
        fprintf(stream, "%s%s", i > 0 ? ", " : "", names[i]);
    if (count > SHOWN)
        fprintf(stream, ", ... (%zu)", count);
    if (count > 0)
        fputc('\n', stream);
}

/* The same of the layers with a fit. */
static void print_layers(const char *what, const hpac_start *start, hpac_start_fit fit,
                         FILE *stream)
{
    size_t count = 0;
    HPAC_AUTO_FREE char **names = calloc(start->model->layer_count + 1, sizeof *names);
    for (size_t i = 0; names && i < start->model->layer_count; i++)
        if (start->fits[i] == fit)
            names[count++] = start->names[i];
    if (names)
        print_names(what, names, stream);
}

void train_print_start(const train_job *training, FILE *stream)
{
    const hpac_start *start = &training->start;
    const hpac_config *config = training->config;
    char text[160], old[64], new[64];
    if (!start->model)
        return;
    size_t converted = hpac_start_count(start, HPAC_START_CONVERTED);
    size_t taken = hpac_start_count(start, HPAC_START_LOADED) + converted;
    size_t all = start->model->layer_count - hpac_start_count(start, HPAC_START_NONE);
    fprintf(stream, "weights: from %s: %zu of %zu layers\n", path_of(config), taken, all);
    describe_channels(start->file_channels, start->file_channel_count, old);
    describe_channels(start->channel_order, start->model->input.channels, new);
    snprintf(text, sizeof text, "from channels %s to %s", old, new);
    print_layers(text, start, HPAC_START_CONVERTED, stream);
    snprintf(text, sizeof text, "drawn, with %zu outputs for the file's %zu",
             hpac_model_output_count(start->model), start->head_units);
    print_layers(text, start, HPAC_START_NEW_HEAD, stream);
    print_layers("drawn, since the file does not have them", start, HPAC_START_DRAWN, stream);
    print_names("not used of the file", start->unused, stream);
}

/* Filters of the first layer were learned for the stains of their channels, and are in their order.
 */
static void warn_of_channels(const hpac_start *start, const char *path)
{
    size_t count = start->model->input.channels;
    char old[64], new[64];
    if (start->file_channel_count == 0 || hpac_start_count(start, HPAC_START_CONVERTED) > 0 ||
        has_same_channels(start))
        return;
    describe_channels(start->file_channels, start->file_channel_count, old);
    describe_channels(start->channel_order, count, new);
    hpac_log_warning("%s: was trained with data.channels %s, this run has %s", path, old, new);
}

/* What Keras has for training only. */
static void warn_of_traits(const char *path, const hpac_keras_traits *traits, bool norms_frozen)
{
    if (traits->inference && !norms_frozen)
        hpac_log_warning(
            "%s: has layers called with training=False, which hpac trains like others; "
            "for batch normalization set train.batch_norm_frozen=true",
            path);
    if (traits->frozen)
        hpac_log_warning("%s: has layers with trainable=False, which hpac does not take from a "
                         "file; set trainable: false in train.layers",
                         path);
    if (traits->regularized)
        hpac_log_warning("%s: has regularizers or constraints, which hpac does not take from a "
                         "file; for L2 set train.l2",
                         path);
}

/* ---- starting ---- */

/* The tensors of the file in place of those that were drawn. */
static void move_weights(const hpac_start *start, hpac_weights *weights)
{
    for (size_t i = 0; i < start->model->layer_count; i++)
        for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++) {
            hpac_tensor *from = &start->weights[i].tensors[role];
            hpac_tensor *to = &weights[i].tensors[role];
            if (!from->values)
                continue;
            free(to->values);
            to->values = from->values;
            from->values = NULL;
        }
}

hpac_status train_set_start(train_job *training)
{
    const char *path = path_of(training->config);
    hpac_weights *weights = training->model.weights;
    HPAC_TRY(hpac_network_initialize(training->network, training->config->train.seed));
    if (!path)
        return HPAC_OK;
    warn_of_traits(path, &training->initial_model.keras, training->config->train.batch_norm_frozen);
    warn_of_channels(&training->start, path);
    HPAC_TRY(hpac_network_export(training->network, weights, NULL));
    move_weights(&training->start, weights);
    hpac_start_fini(&training->start);
    hpac_model_fini(&training->initial_model);
    return hpac_network_import(training->network, weights, NULL);
}
