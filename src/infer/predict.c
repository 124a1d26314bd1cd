/* The prediction of a test set. */
#include "predict.h"

#include <hpac/log.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "rundir/run_files.h"

hpac_status hpac_thresholds_resolve(const hpac_classifier *classifiers, size_t classifier_count,
                                    const float *given, size_t given_count, float *thresholds)
{
    size_t targets = classifiers[0].model.target_count;
    if (given_count > 1 && given_count != targets)
        return hpac_fail(
            HPAC_ERR_CONFIG,
            "--threshold: %zu numbers, expected one, or one for each of the %zu classes",
            given_count, targets);
    bool tuned = classifiers[0].model.has_thresholds;
    for (size_t i = 1; given_count == 0 && i < classifier_count; i++)
        if (classifiers[i].model.has_thresholds != tuned)
            return hpac_fail(HPAC_ERR_CONFIG,
                             "%s has tuned thresholds, %s does not: tune all models "
                             "(hpac evaluate --tune-thresholds), or use --threshold",
                             classifiers[tuned ? 0 : i].path, classifiers[tuned ? i : 0].path);
    for (size_t t = 0; t < targets; t++) {
        double sum = 0;
        for (size_t i = 0; i < classifier_count; i++)
            sum += tuned ? (double)classifiers[i].model.thresholds[t] : 0.5;
        thresholds[t] = (float)(sum / (double)classifier_count);
        if (given_count > 0)
            thresholds[t] = given[given_count == 1 ? 0 : t];
    }
    return HPAC_OK;
}

/* On how few positive images the threshold of a class was tuned, in any model; -1: not known. */
static int min_positives(const hpac_inference_options *inference, size_t target)
{
    int min = -1;
    for (size_t i = 0; i < inference->classifier_count; i++) {
        int own = inference->classifiers[i].model.positives[target];
        if (own >= 0 && (min < 0 || own < min))
            min = own;
    }
    return min;
}

/* Logs the thresholds, where they are from, and which of them are mostly noise. */
static void log_thresholds(const hpac_predict_options *options, const float *thresholds)
{
    enum { ENOUGH = 10 };
    const hpac_classifier *classifier = &options->inference.classifiers[0];
    const hpac_model *model = &classifier->model;
    size_t count = options->inference.classifier_count;
    char list[HPAC_CLASS_COUNT * 64] = "", few[sizeof list] = "";
    if (options->threshold_count > 0)
        return;
    if (!model->has_thresholds) {
        hpac_log_info("thresholds: 0.5 for every class (%s has no tuned ones)", classifier->path);
        return;
    }
    for (size_t t = 0; t < model->target_count; t++) {
        const char *name = hpac_class_names[model->targets[t]];
        int positives = min_positives(&options->inference, t);
        hpac_text_append(list, sizeof list, "%s%s %.4g", *list ? ", " : "", name,
                         (double)thresholds[t]);
        if (positives >= 0 && positives < ENOUGH)
            hpac_text_append(few, sizeof few, "%s%s (%d)", *few ? ", " : "", name, positives);
    }
    hpac_log_info("thresholds: tuned, from %s%s: %s", classifier->path,
                  count > 1 ? " and the other models, averaged" : "", list);
    if (*few)
        hpac_log_warning("thresholds tuned on fewer than %d positive images are mostly noise: %s; "
                         "--threshold 0.5 ignores them",
                         ENOUGH, few);
}

static hpac_status on_batch(void *user, const size_t *rows, size_t count,
                            const float *probabilities)
{
    return hpac_submission_add(user, rows, count, probabilities);
}

static void close_inference(hpac_inference **inference)
{
    hpac_inference_destroy(*inference);
}

static hpac_status write_submission(const hpac_predict_options *options, hpac_inference *inference,
                                    const hpac_labels *ids, const float *thresholds,
                                    hpac_predict_result *result)
{
    const hpac_model *model = &options->inference.classifiers[0].model;
    HPAC_AUTO(hpac_submission_discard)
    hpac_submission submission = {
        .directory = options->directory,
        .ids = ids,
        .targets = model->targets,
        .target_count = model->target_count,
        .thresholds = thresholds,
        .empty = options->empty,
    };
    hpac_inference_pass pass = {.on_batch = on_batch, .user = &submission};
    HPAC_TRY(hpac_directory_create(options->directory));
    HPAC_TRY(hpac_submission_begin(&submission));
    HPAC_TRY(hpac_inference_run(inference, &pass));
    *result = (hpac_predict_result){.images = ids->count, .skipped = pass.skipped};
    return hpac_submission_commit(&submission);
}

hpac_status hpac_predict(const hpac_predict_options *options, hpac_predict_result *result)
{
    const char *const names[] = {hpac_run_files[HPAC_RUN_SUBMISSION_PROBA].name,
                                 hpac_run_files[HPAC_RUN_SUBMISSION].name};
    float thresholds[HPAC_CLASS_COUNT];
    *result = (hpac_predict_result){0};
    if (!options->force)
        HPAC_TRY(hpac_directory_check_free(options->directory, names, 2));
    HPAC_TRY(hpac_thresholds_resolve(options->inference.classifiers,
                                     options->inference.classifier_count, options->thresholds,
                                     options->threshold_count, thresholds));
    log_thresholds(options, thresholds);
    HPAC_AUTO(hpac_labels_fini) hpac_labels ids = {0};
    HPAC_TRY(hpac_ids_read_csv(options->ids, &ids));
    const hpac_inference_set set = {.images = options->images, .labels = &ids};
    HPAC_AUTO(close_inference) hpac_inference *inference = NULL;
    HPAC_TRY(hpac_inference_create(&options->inference, &set, &inference));
    size_t existing_nbytes = hpac_path_existing(options->directory);
    hpac_status status = write_submission(options, inference, &ids, thresholds, result);
    if (status != HPAC_OK)
        hpac_directory_remove_empty(options->directory, existing_nbytes);
    return status;
}
