/* Model files and their metadata. */
#include "classifier.h"

#include "base/memory.h"
#include "loop/loop.h"
#include "rundir/run_files.h"

#include <string.h>
#include <sys/stat.h>

static bool same_targets(const hpac_model *model, const int *targets, size_t count)
{
    return model->target_count == count &&
           memcmp(model->targets, targets, count * sizeof *targets) == 0;
}

static bool is_class(int number)
{
    return number >= 0 && number < HPAC_CLASS_COUNT;
}

static hpac_status resolve_targets(const hpac_classifier_hints *hints, hpac_model *model)
{
    uint32_t seen = 0;
    for (size_t i = 0; i < hints->target_count && i < HPAC_CLASS_COUNT; i++) {
        int target = hints->targets[i];
        if (!is_class(target) || seen >> target & 1)
            return hpac_fail(HPAC_ERR_CONFIG, "class %d is given, expected different ones in 0..%d",
                             target, HPAC_CLASS_COUNT - 1);
        seen |= UINT32_C(1) << target;
    }
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
                         hpac_model_output_count(model));
    if (hints->target_count != hpac_model_output_count(model) ||
        hints->target_count > HPAC_CLASS_COUNT)
        return hpac_fail(HPAC_ERR_CONFIG, "has %zu outputs, but %zu classes are given",
                         hpac_model_output_count(model), hints->target_count);
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
    HPAC_TRY(hpac_fail_within(status == HPAC_ERR_CONFIG ? HPAC_ERR_DATA : status,
                              "invalid configuration"));
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
                         hpac_model_output_count(model));
    return HPAC_OK;
}

static hpac_status resolve(const hpac_classifier_hints *hints, hpac_classifier *classifier)
{
    size_t channels = classifier->model.input.channels;
    HPAC_TRY(resolve_targets(hints, &classifier->model));
    if (hints->pixels_given && (unsigned)hints->pixels > HPAC_PIXELS_FLOAT32)
        return hpac_fail(HPAC_ERR_CONFIG, "pixels %d are given, expected uint8 (0) or float32 (1)",
                         (int)hints->pixels);
    if (channels < 1 || channels > HPAC_MAX_CHANNELS)
        return hpac_fail(HPAC_ERR_DATA, "takes images of %zu channels, expected [1, %d]", channels,
                         HPAC_MAX_CHANNELS);
    for (size_t i = 0; i < channels; i++)
        classifier->channel_order[i] = (int)i;
    classifier->pixels = hints->pixels_given ? hints->pixels : HPAC_PIXELS_UINT8;
    if (!classifier->model.config_yaml)
        return HPAC_OK;
    HPAC_TRY(read_config(classifier));
    const hpac_config_data *data = &classifier->config.data;
    if (hints->pixels_given && hints->pixels != data->pixels)
        return hpac_fail(HPAC_ERR_CONFIG, "was trained with other pixels than those of --pixels");
    classifier->pixels = data->pixels;
    memcpy(classifier->channel_order, data->channel_order, channels * sizeof *data->channel_order);
    return HPAC_OK;
}

hpac_status hpac_classifier_load(const char *path, const hpac_classifier_hints *hints,
                                 hpac_classifier *classifier)
{
    static const hpac_classifier_hints none = {0};
    HPAC_TRY_GIVEN(classifier);
    *classifier = (hpac_classifier){0};
    HPAC_TRY_GIVEN(path);
    HPAC_AUTO(hpac_classifier_fini) hpac_classifier made = {0};
    HPAC_TRY(hpac_model_load(path, &made.model));
    HPAC_TRY(hpac_fail_within(resolve(hints ? hints : &none, &made), "%s", path));
    HPAC_TRY_MEMORY(made.path = strdup(path), strlen(path) + 1);
    HPAC_TRY(hpac_predictor_create(&made.predictor));
    *classifier = made;
    made = (hpac_classifier){0};
    return HPAC_OK;
}

void hpac_classifier_fini(hpac_classifier *classifier)
{
    if (!classifier)
        return;
    hpac_predictor_destroy(classifier->predictor);
    free(classifier->path);
    hpac_model_fini(&classifier->model);
    hpac_config_fini(&classifier->config);
    *classifier = (hpac_classifier){0};
}

