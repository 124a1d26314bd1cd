/* Models from files of hpac, Keras 2 and Keras 3. */
#include "file_probe.h"
#include "hdf5_io.h"
#include "keras_zip.h"
#include "model_files.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Collects the names of a group's links, "conv2d, dense". */
static herr_t append_name(hid_t group, const char *name, const H5L_info_t *info, void *stream)
{
    (void)group;
    (void)info;
    fprintf(stream, ", %s", name);
    return 0;
}

/* ", conv2d, dense": the layers of a file without model_config. In files of save_weights() they are
 * listed at the root by Keras 2, and are groups in one of two groups by Keras 3. */
static hpac_status list_layers(hid_t file, FILE *stream)
{
    static const char *const groups[] = {"layers", "_layer_checkpoint_dependencies"};
    for (size_t i = 0; i < 2; i++)
        if (H5Lexists(file, groups[i], H5P_DEFAULT) > 0)
            H5Literate_by_name(file, groups[i], H5_INDEX_NAME, H5_ITER_INC, NULL, append_name,
                               stream, H5P_DEFAULT);
    HPAC_AUTO_HDF5 hid_t weights = H5Gopen2(file, "model_weights", H5P_DEFAULT);
    hid_t at = weights >= 0 ? weights : file;
    HPAC_AUTO(hpac_names_free) char **names = NULL;
    if (H5Aexists(at, "layer_names") > 0)
        HPAC_TRY(hpac_hdf5_read_names(at, "layer_names", &names));
    for (char **name = names; name && *name; name++)
        fprintf(stream, ", %s", *name);
    return HPAC_OK;
}

static hpac_status refuse_without_config(hid_t file)
{
    HPAC_AUTO_FREE char *names = NULL;
    size_t nbytes;
    FILE *stream = open_memstream(&names, &nbytes);
    if (!stream)
        return hpac_fail_memory(0);
    hpac_status status = list_layers(file, stream);
    fclose(stream);
    HPAC_TRY(status);
    return hpac_fail(HPAC_ERR_DATA,
                     "no model_config, the description of the layers: %s%.300s%s; save the whole "
                     "model with model.save(\"name.h5\"), not with save_weights()%s",
                     nbytes > 0 ? "weights only (of " : "not a model of Keras",
                     nbytes > 0 ? names + 2 : "", nbytes > 0 ? ")" : "",
                     nbytes > 0 ? ", or give them as train.initial_weights" : "");
}

typedef enum reading {
    READ_ALL,
    READ_ANY_HEAD, /* the same, but the last layer may be any */
    READ_LAYERS,   /* likewise, and no weights but what is part of layers: means and variances */
} reading;

/* Makes empty weights of the layers that were read, after a check that a network can run them. */
static hpac_status prepare_weights(reading what, hpac_model *model)
{
    size_t count = model->layer_count, classes = count > 0 ? model->layers[count - 1].units : 0;
    /* What is the user's error in a configuration is the file's here. */
    if (what == READ_ALL &&
        hpac_layers_check(model->layers, count, model->input, classes, NULL) != HPAC_OK)
        return HPAC_ERR_DATA;
    HPAC_TRY_MEMORY(model->weights =
                        hpac_weights_create_empty(model->layers, model->layer_count, model->input),
                    model->layer_count * sizeof *model->weights);
    return HPAC_OK;
}

hpac_status hpac_tensor_check(const hpac_tensor *tensor, hpac_role role, bool not_negative)
{
    not_negative |= role == HPAC_MOVING_VARIANCE;
    for (size_t i = 0; tensor->values && i < tensor->count; i++)
        if (!isfinite(tensor->values[i]) || (not_negative && tensor->values[i] < 0))
            return hpac_fail(HPAC_ERR_DATA, "%s value %zu is %g, expected a %s number",
                             hpac_role_name(role), i, (double)tensor->values[i],
                             not_negative ? "finite, not negative" : "finite");
    return HPAC_OK;
}

hpac_status hpac_weights_check(const hpac_weights *weights, size_t layer_count, bool not_negative)
{
    for (size_t i = 0; i < layer_count; i++)
        for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++)
            HPAC_TRY(
                hpac_fail_within(hpac_tensor_check(&weights[i].tensors[role], role, not_negative),
                                 "layer %zu", i + 1));
    return HPAC_OK;
}

