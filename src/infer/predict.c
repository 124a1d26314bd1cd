/* The prediction of a test set. */
#include "predict.h"

#include <hpac/log.h>

#include "base/file.h"

#include <string.h>

hpac_status hpac_thresholds_resolve(const hpac_classifier *classifiers, int classifier_count,
                                    const float *given, int given_count, float *thresholds)
{
    size_t targets = classifiers[0].model.target_count;
    if (given_count > 1 && (size_t)given_count != targets)
        return hpac_fail(
            HPAC_ERR_CONFIG,
            "--threshold: %d numbers, expected one, or one for each of the %zu classes",
            given_count, targets);
    for (size_t t = 0; t < targets; t++)
        thresholds[t] = given_count == 0 ? 0.5F : given[given_count == 1 ? 0 : t];
    if (given_count > 0)
        return HPAC_OK;
    for (int i = 1; i < classifier_count; i++)
        if (classifiers[i].model.has_thresholds != classifiers[0].model.has_thresholds)
            return hpac_fail(HPAC_ERR_CONFIG,
                             "%s has tuned thresholds, %s does not: tune all models "
                             "(hpac evaluate --tune-thresholds), or use --threshold",
                             classifiers[classifiers[0].model.has_thresholds ? 0 : i].path,
                             classifiers[classifiers[0].model.has_thresholds ? i : 0].path);
    if (!classifiers[0].model.has_thresholds)
        return HPAC_OK;
    for (size_t t = 0; t < targets; t++) {
        double sum = 0;
        for (int i = 0; i < classifier_count; i++)
            sum += (double)classifiers[i].model.thresholds[t];
        thresholds[t] = (float)(sum / classifier_count);
    }
    return HPAC_OK;
}

typedef struct prediction_job {
    const hpac_predict_options *options;
    hpac_labels ids;
    float thresholds[HPAC_CLASS_COUNT];
    hpac_submission submission;
    size_t next; /* row to be written */
} prediction_job;

static hpac_status on_start(void *user)
{
    prediction_job *job = user;
    const hpac_predict_options *options = job->options;
    const hpac_model *model = &options->inference.classifiers[0].model;
    const hpac_submission_options submission = {
        .folder = options->folder,
        .targets = model->targets,
        .target_count = model->target_count,
        .thresholds = job->thresholds,
        .empty = options->empty,
    };
    hpac_status status = hpac_directory_create(options->folder);
    return status == HPAC_OK ? hpac_submission_create(&job->submission, &submission) : status;
}

/* Rows before `row` that have not come were skipped. */
static void write_skipped(prediction_job *job, size_t row)
{
    for (; job->next < row; job->next++)
        hpac_submission_add_unknown(&job->submission, job->ids.ids[job->next]);
}

static hpac_status on_batch(void *user, const size_t *rows, size_t count,
                            const float *probabilities)
{
    prediction_job *job = user;
    size_t targets = job->submission.target_count;
    for (size_t i = 0; i < count; i++) {
        write_skipped(job, rows[i]);
        hpac_submission_add(&job->submission, job->ids.ids[rows[i]], probabilities + i * targets);
        job->next++;
    }
    return hpac_submission_check(&job->submission);
}

static hpac_status predict(prediction_job *job, hpac_inference *inference,
                           hpac_predict_result *result)
{
    const hpac_inference_set set = {
        .images = job->options->images,
        .labels = &job->ids,
        .on_start = on_start,
        .on_batch = on_batch,
        .user = job,
        .skipped = &result->skipped,
    };
    hpac_status status = hpac_inference_run(inference, &set);
    if (status != HPAC_OK) {
        hpac_submission_discard(&job->submission);
        return status;
    }
    result->images = job->ids.count;
    write_skipped(job, job->ids.count);
    return hpac_submission_commit(&job->submission);
}

hpac_status hpac_predict(const hpac_predict_options *options, hpac_predict_result *result)
{
    static const char *const names[] = {"submission_proba.csv", "submission.csv"};
    *result = (hpac_predict_result){0};
    prediction_job job = {.options = options};
    hpac_status status =
        options->force ? HPAC_OK : hpac_directory_check_free(options->folder, names, 2);
    if (status == HPAC_OK)
        status = hpac_thresholds_resolve(options->inference.classifiers,
                                         options->inference.classifier_count, options->thresholds,
                                         options->threshold_count, job.thresholds);
    if (status == HPAC_OK)
        status = hpac_ids_read_csv(options->ids, &job.ids);
    hpac_inference *inference = NULL;
    if (status == HPAC_OK)
        status = hpac_inference_create(&options->inference, &inference);
    if (status == HPAC_OK)
        status = predict(&job, inference, result);
    hpac_inference_destroy(inference);
    hpac_labels_fini(&job.ids);
    return status;
}