static hpac_status check_metadata(const hpac_classifier *classifier)
{
    const hpac_model *model = &classifier->model;
    if (!classifier->path)
        return hpac_fail(HPAC_ERR_INTERNAL, "the classifier is not loaded");
    bool possible = model->target_count >= 1 && model->target_count <= HPAC_CLASS_COUNT &&
                    model->input.channels >= 1 && model->input.channels <= HPAC_MAX_CHANNELS &&
                    (unsigned)classifier->pixels <= HPAC_PIXELS_FLOAT32;
    for (size_t i = 0; possible && i < model->target_count; i++)
        possible = is_class(model->targets[i]);
    for (size_t i = 0; possible && i < model->input.channels; i++)
        possible =
            classifier->channel_order[i] >= 0 && classifier->channel_order[i] < HPAC_MAX_CHANNELS;
    return possible ? HPAC_OK
                    : hpac_fail(HPAC_ERR_INTERNAL,
                                "%s: impossible classes, channels or pixels in the classifier",
                                classifier->path);
}

hpac_status classifier_check(const hpac_classifier *classifier)
{
    if (!classifier->predictor || !classifier->model.layers || !classifier->model.weights)
        return hpac_fail(HPAC_ERR_INTERNAL, "the classifier is not loaded");
    return check_metadata(classifier);
}

hpac_batch_format classifier_batch_format(const hpac_classifier *classifier)
{
    hpac_shape input = classifier->model.input;
    return (hpac_batch_format){
        .batch_size = hpac_micro_batch_size(input.rows, input.cols),
        .target_count = classifier->model.target_count,
        .rows = input.rows,
        .cols = input.cols,
        .channels = input.channels,
        .pixels = classifier->pixels,
    };
}

static hpac_status create_network(const hpac_classifier *classifier, hpac_device *device,
                                  hpac_network **network)
{
    const hpac_network_options options = {
        .device = device,
        .layers = classifier->model.layers,
        .layer_count = classifier->model.layer_count,
        .format = classifier_batch_format(classifier),
    };
    HPAC_TRY(hpac_network_create(&options, network));
    HPAC_TRY(hpac_network_allocate(*network));
    return hpac_network_import(*network, classifier->model.weights, NULL);
}

hpac_status classifier_create_network(const hpac_classifier *classifier, hpac_device *device,
                                      hpac_network **network)
{
    return hpac_fail_within(create_network(classifier, device, network), "%s", classifier->path);
}

hpac_status hpac_classifier_check_alike(const hpac_classifier *a, const hpac_classifier *b)
{
    HPAC_TRY_GIVEN(a);
    HPAC_TRY_GIVEN(b);
    HPAC_TRY(check_metadata(a));
    HPAC_TRY(check_metadata(b));
    const hpac_model *x = &a->model, *y = &b->model;
    const char *what = NULL;
    if (!same_targets(x, y->targets, y->target_count))
        what = "classes";
    else if (x->input.rows != y->input.rows || x->input.cols != y->input.cols)
        what = "image sizes";
    else if (x->input.channels != y->input.channels ||
             memcmp(a->channel_order, b->channel_order,
                    x->input.channels * sizeof *a->channel_order) != 0)
        what = "channels";
    else if (a->pixels != b->pixels)
        what = "pixels";
    return what ? hpac_fail(HPAC_ERR_CONFIG,
                            "%s and %s: cannot be averaged: trained for different %s", a->path,
                            b->path, what)
                : HPAC_OK;
}

static hpac_status add(const char *path, const hpac_classifier_hints *hints,
                       hpac_classifiers *classifiers)
{
    HPAC_TRY_GROW(classifiers->items, classifiers->count, classifiers->capacity);
    hpac_classifier *added = &classifiers->items[classifiers->count];
    HPAC_TRY(hpac_classifier_load(path, hints, added));
    classifiers->count++;
    return hpac_classifier_check_alike(&classifiers->items[0], added);
}

