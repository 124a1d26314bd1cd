/* Models into files of Keras's layout. */
#include "hdf5_io.h"
#include "keras_config.h"
#include "model_weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The version whose form keras_config_write.c writes; readers use it to find the layout of the
 * weights. */
#define KERAS_VERSION "2.15.0"
#define KERAS_BACKEND "tensorflow"

/* The group of one layer: weight_names, and the datasets under these names. */
static hpac_status write_layer(hid_t group, const char *layer_name, const hpac_layer *layer,
                               hpac_shape in, const hpac_weights *weights)
{
    char kernel[64], bias[64];
    snprintf(kernel, sizeof kernel, "%s/kernel:0", layer_name);
    snprintf(bias, sizeof bias, "%s/bias:0", layer_name);
    hsize_t kernel_dims[4], bias_dims[1];
    int kernel_rank = hpac_model_kernel_dims(layer, in, kernel_dims);
    if (kernel_rank == 0)
        return hpac_hdf5_write_names(group, "weight_names", NULL, 0);
    int bias_rank = hpac_model_bias_dims(layer, bias_dims);
    const char *names[] = {kernel, bias};
    HPAC_TRY(hpac_hdf5_write_names(group, "weight_names", names, 2));
    HPAC_TRY(hpac_hdf5_write_floats(group, kernel, kernel_rank, kernel_dims, weights->kernel));
    return hpac_hdf5_write_floats(group, bias, bias_rank, bias_dims, weights->bias);
}

static hpac_status write_layers(hid_t group, const hpac_model *model)
{
    hpac_shape in = model->input;
    for (size_t i = 0; i < model->layer_count; i++) {
        hpac_keras_name name = hpac_keras_layer_name(model->layers, i);
        hid_t own;
        HPAC_TRY(hpac_hdf5_create_group(group, name.text, &own));
        hpac_status status = write_layer(own, name.text, &model->layers[i], in, &model->weights[i]);
        H5Gclose(own);
        HPAC_TRY(status);
        HPAC_TRY(hpac_layer_output_shape(&model->layers[i], i + 1, in, &in));
    }
    return HPAC_OK;
}

static hpac_status write_layer_names(hid_t group, const hpac_model *model)
{
    size_t count = model->layer_count;
    hpac_keras_name *names = calloc(count, sizeof *names);
    const char **pointers = calloc(count, sizeof *pointers);
    hpac_status status = hpac_fail_memory(count * sizeof *names);
    if (names && pointers) {
        for (size_t i = 0; i < model->layer_count; i++) {
            names[i] = hpac_keras_layer_name(model->layers, i);
            pointers[i] = names[i].text;
        }
        status = hpac_hdf5_write_names(group, "layer_names", pointers, model->layer_count);
    }
    free(pointers);
    free(names);
    return status;
}

static hpac_status write_keras_version(hid_t at)
{
    HPAC_TRY(hpac_hdf5_write_text(at, "keras_version", KERAS_VERSION));
    return hpac_hdf5_write_text(at, "backend", KERAS_BACKEND);
}

static hpac_status write_weights(hid_t group, const hpac_model *model)
{
    HPAC_TRY(write_keras_version(group));
    HPAC_TRY(write_layer_names(group, model));
    return write_layers(group, model);
}

static hpac_status write_keras_part(hid_t file, const hpac_model *model)
{
    char *json = hpac_keras_config_write(model->layers, model->layer_count, model->input);
    if (!json)
        return hpac_fail_memory(0);
    hpac_status status = hpac_hdf5_write_text(file, "model_config", json);
    free(json);
    HPAC_TRY(status);
    HPAC_TRY(write_keras_version(file));
    hid_t group;
    HPAC_TRY(hpac_hdf5_create_group(file, "model_weights", &group));
    status = write_weights(group, model);
    H5Gclose(group);
    return status;
}

static hpac_status write_targets(hid_t group, const hpac_model *model)
{
    if (model->target_count == 0)
        return HPAC_OK;
    int32_t numbers[HPAC_CLASS_COUNT];
    const char *names[HPAC_CLASS_COUNT];
    for (size_t i = 0; i < model->target_count; i++) {
        numbers[i] = model->targets[i];
        names[i] = hpac_class_names[model->targets[i]];
    }
    hsize_t count = (hsize_t)model->target_count;
    HPAC_TRY(hpac_hdf5_write_numbers(group, "targets", H5T_STD_I32LE, count, numbers));
    return hpac_hdf5_write_names(group, "target_names", names, model->target_count);
}

static hpac_status fill_own_group(hid_t file, hid_t group, const hpac_model *model)
{
    HPAC_TRY(hpac_hdf5_write_text(group, "version", HPAC_VERSION));
    HPAC_TRY(write_targets(group, model));
    if (model->config_yaml)
        HPAC_TRY(hpac_hdf5_write_text(group, "config", model->config_yaml));
    return model->training ? hpac_model_write_training(file, model) : HPAC_OK;
}

static hpac_status write_own_part(hid_t file, const hpac_model *model)
{
    hid_t group;
    HPAC_TRY(hpac_hdf5_create_group(file, "hpac", &group));
    hpac_status status = fill_own_group(file, group, model);
    H5Gclose(group);
    return status;
}

/* What hpac_model_load would refuse is not written. */
static hpac_status check_model(const hpac_model *model)
{
    hpac_shape *shapes = calloc(model->layer_count + 1, sizeof *shapes);
    if (!shapes)
        return hpac_fail_memory((model->layer_count + 1) * sizeof *shapes);
    size_t classes = model->layer_count > 0 ? model->layers[model->layer_count - 1].units : 0;
    hpac_status status =
        hpac_layers_check(model->layers, model->layer_count, model->input, classes, shapes);
    free(shapes);
    HPAC_TRY(status);
    if (model->target_count != 0 && model->target_count != classes)
        return hpac_fail(HPAC_ERR_CONFIG, "%zu targets for %zu outputs", model->target_count,
                         classes);
    for (size_t i = 0; i < model->target_count; i++)
        if (model->targets[i] < 0 || model->targets[i] >= HPAC_CLASS_COUNT)
            return hpac_fail(HPAC_ERR_CONFIG, "target %d, expected a class in 0..%d",
                             model->targets[i], HPAC_CLASS_COUNT - 1);
    return hpac_model_check_finite(model->weights, model->layer_count, false);
}

static hpac_status save(const hpac_model *model, const char *path)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(access, 1 << 20, false); /* in memory, growing by MiB, never written by HDF5 */
    /* HDF5 first tests whether the name is a file: this one never is. */
    hid_t file = H5Fcreate("/dev/null/model.h5", H5F_ACC_TRUNC, H5P_DEFAULT, access);
    H5Pclose(access);
    if (file < 0)
        return hpac_hdf5_fail(file, "", "cannot be built in memory");
    hpac_status status = write_keras_part(file, model);
    if (status == HPAC_OK)
        status = write_own_part(file, model);
    if (status == HPAC_OK)
        status = hpac_hdf5_write_image(file, path);
    H5Fclose(file);
    return status;
}

hpac_status hpac_model_save(const hpac_model *model, const char *path)
{
    HPAC_TRY(hpac_fail_within(check_model(model), "%s", path));
    hpac_hdf5_printing printing = hpac_hdf5_silence();
    hpac_status status = save(model, path);
    hpac_hdf5_restore(printing);
    return status;
}
