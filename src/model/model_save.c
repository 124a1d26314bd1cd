/* Models into files of Keras's layout. */
#include "hdf5_io.h"
#include "model_files.h"

#include "net/layer_table.h"

#include <stdio.h>

/* The version whose form keras_write.c writes; readers use it to find the layout of the weights. */
#define KERAS_VERSION "2.15.0"
#define KERAS_BACKEND "tensorflow"

hpac_status hpac_model_check_weights(const hpac_model *model, const hpac_weights *weights,
                                     bool trained, bool not_negative)
{
    HPAC_TRY(hpac_weights_fit(weights, model->layers, model->layer_count, model->input, trained));
    return hpac_weights_check(weights, model->layer_count, not_negative);
}

void hpac_tensor_names_make(const char *prefix, const char *suffix, hpac_tensor_names *names)
{
    for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++)
        snprintf(names->text[role], sizeof names->text[role], "%s/%s%s", prefix,
                 hpac_role_name(role), suffix);
}

hpac_status hpac_weights_write(hid_t at, const hpac_tensor_names *names, bool trained,
                               const hpac_weights *weights)
{
    for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++) {
        const hpac_tensor *tensor = &weights->tensors[role];
        if (tensor->values && (hpac_role_is_trained(role) || !trained))
            HPAC_TRY(hpac_hdf5_write_floats(at, names->text[role], tensor->rank, tensor->dims,
                                            tensor->values));
    }
    return HPAC_OK;
}

/* The group of one layer: weight_names, and the datasets under these names. */
static hpac_status write_layer(hid_t group, const char *layer, const hpac_weights *weights)
{
    HPAC_AUTO_HDF5 hid_t own = 0;
    hpac_tensor_names names;
    const char *listed[HPAC_ROLE_COUNT];
    size_t count = 0;
    hpac_tensor_names_make(layer, ":0", &names);
    for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++)
        if (weights->tensors[role].rank > 0)
            listed[count++] = names.text[role];
    HPAC_TRY(hpac_hdf5_create_group(group, layer, &own));
    HPAC_TRY(hpac_hdf5_write_names(own, "weight_names", listed, count));
    return hpac_weights_write(own, &names, false, weights);
}

static hpac_status write_keras_version(hid_t at)
{
    HPAC_TRY(hpac_hdf5_write_text(at, "keras_version", KERAS_VERSION));
    return hpac_hdf5_write_text(at, "backend", KERAS_BACKEND);
}

/* Keras reads the weights in this order, whatever the names. */
static hpac_status write_layer_names(hid_t group, const hpac_model *model, char *const *names)
{
    HPAC_AUTO_FREE const char **ordered = NULL;
    HPAC_AUTO_FREE size_t *order = NULL;
    HPAC_TRY(hpac_keras_order_layers(model, &order));
    HPAC_TRY_NEW(ordered, model->layer_count);
    for (size_t i = 0; i < model->layer_count; i++)
        ordered[i] = names[order[i]];
    return hpac_hdf5_write_names(group, "layer_names", ordered, model->layer_count);
}

static hpac_status write_keras_part(hid_t file, const hpac_model *model)
{
    HPAC_AUTO(hpac_names_free) char **names = NULL;
    HPAC_TRY(hpac_keras_name_layers(model, &names));
    HPAC_AUTO_FREE char *json = NULL;
    HPAC_TRY_MEMORY(json = hpac_keras_config_write(model, names), 0);
    HPAC_TRY(hpac_hdf5_write_text(file, "model_config", json));
    HPAC_TRY(write_keras_version(file));
    HPAC_AUTO_HDF5 hid_t group = 0;
    HPAC_TRY(hpac_hdf5_create_group(file, "model_weights", &group));
    HPAC_TRY(write_keras_version(group));
    HPAC_TRY(write_layer_names(group, model, names));
    for (size_t i = 0; i < model->layer_count; i++)
        HPAC_TRY(write_layer(group, names[i], &model->weights[i]));
    return HPAC_OK;
}

static hpac_status write_targets(hid_t group, const hpac_model *model)
{
    int32_t numbers[HPAC_CLASS_COUNT];
    const char *names[HPAC_CLASS_COUNT];
    size_t count = model->target_count;
    if (count == 0)
        return HPAC_OK;
    for (size_t i = 0; i < count; i++) {
        numbers[i] = model->targets[i];
        names[i] = hpac_class_names[model->targets[i]];
    }
    HPAC_TRY(hpac_hdf5_write_numbers(group, "targets", H5T_STD_I32LE, count, numbers));
    return hpac_hdf5_write_names(group, "target_names", names, count);
}

static hpac_status write_own_part(hid_t file, const hpac_model *model)
{
    HPAC_AUTO_HDF5 hid_t group = 0;
    HPAC_TRY(hpac_hdf5_create_group(file, "hpac", &group));
    HPAC_TRY(hpac_hdf5_write_text(group, "version", hpac_version()));
    HPAC_TRY(write_targets(group, model));
    if (model->config_yaml)
        HPAC_TRY(hpac_hdf5_write_text(group, "config", model->config_yaml));
    return model->training ? hpac_training_write(file, model) : HPAC_OK;
}