void hpac_weights_list(const hpac_weights *weights, char text[96])
{
    size_t used = 0;
    for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++)
        if (weights->tensors[role].rank > 0)
            used += (size_t)snprintf(text + used, 96 - used, "%s%s", used > 0 ? ", " : "",
                                     hpac_role_name(role));
}

/* layer_names must list what model_config calls its layers, or the two do not belong together. */
static hpac_status check_layer_names(hid_t group, const hpac_model *model,
                                     const hpac_keras_sources *sources)
{
    HPAC_AUTO(hpac_names_free) char **names = NULL;
    HPAC_TRY(hpac_hdf5_read_names(group, "layer_names", &names));
    for (size_t i = 0; i < model->layer_count; i++) {
        int found = 0;
        for (char **name = names; *name; name++)
            found += strcmp(*name, sources->items[i].group) == 0;
        if (found != 1 && hpac_weights_tensor_count(&model->weights[i]) > 0)
            return hpac_fail(HPAC_ERR_DATA,
                             "model_weights/layer_names: the layer \"%s\" of model_config is "
                             "listed %d times, expected once",
                             sources->items[i].group, found);
    }
    return HPAC_OK;
}

static hpac_status read_tensor(hid_t group, const char *name, hpac_tensor *tensor)
{
    return hpac_hdf5_read_floats(group, name, tensor->rank, tensor->dims, &tensor->values);
}

/* A layer's weight_names are those of its tensors, in Keras's order. */
static hpac_status read_in_order(hid_t group, char *const *names, hpac_weights *weights)
{
    size_t count = hpac_names_count(names), expected = hpac_weights_tensor_count(weights);
    char tensors[96] = "";
    hpac_weights_list(weights, tensors);
    if (count != expected)
        return hpac_hdf5_fail(group, "weight_names", "%zu names, expected %zu (%s)", count,
                              expected, tensors);
    for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++)
        if (weights->tensors[role].rank > 0)
            HPAC_TRY(read_tensor(group, *names++, &weights->tensors[role]));
    return HPAC_OK;
}

/* Whether `name` is "INNER/kernel" or "INNER/depthwise_kernel", behind any path, with or without
 * ":0" behind it. */
static bool is_weight_of(const char *name, const char *inner, const char *what)
{
    size_t length = strcspn(name, ":"), width = strlen(what), inside = strlen(inner);
    static const char depthwise[] = "depthwise_";
    if (length < width || memcmp(name + length - width, what, width) != 0)
        return false;
    length -= width;
    if (length >= strlen(depthwise) &&
        memcmp(name + length - strlen(depthwise), depthwise, strlen(depthwise)) == 0)
        length -= strlen(depthwise);
    if (length-- < inside + 1 || name[length] != '/' ||
        memcmp(name + length - inside, inner, inside) != 0)
        return false;
    return length == inside || name[length - inside - 1] == '/';
}

static hpac_status find_weight(hid_t group, char *const *names, const char *inner, const char *what,
                               const char **found)
{
    *found = NULL;
    for (char *const *name = names; *name; name++)
        if (is_weight_of(*name, inner, what)) {
            if (*found)
                return hpac_hdf5_fail(group, "weight_names", "two names of %s/%s", inner, what);
            *found = *name;
        }
    return *found ? HPAC_OK
                  : hpac_hdf5_fail(group, "weight_names", "expected one of %s/%s", inner, what);
}

/* The weights of all layers of a model inside are in one group. */
static hpac_status read_by_name(hid_t group, char *const *names, const char *inner,
                                hpac_weights *weights)
{
    for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++) {
        const char *name;
        if (weights->tensors[role].rank == 0)
            continue;
        HPAC_TRY(find_weight(group, names, inner, hpac_role_name(role), &name));
        HPAC_TRY(read_tensor(group, name, &weights->tensors[role]));
    }
    return HPAC_OK;
}

/* Sets mean and deviation of a layer as Normalization has computed them. */
static hpac_status set_moments(hid_t group, const char *const names[2],
                               const hpac_keras_source *source, hpac_layer *layer)
{
    HPAC_AUTO_FREE float *mean = NULL, *variance = NULL;
    size_t rank, dims[4];
    HPAC_TRY(hpac_hdf5_read_shape(group, names[0], &rank, dims));
    if (rank == 1 && dims[0] != layer->rescaled)
        return hpac_fail_within(
            hpac_keras_refuse_channels("mean and variance", dims[0], layer->rescaled),
            "layer \"%s\" (Normalization)", source->name);
    HPAC_TRY(hpac_hdf5_read_floats(group, names[0], 1, &layer->rescaled, &mean));
    HPAC_TRY(hpac_hdf5_read_floats(group, names[1], 1, &layer->rescaled, &variance));
    for (size_t i = 0; i < layer->rescaled; i++) {
        if (!isfinite(mean[i]) || !(variance[i] > 0) || !isfinite(variance[i]))
            return hpac_hdf5_fail(group, names[0], "expected finite numbers and variances > 0");
        layer->mean[i] = mean[i];
        layer->deviation[i] = (float)sqrt((double)variance[i]);
    }
    return HPAC_OK;
}