static char *path_of_fold(const char *directory, size_t fold)
{
    return hpac_path_join(directory, "fold%zu/%s", fold, hpac_run_files[HPAC_RUN_MODEL].name);
}

static hpac_status check_folds(const char *directory, size_t count)
{
    hpac_problems missing = {0};
    for (size_t fold = 0; fold < count; fold++) {
        HPAC_AUTO_FREE char *path = path_of_fold(directory, fold);
        if (!path || !hpac_path_exists(path))
            hpac_problems_add(&missing, "  %s", path ? path : "out of memory");
    }
    return hpac_problems_finish(&missing, HPAC_ERR_DATA,
                                "%s: unfinished cross-validation, missing models", directory);
}

/* The first model has the number of folds. */
static hpac_status add_folds(const char *directory, const hpac_classifier_hints *hints,
                             hpac_classifiers *classifiers)
{
    size_t count = 1;
    HPAC_TRY(check_folds(directory, 1));
    for (size_t fold = 0; fold < count; fold++) {
        HPAC_AUTO_FREE char *path = path_of_fold(directory, fold);
        HPAC_TRY_MEMORY(path, strlen(directory));
        HPAC_TRY(add(path, hints, classifiers));
        if (fold > 0)
            continue;
        const hpac_classifier *first = &classifiers->items[0];
        if (!first->has_config)
            return hpac_fail(HPAC_ERR_DATA, "%s: does not contain the number of folds", path);
        count = (size_t)(first->config.data.split.folds * first->config.data.split.repeats);
        HPAC_TRY(check_folds(directory, count));
    }
    return HPAC_OK;
}

/* What a directory without model.h5 is, and what to use instead. */
static hpac_status refuse_directory(const char *name)
{
    HPAC_AUTO(hpac_run_info_fini) hpac_run_info run = {0};
    if (hpac_directory_has(name, "sweep.csv"))
        return hpac_fail(HPAC_ERR_DATA,
                         "%s: directory of a sweep; expected one of its runs, which \"hpac info "
                         "%s\" lists",
                         name, name);
    if (!hpac_directory_has(name, hpac_run_files[HPAC_RUN_RUN_JSON].name) ||
        hpac_run_info_read(name, &run) != HPAC_OK)
        return hpac_fail(HPAC_ERR_DATA,
                         "%s: directory without model.h5; expected a model file, the directory of "
                         "a finished run, or of a cross-validation",
                         name);
    if (!hpac_directory_has(name, hpac_run_files[HPAC_RUN_BEST_MODEL].name))
        return hpac_fail(HPAC_ERR_DATA, "%s: the run is unfinished and has no model yet", name);
    return hpac_fail(HPAC_ERR_DATA,
                     "%s: the run is unfinished (%lld epoch%s) and has no model.h5; train --resume "
                     "finishes it, and its best model so far, of epoch %lld, is %s/best.h5",
                     name, run.epochs, run.epochs == 1 ? "" : "s", run.best_epoch, name);
}

hpac_status hpac_classifiers_load(const char *name, const hpac_classifier_hints *hints,
                                  hpac_classifiers *classifiers)
{
    HPAC_TRY_GIVEN(classifiers);
    *classifiers = (hpac_classifiers){0};
    HPAC_TRY_GIVEN(name);
    struct stat info;
    HPAC_AUTO_FREE char *model = hpac_run_path(name, HPAC_RUN_MODEL);
    HPAC_AUTO_FREE char *first_fold = hpac_path_join(name, "fold0");
    HPAC_TRY_MEMORY(model && first_fold, strlen(name));
    if (stat(name, &info) != 0 || !S_ISDIR(info.st_mode))
        return add(name, hints, classifiers);
    if (hpac_path_exists(model))
        return add(model, hints, classifiers);
    if (hpac_path_exists(first_fold))
        return add_folds(name, hints, classifiers);
    return refuse_directory(name);
}

void hpac_classifiers_fini(hpac_classifiers *classifiers)
{
    if (!classifiers)
        return;
    for (size_t i = 0; i < classifiers->count; i++)
        hpac_classifier_fini(&classifiers->items[i]);
    free(classifiers->items);
    *classifiers = (hpac_classifiers){0};
}
