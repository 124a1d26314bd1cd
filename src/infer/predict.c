/* The prediction of a test set. */
#include "predict.h"

#include "base/file.h"
#include "base/memory.h"
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

static hpac_status on_start(void *user)
{
    hpac_submission *submission = user;
    HPAC_TRY(hpac_directory_create(submission->directory));
    return hpac_submission_begin(submission);
}

static hpac_status on_batch(void *user, const size_t *rows, size_t count,
                            const float *probabilities)
{
    return hpac_submission_add(user, rows, count, probabilities);
}

hpac_status hpac_predict(const hpac_predict_options *options, hpac_predict_result *result)
{
    const char *const names[] = {hpac_run_files[HPAC_RUN_SUBMISSION_PROBA].name,
                                 hpac_run_files[HPAC_RUN_SUBMISSION].name};
    const hpac_inference_options *inference = &options->inference;
    const hpac_model *model = &inference->classifiers[0].model;
    float thresholds[HPAC_CLASS_COUNT];
    *result = (hpac_predict_result){0};
    if (!options->force)
        HPAC_TRY(hpac_directory_check_free(options->directory, names, 2));
    HPAC_TRY(hpac_thresholds_resolve(inference->classifiers, inference->classifier_count,
                                     options->thresholds, options->threshold_count, thresholds));
    HPAC_AUTO(hpac_labels_fini) hpac_labels ids = {0};
    HPAC_TRY(hpac_ids_read_csv(options->ids, &ids));
    HPAC_AUTO(hpac_submission_discard)
    hpac_submission submission = {
        .directory = options->directory,
        .ids = &ids,
        .targets = model->targets,
        .target_count = model->target_count,
        .thresholds = thresholds,
        .empty = options->empty,
    };
    const hpac_inference_set set = {
        .images = options->images,
        .labels = &ids,
        .on_start = on_start,
        .on_batch = on_batch,
        .user = &submission,
        .skipped = &result->skipped,
    };
    HPAC_TRY(hpac_inference_run(inference, &set));
    result->images = ids.count;
    return hpac_submission_commit(&submission);
}