/* What hpac_model_load would refuse is not written. */
static hpac_status check_model(const hpac_model *model)
{
    size_t count = model->layer_count, classes = count > 0 ? model->layers[count - 1].units : 0;
    HPAC_TRY(hpac_layers_check(model->layers, count, model->input, classes, NULL));
    if (model->target_count != 0 && model->target_count != classes)
        return hpac_fail(HPAC_ERR_CONFIG, "%zu targets for %zu outputs", model->target_count,
                         classes);
    uint32_t seen = 0;
    for (size_t i = 0; i < model->target_count; i++) {
        int target = model->targets[i];
        if (target < 0 || target >= HPAC_CLASS_COUNT || seen >> target & 1)
            return hpac_fail(HPAC_ERR_CONFIG, "target %d, expected different classes in 0..%d",
                             target, HPAC_CLASS_COUNT - 1);
        seen |= UINT32_C(1) << target;
    }
    HPAC_TRY(hpac_model_check_weights(model, model->weights, false, false));
    return model->training ? hpac_training_check(model) : HPAC_OK;
}

static hpac_status save(const hpac_model *model, const char *path)
{
    HPAC_AUTO_HDF5 hid_t file = 0;
    HPAC_TRY(hpac_hdf5_open_in_memory(NULL, &file));
    HPAC_TRY(write_keras_part(file, model));
    HPAC_TRY(write_own_part(file, model));
    return hpac_hdf5_write_image(file, path);
}

hpac_status hpac_model_save(const hpac_model *model, const char *path)
{
    hpac_status status;
    HPAC_TRY_GIVEN(model);
    HPAC_TRY_GIVEN(path);
    HPAC_TRY_GIVEN(model->layers);
    HPAC_TRY_GIVEN(model->weights);
    HPAC_TRY(hpac_fail_within(check_model(model), "%s", path));
    H5E_BEGIN_TRY
    {
        status = save(model, path);
    }
    H5E_END_TRY;
    return status;
}

static hpac_status replace_numbers(hid_t group, const char *name, hid_t type, const void *values,
                                   size_t count)
{
    if (H5Aexists(group, name) > 0 && H5Adelete(group, name) < 0)
        return hpac_hdf5_fail(group, name, "cannot be replaced");
    return hpac_hdf5_write_numbers(group, name, type, count, values);
}

static hpac_status write_thresholds(hid_t file, const float *thresholds, const int *positives,
                                    size_t count)
{
    HPAC_AUTO_HDF5 hid_t group = 0;
    if (H5Lexists(file, "hpac", H5P_DEFAULT) <= 0)
        return hpac_fail(HPAC_ERR_CONFIG, "thresholds are stored in models of hpac only");
    HPAC_TRY(hpac_hdf5_open_group(file, "hpac", &group));
    HPAC_TRY(replace_numbers(group, "thresholds", H5T_IEEE_F32LE, thresholds, count));
    return replace_numbers(group, "threshold_positives", H5T_STD_I32LE, positives, count);
}

/* What would make the file one that hpac_model_load refuses. The load also detects damage. */
static hpac_status check_thresholds(const char *path, const float *thresholds, const int *positives,
                                    size_t count)
{
    HPAC_AUTO(hpac_model_fini) hpac_model model = {0};
    HPAC_TRY(hpac_model_load(path, &model));
    size_t outputs = hpac_model_output_count(&model);
    if (count != outputs || count > HPAC_CLASS_COUNT)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "%s: %zu thresholds for %zu outputs, expected one for "
                         "each, and at most %d",
                         path, count, outputs, HPAC_CLASS_COUNT);
    for (size_t i = 0; i < count; i++)
        if (!(thresholds[i] >= 0 && thresholds[i] <= 1 && positives[i] >= -1))
            return hpac_fail(HPAC_ERR_CONFIG,
                             "%s: threshold %g of %d labels, expected one in [0, 1], and at least "
                             "-1 labels",
                             path, (double)thresholds[i], positives[i]);
    return HPAC_OK;
}

static hpac_status save_thresholds(const char *path, const float *thresholds, const int *positives,
                                   size_t count)
{
    HPAC_AUTO_HDF5 hid_t file = 0;
    HPAC_TRY(hpac_fail_within(hpac_hdf5_open_in_memory(path, &file), "%s", path));
    HPAC_TRY(hpac_fail_within(write_thresholds(file, thresholds, positives, count), "%s", path));
    return hpac_hdf5_write_image(file, path);
}

hpac_status hpac_thresholds_save(const char *path, const float *thresholds, const int *positives,
                                 size_t count)
{
    hpac_status status;
    HPAC_TRY_GIVEN(path);
    HPAC_TRY_GIVEN(thresholds);
    HPAC_TRY_GIVEN(positives);
    HPAC_TRY(check_thresholds(path, thresholds, positives, count));
    H5E_BEGIN_TRY
    {
        status = save_thresholds(path, thresholds, positives, count);
    }
    H5E_END_TRY;
    return status;
}
