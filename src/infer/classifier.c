/* Model files and their metadata. */
#include <hpac/inference.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/dataset.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- one file ---- */

static size_t output_count(const hpac_model *model)
{
    return model->layers[model->layer_count - 1].units;
}

static bool same_targets(const hpac_model *model, const int *targets, size_t count)
{
    return model->target_count == count &&
           memcmp(model->targets, targets, count * sizeof *targets) == 0;
}

static hpac_status resolve_targets(const hpac_classifier_hints *hints, hpac_model *model)
{
    if (model->target_count > 0) {
        if (hints->target_count > 0 && !same_targets(model, hints->targets, hints->target_count))
            return hpac_fail(HPAC_ERR_CONFIG,
                             "was trained for other classes than those of --classes; "
                             "\"hpac info\" shows them");
        return HPAC_OK;
    }
    if (hints->target_count == 0)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "does not name the classes of its %zu outputs; list them with --classes, "
                         "in their order",
                         output_count(model));
    if (hints->target_count != output_count(model))
        return hpac_fail(HPAC_ERR_CONFIG, "has %zu outputs, but %zu classes are given",
                         output_count(model), hints->target_count);
    memcpy(model->targets, hints->targets, sizeof model->targets);
    model->target_count = hints->target_count;
    return HPAC_OK;
}

/* The configuration in the file, which must be that of its layers. */
static hpac_status read_config(hpac_classifier *classifier)
{
    const hpac_model *model = &classifier->model;
    hpac_config *config = &classifier->config;
    hpac_status status = hpac_config_parse("hpac/config", model->config_yaml, config);
    if (status != HPAC_OK)
        return hpac_fail_within(HPAC_ERR_DATA, "invalid configuration");
    classifier->has_config = true;
    hpac_shape shape = hpac_config_input_shape(config);
    if (shape.rows != model->input.rows || shape.cols != model->input.cols ||
        shape.channels != model->input.channels ||
        !same_targets(model, config->data.targets, config->data.target_count))
        return hpac_fail(HPAC_ERR_DATA,
                         "the configuration in it is of another model: %zu x %zu x %zu and %zu "
                         "classes, but its layers take %zu x %zu x %zu and have %zu",
                         shape.rows, shape.cols, shape.channels, config->data.target_count,
                         model->input.rows, model->input.cols, model->input.channels,
                         output_count(model));
    return HPAC_OK;
}

static hpac_status resolve_pixels(const hpac_classifier_hints *hints, hpac_classifier *classifier)
{
    classifier->pixels = hints->pixels_given ? hints->pixels : HPAC_PIXELS_UINT8;
    if (!classifier->has_config)
        return HPAC_OK;
    if (hints->pixels_given && hints->pixels != classifier->config.data.pixels)
        return hpac_fail(HPAC_ERR_CONFIG, "was trained with other pixels than those of --pixels");
    classifier->pixels = classifier->config.data.pixels;
    return HPAC_OK;
}

static hpac_status resolve(const hpac_classifier_hints *hints, hpac_classifier *classifier)
{
    hpac_status status = resolve_targets(hints, &classifier->model);
    if (status == HPAC_OK && classifier->model.config_yaml)
        status = read_config(classifier);
    if (status == HPAC_OK)
        status = resolve_pixels(hints, classifier);
    size_t channels = classifier->model.input.channels;
    if (status == HPAC_OK && (channels < 1 || channels > HPAC_MAX_CHANNELS))
        status = hpac_fail(HPAC_ERR_DATA, "takes images of %zu channels, expected [1, %d]",
                           channels, HPAC_MAX_CHANNELS);
    for (size_t i = 0; status == HPAC_OK && i < channels; i++)
        classifier->channel_order[i] =
            classifier->has_config ? classifier->config.data.channel_order[i] : (int)i;
    return status;
}

hpac_status hpac_classifier_load(const char *path, const hpac_classifier_hints *hints,
                                 hpac_classifier *classifier)
{
    *classifier = (hpac_classifier){0};
    HPAC_AUTO(hpac_classifier_fini) hpac_classifier made = {0};
    HPAC_TRY(hpac_model_load(path, &made.model));
    HPAC_TRY(hpac_fail_within(resolve(hints, &made), "%s", path));
    HPAC_TRY_MEMORY(made.path = strdup(path), strlen(path) + 1);
    *classifier = made;
    made = (hpac_classifier){0};
    return HPAC_OK;
}

void hpac_classifier_fini(hpac_classifier *classifier)
{
    free(classifier->path);
    hpac_model_fini(&classifier->model);
    hpac_config_fini(&classifier->config);
    *classifier = (hpac_classifier){0};
}