static hpac_status read_moments(hid_t group, char *const *names, const hpac_keras_source *source,
                                hpac_layer *layer)
{
    const char *inner = source->inner;
    const char *found[2] = {NULL, NULL};
    if (inner) {
        HPAC_TRY(find_weight(group, names, inner, "mean", &found[0]));
        HPAC_TRY(find_weight(group, names, inner, "variance", &found[1]));
    } else if (hpac_names_count(names) == 3) { /* and the count */
        found[0] = names[0];
        found[1] = names[1];
    } else {
        return hpac_hdf5_fail(group, "weight_names", "expected mean, variance, count");
    }
    return set_moments(group, found, source, layer);
}

static hpac_status read_layer(hid_t group, const hpac_keras_source *source, hpac_layer *layer,
                              hpac_weights *weights)
{
    HPAC_AUTO_HDF5 hid_t own = 0;
    HPAC_AUTO(hpac_names_free) char **names = NULL;
    if (hpac_weights_tensor_count(weights) == 0 && !source->has_moments)
        return HPAC_OK;
    HPAC_TRY(hpac_hdf5_open_group(group, source->group, &own));
    HPAC_TRY(hpac_hdf5_read_names(own, "weight_names", &names));
    if (source->has_moments)
        return read_moments(own, names, source, layer);
    return source->inner ? read_by_name(own, names, source->inner, weights)
                         : read_in_order(own, names, weights);
}

static hpac_status read_weights(hid_t file, const hpac_keras_sources *sources, reading what,
                                hpac_model *model)
{
    HPAC_AUTO_HDF5 hid_t group = 0;
    hpac_weights none = {0};
    HPAC_TRY(hpac_hdf5_open_group(file, "model_weights", &group));
    for (size_t i = 0; i < model->layer_count && what == READ_LAYERS; i++)
        HPAC_TRY(read_layer(group, &sources->items[i], &model->layers[i], &none));
    if (what == READ_LAYERS)
        return HPAC_OK;
    HPAC_TRY(check_layer_names(group, model, sources));
    for (size_t i = 0; i < model->layer_count; i++)
        HPAC_TRY(read_layer(group, &sources->items[i], &model->layers[i], &model->weights[i]));
    return hpac_fail_within(hpac_weights_check(model->weights, model->layer_count, false),
                            "model_weights");
}

/* Keras 3's own layout: a group of each layer has its tensors under "0", "1", ... */
static hpac_status read_vars(hid_t file, const hpac_keras_source *source, hpac_layer *layer,
                             hpac_weights *weights)
{
    static const char *const moments[] = {"0", "1"};
    HPAC_AUTO_HDF5 hid_t group = 0;
    H5G_info_t info;
    size_t expected = source->has_moments ? 3 : hpac_weights_tensor_count(weights);
    char text[96] = "";
    int number = 0;
    if (expected == 0)
        return HPAC_OK;
    HPAC_TRY(hpac_hdf5_open_group(file, source->vars, &group));
    hpac_weights_list(weights, text);
    if (H5Gget_info(group, &info) < 0 || info.nlinks != expected)
        return hpac_fail(HPAC_ERR_DATA, "%s: %llu tensors, expected %zu (%s)", source->vars,
                         (unsigned long long)info.nlinks, expected,
                         source->has_moments ? "mean, variance, count" : text);
    if (source->has_moments)
        return set_moments(group, moments, source, layer);
    for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++) {
        char name[16];
        if (weights->tensors[role].rank == 0)
            continue;
        snprintf(name, sizeof name, "%d", number++);
        HPAC_TRY(read_tensor(group, name, &weights->tensors[role]));
    }
    return HPAC_OK;
}

