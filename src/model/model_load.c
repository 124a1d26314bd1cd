/* Models out of files of hpac, Keras 2 and Keras 3. */
#include "hdf5_io.h"
#include "keras_config.h"
#include "model_probe.h"
#include "model_weights.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opens what is a regular file with HDF5's signature. */
static hpac_status open_file(const char *path, hid_t *file)
{
    struct stat info;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0 || fstat(descriptor, &info) != 0) {
        hpac_status status = hpac_fail(HPAC_ERR_DATA, "cannot be opened: %s", strerror(errno));
        if (descriptor >= 0)
            close(descriptor);
        return status;
    }
    close(descriptor);
    if (!S_ISREG(info.st_mode))
        return hpac_fail(HPAC_ERR_DATA, "not a file, expected HDF5 in Keras's layout");
    if (H5Fis_hdf5(path) <= 0)
        return hpac_fail(HPAC_ERR_DATA, "not an HDF5 file, expected one as Keras writes it with "
                                        "model.save(\"name.h5\")");
    return hpac_hdf5_open(path, "damaged or cut short", file);
}

/* "hpac 0.1.0" or "Keras 3.15.1"; the version of hpac comes first, as we write Keras's too. */
static hpac_status read_writer(hid_t file, hpac_model *model)
{
    char *version = NULL;
    const char *program = "Keras";
    hpac_status status = HPAC_OK;
    if (hpac_hdf5_has_group(file, "hpac")) {
        hid_t group;
        program = "hpac";
        status = hpac_hdf5_open_group(file, "hpac", &group);
        if (status == HPAC_OK) {
            status = hpac_hdf5_read_text(group, "version", &version);
            H5Gclose(group);
        }
    } else if (hpac_hdf5_has_attribute(file, "keras_version")) {
        status = hpac_hdf5_read_text(file, "keras_version", &version);
    }
    if (status == HPAC_OK && asprintf(&model->written_by, "%s %s", program,
                                      version ? version : "of unknown version") < 0) {
        model->written_by = NULL;
        status = hpac_fail_memory(0);
    }
    free(version);
    return status;
}

/* What save_weights() writes: by Keras 2 the names of the layers at the root, by Keras 3 a group.
 */
static bool has_only_weights(hid_t file)
{
    return !hpac_hdf5_has_attribute(file, "model_config") &&
           (hpac_hdf5_has_attribute(file, "layer_names") || hpac_hdf5_has_group(file, "layers") ||
            hpac_hdf5_has_group(file, "_layer_checkpoint_dependencies"));
}

/* Reads the layers and checks that the network can run them. */
static hpac_status read_layers(hid_t file, hpac_keras_config *config)
{
    char *json = NULL;
    if (has_only_weights(file))
        return hpac_fail(HPAC_ERR_DATA,
                         "weights only, as save_weights() writes them: the layers (the attribute "
                         "model_config) are missing; save the whole model with "
                         "model.save(\"name.h5\")");
    hpac_status status = hpac_hdf5_read_text(file, "model_config", &json);
    if (status == HPAC_OK)
        status = hpac_fail_within(hpac_keras_config_read(json, config), "model_config");
    free(json);
    if (status != HPAC_OK)
        return status;
    size_t count = config->layer_count, classes = count > 0 ? config->layers[count - 1].units : 0;
    hpac_shape *shapes = calloc(count + 1, sizeof *shapes);
    if (!shapes)
        return hpac_fail_memory((count + 1) * sizeof *shapes);
    status = hpac_layers_check(config->layers, count, config->input, classes, shapes);
    free(shapes);
    /* What is the user's fault in a configuration is the file's here. */
    return status == HPAC_OK ? HPAC_OK : hpac_fail_within(HPAC_ERR_DATA, "model_config");
}

static hpac_status read_tensors(hid_t group, char *const names[2], const hpac_layer *layer,
                                hpac_shape in, hpac_weights *weights)
{
    hsize_t dims[4];
    int rank = hpac_model_kernel_dims(layer, in, dims);
    HPAC_TRY(hpac_hdf5_read_floats(group, names[0], rank, dims, weights ? weights->kernel : NULL));
    rank = hpac_model_bias_dims(layer, dims);
    return hpac_hdf5_read_floats(group, names[1], rank, dims, weights ? weights->bias : NULL);
}

/* Reads a layer's kernel and bias, in that order in its weight_names; with weights NULL they are
 * only checked. */
static hpac_status read_layer(hid_t group, const hpac_layer *layer, hpac_shape in,
                              hpac_weights *weights)
{
    char **names;
    size_t count;
    HPAC_TRY(hpac_hdf5_read_names(group, "weight_names", &names, &count));
    hpac_status status;
    if (count == 2) {
        status = read_tensors(group, names, layer, in, weights);
    } else {
        char text[64];
        snprintf(text, sizeof text, "%zu names, expected 2 (kernel, bias)", count);
        status = hpac_hdf5_fail(group, "weight_names", text);
    }
    free(names);
    return status;
}