hpac_status hpac_classifier_check_alike(const hpac_classifier *a, const hpac_classifier *b)
{
    const hpac_model *x = &a->model, *y = &b->model;
    size_t targets_nbytes = x->target_count * sizeof *x->targets;
    const char *what = NULL;
    if (x->target_count != y->target_count || memcmp(x->targets, y->targets, targets_nbytes) != 0)
        what = "classes";
    else if (x->input.rows != y->input.rows || x->input.cols != y->input.cols)
        what = "image sizes";
    else if (x->input.channels != y->input.channels ||
             memcmp(a->channel_order, b->channel_order,
                    (size_t)x->input.channels * sizeof *a->channel_order) != 0)
        what = "channels";
    else if (a->pixels != b->pixels)
        what = "pixels";
    return what ? hpac_fail(HPAC_ERR_CONFIG,
                            "%s and %s: cannot be averaged: trained for different %s", a->path,
                            b->path, what)
                : HPAC_OK;
}

hpac_status hpac_classifiers_load(const hpac_model_paths *paths, const hpac_classifier_hints *hints,
                                  hpac_classifier **classifiers)
{
    size_t nbytes = (size_t)paths->count * sizeof **classifiers;
    hpac_classifier *made = calloc(1, nbytes);
    *classifiers = NULL;
    if (!made)
        return hpac_fail_memory(nbytes);
    hpac_status status = HPAC_OK;
    for (int i = 0; i < paths->count && status == HPAC_OK; i++) {
        status = hpac_classifier_load(paths->paths[i], hints, &made[i]);
        if (status == HPAC_OK)
            status = hpac_classifier_check_alike(&made[0], &made[i]);
    }
    if (status == HPAC_OK)
        *classifiers = made;
    else
        hpac_classifiers_free(made, paths->count);
    return status;
}

void hpac_classifiers_free(hpac_classifier *classifiers, int count)
{
    for (int i = 0; classifiers && i < count; i++)
        hpac_classifier_fini(&classifiers[i]);
    free(classifiers);
}

/* ---- names ---- */

static bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Takes the path over. */
static hpac_status add_path(hpac_model_paths *paths, char *path)
{
    size_t nbytes = ((size_t)paths->count + 1) * sizeof *paths->paths;
    char **grown = path ? realloc(paths->paths, nbytes) : NULL;
    if (!grown) {
        free(path);
        return hpac_fail_memory(nbytes);
    }
    paths->paths = grown;
    paths->paths[paths->count++] = path;
    return HPAC_OK;
}

/* The number of folds, from the model of the first one. */
static hpac_status count_folds(const char *first, int *count)
{
    hpac_classifier classifier;
    hpac_status status = hpac_classifier_load(first, &(hpac_classifier_hints){0}, &classifier);
    if (status != HPAC_OK)
        return status;
    const hpac_split_options *split = &classifier.config.data.split;
    if (classifier.has_config)
        *count = split->folds * split->repeats;
    else
        status = hpac_fail(HPAC_ERR_DATA, "%s: does not contain the number of folds", first);
    hpac_classifier_fini(&classifier);
    return status;
}

static hpac_status find_folds(const char *folder, hpac_model_paths *paths)
{
    hpac_problems missing = {0};
    hpac_status status = HPAC_OK;
    int count = 1;
    for (int fold = 0; status == HPAC_OK && fold < count; fold++) {
        char *path = hpac_path_join(folder, "fold%d/model.h5", fold);
        bool there = path && hpac_path_exists(path);
        if (path && !there)
            hpac_problems_add(&missing, "  %s", path);
        status = add_path(paths, path);
        if (status == HPAC_OK && fold == 0 && there)
            status = count_folds(path, &count);
    }
    if (status != HPAC_OK) {
        free(missing.text);
        return status;
    }
    paths->folds = true;
    return hpac_problems_finish(&missing, HPAC_ERR_DATA,
                                "%s: unfinished cross-validation, missing models", folder);
}

static hpac_status find_in_folder(const char *folder, hpac_model_paths *paths)
{
    char *model = hpac_path_join(folder, "model.h5"), *fold = hpac_path_join(folder, "fold0");
    hpac_status status = HPAC_OK;
    if (!model || !fold) {
        status = hpac_fail_memory(strlen(folder));
    } else if (hpac_path_exists(model)) {
        status = add_path(paths, model);
        model = NULL;
    } else if (is_folder(fold)) {
        status = find_folds(folder, paths);
    } else {
        status =
            hpac_fail(HPAC_ERR_DATA,
                      "%s: directory without model.h5; expected a model file, the directory of a "
                      "finished run, or of a cross-validation",
                      folder);
    }
    free(model);
    free(fold);
    return status;
}

hpac_status hpac_model_paths_find(const char *name, hpac_model_paths *paths)
{
    *paths = (hpac_model_paths){0};
    hpac_status status =
        is_folder(name) ? find_in_folder(name, paths) : add_path(paths, strdup(name));
    if (status != HPAC_OK)
        hpac_model_paths_fini(paths);
    return status;
}

void hpac_model_paths_fini(hpac_model_paths *paths)
{
    for (int i = 0; i < paths->count; i++)
        free(paths->paths[i]);
    free(paths->paths);
    *paths = (hpac_model_paths){0};
}