static hpac_status read_targets(hid_t group, size_t classes, hpac_model *model)
{
    int32_t numbers[HPAC_CLASS_COUNT];
    uint32_t seen = 0;
    HPAC_TRY(hpac_hdf5_read_numbers(group, "targets", H5T_STD_I32LE, classes, numbers));
    for (size_t i = 0; i < classes; i++) {
        if (numbers[i] < 0 || numbers[i] >= HPAC_CLASS_COUNT || seen >> numbers[i] & 1)
            return hpac_fail(HPAC_ERR_DATA, "hpac/targets: %d, expected different classes in 0..%d",
                             (int)numbers[i], HPAC_CLASS_COUNT - 1);
        seen |= UINT32_C(1) << numbers[i];
        model->targets[i] = numbers[i];
    }
    model->target_count = classes;
    return HPAC_OK;
}

static hpac_status read_thresholds(hid_t group, size_t classes, hpac_model *model)
{
    HPAC_TRY(
        hpac_hdf5_read_numbers(group, "thresholds", H5T_IEEE_F32LE, classes, model->thresholds));
    for (size_t i = 0; i < classes; i++)
        if (!(model->thresholds[i] >= 0 && model->thresholds[i] <= 1))
            return hpac_fail(HPAC_ERR_DATA, "hpac/thresholds: %g, expected numbers in [0, 1]",
                             (double)model->thresholds[i]);
    model->has_thresholds = true;
    for (size_t i = 0; i < classes; i++) /* files of older versions do not have them */
        model->positives[i] = -1;
    return H5Aexists(group, "threshold_positives") > 0
               ? hpac_hdf5_read_numbers(group, "threshold_positives", H5T_STD_I32LE, classes,
                                        model->positives)
               : HPAC_OK;
}

/* "hpac 0.1.0" or "Keras 3.15.1"; hpac writes a version of Keras, too. */
static hpac_status read_writer(hid_t at, const char *attribute, const char *program,
                               hpac_model *model)
{
    HPAC_AUTO_FREE char *version = NULL;
    if (H5Aexists(at, attribute) > 0)
        HPAC_TRY(hpac_hdf5_read_text(at, attribute, &version));
    int length =
        asprintf(&model->written_by, "%s %s", program, version ? version : "of unknown version");
    if (length >= 0)
        return HPAC_OK;
    model->written_by = NULL;
    return hpac_fail_memory(0);
}

static hpac_status read_own_part(hid_t file, hpac_model *model)
{
    HPAC_AUTO_HDF5 hid_t group = 0;
    HPAC_TRY(hpac_hdf5_open_group(file, "hpac", &group));
    size_t classes = hpac_model_output_count(model);
    bool targets = H5Aexists(group, "targets") > 0;
    bool thresholds = H5Aexists(group, "thresholds") > 0;
    if (classes > HPAC_CLASS_COUNT && (targets || thresholds))
        return hpac_fail(HPAC_ERR_DATA, "hpac: %zu outputs, expected at most %d", classes,
                         HPAC_CLASS_COUNT);
    if (targets)
        HPAC_TRY(read_targets(group, classes, model));
    if (thresholds)
        HPAC_TRY(read_thresholds(group, classes, model));
    if (H5Aexists(group, "config") > 0)
        HPAC_TRY(hpac_hdf5_read_text(group, "config", &model->config_yaml));
    HPAC_TRY(hpac_training_read(file, model));
    return read_writer(group, "version", "hpac", model);
}

static hpac_status read_hdf5(const char *path, reading what, hpac_model *model)
{
    HPAC_AUTO_HDF5 hid_t file = 0;
    HPAC_AUTO(hpac_keras_sources_fini) hpac_keras_sources sources = {0};
    HPAC_AUTO_FREE char *json = NULL;
    HPAC_TRY(hpac_hdf5_open_file(path, &file));
    if (H5Aexists(file, "model_config") <= 0)
        return refuse_without_config(file);
    HPAC_TRY(hpac_hdf5_read_text(file, "model_config", &json));
    HPAC_TRY(hpac_fail_within(hpac_keras_config_read(json, model, &sources), "model_config"));
    if (what != READ_LAYERS)
        HPAC_TRY(hpac_fail_within(prepare_weights(what, model), "model_config"));
    HPAC_TRY(read_weights(file, &sources, what, model));
    model->is_own = H5Lexists(file, "hpac", H5P_DEFAULT) > 0;
    if (model->is_own && what != READ_LAYERS)
        return read_own_part(file, model);
    return read_writer(file, "keras_version", "Keras", model);
}