/* Reads or, with weights NULL, checks every layer that has parameters. */
static hpac_status read_layers_weights(hid_t group, const hpac_keras_config *config,
                                       hpac_weights *weights)
{
    hpac_shape in = config->input;
    for (size_t i = 0; i < config->layer_count; i++) {
        const hpac_layer *layer = &config->layers[i];
        if (hpac_layer_kernel_count(layer, in) > 0) {
            hid_t own;
            HPAC_TRY(hpac_hdf5_open_group(group, config->names[i], &own));
            hpac_status status = read_layer(own, layer, in, weights ? &weights[i] : NULL);
            H5Gclose(own);
            HPAC_TRY(status);
        }
        HPAC_TRY(hpac_layer_output_shape(layer, i + 1, in, &in));
    }
    return HPAC_OK;
}

/* layer_names must list what model_config calls its layers, or the two do not belong together. */
static hpac_status check_layer_names(hid_t group, const hpac_keras_config *config)
{
    char **names;
    size_t count;
    HPAC_TRY(hpac_hdf5_read_names(group, "layer_names", &names, &count));
    hpac_status status = HPAC_OK;
    for (size_t i = 0; i < config->layer_count && status == HPAC_OK; i++) {
        int found = 0;
        for (size_t j = 0; j < count; j++)
            found += strcmp(names[j], config->names[i]) == 0;
        if (found != 1 && hpac_layer_bias_count(&config->layers[i]) > 0)
            status = hpac_fail(HPAC_ERR_DATA,
                               "model_weights/layer_names: the layer \"%s\" of model_config is "
                               "listed %d times, expected once",
                               config->names[i], found);
    }
    free(names);
    return status;
}

/* All datasets are checked before memory is allocated: a file cannot ask for more than it has. */
static hpac_status read_weights(hid_t group, const hpac_keras_config *config,
                                hpac_weights **weights)
{
    HPAC_TRY(check_layer_names(group, config));
    HPAC_TRY(read_layers_weights(group, config, NULL));
    *weights = hpac_weights_create(config->layers, config->layer_count, config->input);
    if (!*weights)
        return hpac_fail_memory(0);
    HPAC_TRY(read_layers_weights(group, config, *weights));
    return hpac_fail_within(hpac_model_check_finite(*weights, config->layer_count, false),
                            "model_weights");
}

static hpac_status read_targets(hid_t group, hpac_model *model)
{
    if (!hpac_hdf5_has_attribute(group, "targets"))
        return HPAC_OK;
    size_t classes = model->layers[model->layer_count - 1].units;
    if (classes > HPAC_CLASS_COUNT ||
        hpac_hdf5_count_numbers(group, "targets") != (hssize_t)classes)
        return hpac_fail(HPAC_ERR_DATA, "hpac/targets: expected %zu, one per output, at most %d",
                         classes, HPAC_CLASS_COUNT);
    int32_t numbers[HPAC_CLASS_COUNT];
    HPAC_TRY(hpac_hdf5_read_numbers(group, "targets", H5T_STD_I32LE, classes, numbers));
    uint32_t seen = 0;
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

static hpac_status read_own_part(hid_t file, hid_t group, hpac_model *model)
{
    HPAC_TRY(read_targets(group, model));
    if (hpac_hdf5_has_attribute(group, "config"))
        HPAC_TRY(hpac_hdf5_read_text(group, "config", &model->config_yaml));
    return hpac_model_read_training(file, model);
}

static hpac_status read_keras_part(hid_t file, hpac_model *model)
{
    hpac_keras_config config = {0};
    hid_t group = H5I_INVALID_HID;
    hpac_status status = read_layers(file, &config);
    if (status == HPAC_OK)
        status = hpac_hdf5_open_group(file, "model_weights", &group);
    if (status == HPAC_OK) {
        status = read_weights(group, &config, &model->weights);
        H5Gclose(group);
    }
    model->input = config.input;
    model->layer_count = config.layer_count;
    model->layers = config.layers;
    model->keras = config.traits;
    config.layers = NULL;
    hpac_keras_config_fini(&config);
    return status;
}

static hpac_status read_file(hid_t file, hpac_model *model)
{
    HPAC_TRY(read_keras_part(file, model));
    if (hpac_hdf5_has_group(file, "hpac")) {
        hid_t group;
        HPAC_TRY(hpac_hdf5_open_group(file, "hpac", &group));
        hpac_status status = read_own_part(file, group, model);
        H5Gclose(group);
        HPAC_TRY(status);
    }
    return read_writer(file, model);
}

static hpac_status load(const char *path, hpac_model *model)
{
    hid_t file;
    HPAC_TRY(open_file(path, &file));
    hpac_status status = read_file(file, model);
    H5Fclose(file);
    return status;
}

static hpac_status load_quietly(const char *path, hpac_model *model)
{
    *model = (hpac_model){0};
    hpac_hdf5_printing printing = hpac_hdf5_silence();
    hpac_status status = load(path, model);
    hpac_hdf5_restore(printing);
    if (status != HPAC_OK)
        hpac_model_fini(model);
    return status;
}

hpac_status hpac_model_load(const char *path, hpac_model *model)
{
    *model = (hpac_model){0};
    hpac_status status = hpac_model_probe(path, load_quietly);
    if (status == HPAC_OK)
        status = load_quietly(path, model);
    return hpac_fail_within(status, "%s", path);
}