static hpac_status read_all_vars(hid_t file, const hpac_keras_sources *sources, reading what,
                                 hpac_model *model)
{
    for (size_t i = 0; i < model->layer_count; i++) {
        hpac_weights none = {0}, *own = what == READ_LAYERS ? &none : &model->weights[i];
        HPAC_TRY(read_vars(file, &sources->items[i], &model->layers[i], own));
    }
    return what == READ_LAYERS ? HPAC_OK
                               : hpac_weights_check(model->weights, model->layer_count, false);
}

static hpac_status read_zip(const char *path, reading what, hpac_model *model)
{
    HPAC_AUTO(hpac_keras_zip_close) hpac_keras_zip archive = {0};
    HPAC_AUTO(hpac_keras_sources_fini) hpac_keras_sources sources = {0};
    HPAC_TRY(hpac_keras_zip_open(path, &archive));
    HPAC_TRY(
        hpac_fail_within(hpac_keras_config_read(archive.config, model, &sources), "config.json"));
    if (what != READ_LAYERS)
        HPAC_TRY(hpac_fail_within(prepare_weights(what, model), "config.json"));
    HPAC_TRY(hpac_fail_within(read_all_vars(archive.weights, &sources, what, model),
                              "model.weights.h5"));
    HPAC_TRY_MEMORY(model->written_by = hpac_keras_writer(archive.metadata), 0);
    return HPAC_OK;
}

static hpac_status read_file(const char *path, reading what, hpac_model *model)
{
    return hpac_is_zip(path) ? read_zip(path, what, model) : read_hdf5(path, what, model);
}

static hpac_status read_again(const char *path, reading what, hpac_model *model)
{
    const hpac_shape input = model->input;
    *model = (hpac_model){.input = input};
    return read_file(path, what, model);
}

static hpac_status read_all(const char *path, void *model)
{
    return read_again(path, READ_ALL, model);
}

static hpac_status read_any_head(const char *path, void *model)
{
    return read_again(path, READ_ANY_HEAD, model);
}

static hpac_status read_layers(const char *path, void *model)
{
    return read_again(path, READ_LAYERS, model);
}

static void free_read(void *model)
{
    hpac_model_fini(model);
}

/* With the input of the model, if it has one. */
static hpac_status load(const char *path, hpac_status (*read)(const char *path, void *model),
                        hpac_shape input, hpac_model *model)
{
    *model = (hpac_model){.input = input};
    hpac_status status = hpac_file_probe(path, read, free_read, model);
    if (status != HPAC_OK)
        *model = (hpac_model){0};
    return status;
}

hpac_status hpac_model_load(const char *path, hpac_model *model)
{
    HPAC_TRY_GIVEN(model);
    *model = (hpac_model){0};
    HPAC_TRY_GIVEN(path);
    return load(path, read_all, (hpac_shape){0}, model);
}

hpac_status hpac_model_load_sized(const char *path, hpac_shape size, hpac_model *model)
{
    size.channels = 0;
    return load(path, read_any_head, size, model);
}

hpac_status hpac_model_load_layers(const char *path, hpac_shape input, hpac_model *model)
{
    return load(path, read_layers, input, model);
}

static hpac_status read_config(const char *path, void *yaml)
{
    HPAC_AUTO_HDF5 hid_t file = 0, group = 0;
    if (hpac_is_zip(path)) /* hpac writes none */
        return HPAC_OK;
    HPAC_TRY(hpac_hdf5_open_file(path, &file));
    if (H5Lexists(file, "hpac", H5P_DEFAULT) <= 0)
        return HPAC_OK;
    HPAC_TRY(hpac_hdf5_open_group(file, "hpac", &group));
    return H5Aexists(group, "config") > 0 ? hpac_hdf5_read_text(group, "config", yaml) : HPAC_OK;
}

static void free_config(void *yaml)
{
    free(*(char **)yaml);
    *(char **)yaml = NULL;
}

hpac_status hpac_model_read_config(const char *path, char **yaml)
{
    *yaml = NULL;
    return hpac_file_probe(path, read_config, free_config, yaml);
}

void hpac_model_fini(hpac_model *model)
{
    if (!model)
        return;
    if (model->training) {
        for (size_t i = 0; i < HPAC_STATE_COUNT; i++)
            hpac_weights_destroy(model->training->states[i], model->layer_count);
        free(model->training);
    }
    hpac_weights_destroy(model->weights, model->layer_count);
    free(model->layers);
    free(model->config_yaml);
    free(model->written_by);
    *model = (hpac_model){0};
}
