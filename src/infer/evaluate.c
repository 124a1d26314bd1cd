/* Evaluation of models: probabilities of the chosen rows, thresholds, metrics. */
#include "evaluate.h"
#include "predict.h"

#include <hpac/log.h>

#include "base/file.h"
#include "base/memory.h"
#include "classifier.h"

typedef struct evaluation_job {
    const hpac_evaluate_options *options;
    const hpac_model *model; /* the first; all have its targets */
    hpac_labels labels;
    bool halve;          /* thresholds are tuned now, or were tuned */
    evaluate_rows *rows; /* (classifiers) */
    float thresholds[HPAC_CLASS_COUNT];
    hpac_predictions tuning, evaluated; /* of all models so far */
    double loss_sum;                    /* over evaluated rows, like prior_sum */
    size_t tuning_rows;                 /* rows of the tuning half, not evaluated */
    double prior_sum;
    hpac_evaluate_result *result;
} evaluation_job;

static void job_fini(evaluation_job *job)
{
    hpac_predictions_fini(&job->tuning);
    hpac_predictions_fini(&job->evaluated);
    hpac_labels_fini(&job->labels);
    for (size_t i = 0; job->rows && i < job->options->inference.classifier_count; i++)
        evaluate_rows_fini(&job->rows[i]);
    free(job->rows);
}

static hpac_status on_batch(void *user, const size_t *rows, size_t count,
                            const float *probabilities)
{
    hpac_predictions_add(user, rows, count, probabilities);
    return HPAC_OK;
}

static hpac_status predict_rows(evaluation_job *job, hpac_inference *inference, const size_t *rows,
                                size_t row_count, hpac_predictions *predictions, double *loss_sum)
{
    hpac_inference_pass pass = {
        .rows = rows, .row_count = row_count, .on_batch = on_batch, .user = predictions};
    HPAC_TRY(hpac_predictions_reserve(predictions, row_count));
    HPAC_TRY(hpac_inference_run(inference, &pass));
    job->result->skipped += pass.skipped;
    *loss_sum += pass.loss_sum;
    return HPAC_OK;
}

static void add_prior(evaluation_job *job, const evaluate_rows *rows, size_t first)
{
    const size_t *evaluated = job->evaluated.rows + first;
    size_t count = job->evaluated.count - first;
    const hpac_prior prior = {
        .masks = job->labels.masks,
        .targets = job->model->targets,
        .target_count = job->model->target_count,
        .rows = rows->prior ? rows->prior : evaluated,
        .count = rows->prior ? rows->prior_count : count,
        .evaluated_rows = evaluated,
        .evaluated_count = count,
    };
    job->prior_sum += (double)count * hpac_prior_loss(&prior);
}

static void close_inference(hpac_inference **inference)
{
    hpac_inference_destroy(*inference);
}

/* Of the rows for tuning, behind the evaluated ones, only what is tuned on. */
static size_t count_predicted(const evaluation_job *job, const evaluate_rows *rows)
{
    bool tune = job->options->tune != HPAC_TUNE_NOTHING;
    return rows->evaluated_count + (tune ? rows->tuning_count : 0);
}

static hpac_status choose_rows(evaluation_job *job)
{
    size_t count = job->options->inference.classifier_count;
    HPAC_TRY_NEW(job->rows, count);
    for (size_t i = 0; i < count; i++) {
        const hpac_classifier *classifier = &job->options->inference.classifiers[i];
        evaluate_rows *rows = &job->rows[i];
        HPAC_TRY(evaluate_rows_choose(job->options, classifier, &job->labels, job->halve, rows));
        if (rows->evaluated_count == 0)
            return hpac_fail(HPAC_ERR_CONFIG,
                             "%s: %s: no rows to evaluate: all are in the tuning half",
                             classifier->path, rows->name);
        if (job->options->tune && rows->tuning_count == 0)
            return hpac_fail(HPAC_ERR_CONFIG, "%s: %s: no rows in the tuning half",
                             classifier->path, rows->name);
    }
    return HPAC_OK;
}

/* The images of all folds, before the first of them is computed. */
static hpac_status check_images(const evaluation_job *job)
{
    const hpac_inference_options *options = &job->options->inference;
    HPAC_AUTO_FREE bool *predicted = NULL;
    HPAC_AUTO_FREE size_t *all = NULL;
    HPAC_TRY_NEW(predicted, job->labels.count);
    HPAC_TRY_NEW(all, job->labels.count);
    for (size_t i = 0; i < options->classifier_count; i++)
        for (size_t r = 0; r < count_predicted(job, &job->rows[i]); r++)
            predicted[job->rows[i].evaluated[r]] = true;
    hpac_inference_set set = {.images = job->options->images, .labels = &job->labels, .rows = all};
    for (size_t row = 0; row < job->labels.count; row++)
        if (predicted[row])
            all[set.row_count++] = row;
    return inference_check_images(options, &set);
}

static hpac_status predict_with_model(evaluation_job *job, const hpac_classifier *classifier,
                                      const evaluate_rows *rows)
{
    size_t first = job->evaluated.count;
    double tuning_loss_sum = 0; /* not used */
    hpac_inference_options options = job->options->inference;
    options.classifiers = classifier;
    options.classifier_count = 1;
    const hpac_inference_set set = {
        .images = job->options->images,
        .labels = &job->labels,
        .rows = rows->evaluated,
        .row_count = count_predicted(job, rows),
    };
    HPAC_AUTO(close_inference) hpac_inference *inference = NULL;
    HPAC_TRY(hpac_inference_create(&options, &set, &inference));
    HPAC_TRY(predict_rows(job, inference, rows->evaluated, rows->evaluated_count, &job->evaluated,
                          &job->loss_sum));
    add_prior(job, rows, first);
    job->tuning_rows += rows->tuning_count;
    return job->options->tune ? predict_rows(job, inference, rows->tuning, rows->tuning_count,
                                             &job->tuning, &tuning_loss_sum)
                              : HPAC_OK;
}

static hpac_status predict_with_models(evaluation_job *job)
{
    size_t count = job->options->inference.classifier_count;
    const char *half = job->halve ? " (evaluation half)" : "";
    hpac_evaluate_result *result = job->result;
    for (size_t i = 0; i < count; i++)
        HPAC_TRY(predict_with_model(job, &job->options->inference.classifiers[i], &job->rows[i]));
    if (count > 1)
        snprintf(result->set, sizeof result->set,
                 "%zu folds, each evaluated by the model not trained on it%s", count, half);
    else
        snprintf(result->set, sizeof result->set, "%s%s", job->rows[0].name, half);
    return HPAC_OK;
}

static hpac_scored scored(const evaluation_job *job, const hpac_predictions *predictions)
{
    return (hpac_scored){
        .count = predictions->count,
        .target_count = predictions->target_count,
        .targets = job->model->targets,
        .masks = job->labels.masks,
        .rows = predictions->rows,
        .probabilities = predictions->probabilities,
    };
}

static hpac_status measure(evaluation_job *job)
{
    hpac_scored evaluated = scored(job, &job->evaluated);
    hpac_evaluation *evaluation = &job->result->evaluation;
    HPAC_TRY(hpac_evaluate(&evaluated, job->thresholds, evaluation));
    double images = (double)evaluated.count;
    evaluation->loss = job->loss_sum / (images * (double)evaluated.target_count);
    evaluation->prior_loss = job->prior_sum / images;
    return HPAC_OK;
}

/* Tunes thresholds on one half; their F1 on the other half is reported beside that of 0.5. */
static hpac_status tune(evaluation_job *job)
{
    hpac_scored tuning = scored(job, &job->tuning);
    HPAC_TRY(measure(job));
    double before = job->result->evaluation.f1.mean;
    HPAC_TRY(job->options->tune == HPAC_TUNE_ONE ? hpac_tune_one_threshold(&tuning, job->thresholds)
                                                 : hpac_tune_thresholds(&tuning, job->thresholds));
    HPAC_TRY(measure(job));
    hpac_log_info("thresholds tuned on %zu images, evaluated on the other %zu: mean F1 %.4f, with "
                  "0.5 %.4f",
                  job->tuning.count, job->evaluated.count, job->result->evaluation.f1.mean, before);
    return HPAC_OK;
}

/* The labels 1 of each class in the tuning half; with one threshold for all, of all classes. */
static void count_positives(const evaluation_job *job, int *positives)
{
    hpac_scored tuning = scored(job, &job->tuning);
    int sum = 0;
    for (size_t t = 0; t < tuning.target_count; t++) {
        positives[t] = 0;
        for (size_t i = 0; i < tuning.count; i++)
            positives[t] += (int)(tuning.masks[tuning.rows[i]] >> tuning.targets[t] & 1);
        sum += positives[t];
    }
    for (size_t t = 0; job->options->tune == HPAC_TUNE_ONE && t < tuning.target_count; t++)
        positives[t] = sum;
}

static hpac_status save_thresholds(const evaluation_job *job)
{
    int positives[HPAC_CLASS_COUNT];
    count_positives(job, positives);
    for (size_t i = 0; i < job->options->inference.classifier_count; i++) {
        const char *path = job->options->inference.classifiers[i].path;
        HPAC_TRY(hpac_thresholds_save(path, job->thresholds, positives, job->model->target_count));
        hpac_log_info("%s: thresholds saved", path);
    }
    return HPAC_OK;
}

static const char *const file_names[] = {"evaluation.csv", "class_evaluation.csv",
                                         "evaluation_predictions.csv"};

static hpac_status write_files(const evaluation_job *job)
{
    const hpac_evaluate_options *options = job->options;
    const hpac_evaluation_title title = {options->name, job->result->set};
    HPAC_TRY(hpac_evaluation_write(&job->result->evaluation, &title, options->directory));
    return hpac_predictions_write(&job->evaluated, job->model->targets, job->labels.ids,
                                  options->directory, file_names[2]);
}

/* Thresholds are saved into the model files at the end: refused before the work. */
static hpac_status check_files(const hpac_evaluate_options *options)
{
    for (size_t i = 0; i < options->inference.classifier_count; i++) {
        const hpac_classifier *classifier = &options->inference.classifiers[i];
        hpac_file file;
        if (!classifier->model.is_own)
            return hpac_fail(HPAC_ERR_CONFIG,
                             "--tune-thresholds: %s: thresholds are stored in models of hpac only; "
                             "give them with --threshold",
                             classifier->path);
        HPAC_TRY(hpac_fail_within(hpac_file_create(&file, classifier->path), "--tune-thresholds"));
        hpac_file_discard(&file);
    }
    return HPAC_OK;
}

static hpac_status resolve_options(evaluation_job *job)
{
    const hpac_evaluate_options *options = job->options;
    if (options->directory && !options->force)
        HPAC_TRY(hpac_directory_check_free(options->directory, file_names, 3));
    if (options->inference.classifier_count > 1 && options->rows != HPAC_ROWS_OWN)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "the models of a cross-validation are evaluated on their own folds; name "
                         "one of them for --fold or --all");
    if (options->tune && options->threshold_count > 0)
        return hpac_fail(HPAC_ERR_CONFIG, "--tune-thresholds and --threshold exclude each other");
    if (options->tune)
        HPAC_TRY(check_files(options));
    const float half = 0.5F; /* to be compared with the tuned ones */
    return hpac_thresholds_resolve(options->inference.classifiers,
                                   options->inference.classifier_count,
                                   options->tune ? &half : options->thresholds,
                                   options->tune ? 1 : options->threshold_count, job->thresholds);
}

hpac_status hpac_evaluate_model(const hpac_evaluate_options *options, hpac_evaluate_result *result)
{
    *result = (hpac_evaluate_result){0};
    const hpac_model *model = &options->inference.classifiers[0].model;
    HPAC_AUTO(job_fini)
    evaluation_job job = {
        .options = options,
        .model = model,
        .halve = options->tune || (options->threshold_count == 0 &&
                                   options->inference.classifiers[0].model.has_thresholds),
        .tuning.target_count = model->target_count,
        .evaluated.target_count = model->target_count,
        .result = result,
    };
    HPAC_TRY(resolve_options(&job));
    HPAC_TRY(hpac_labels_read_csv(options->labels, &job.labels));
    HPAC_TRY(choose_rows(&job));
    if (options->inference.classifier_count > 1) /* of one, its inference does it */
        HPAC_TRY(check_images(&job));
    HPAC_TRY(predict_with_models(&job));
    if (job.halve && !options->tune)
        hpac_log_info("tuned thresholds: %zu images of the tuning half are excluded, the other %zu "
                      "are evaluated; --threshold 0.5 evaluates all",
                      job.tuning_rows, job.evaluated.count);
    HPAC_TRY(options->tune ? tune(&job) : measure(&job));
    if (options->directory)
        HPAC_TRY(write_files(&job));
    return options->tune ? save_thresholds(&job) : HPAC_OK;
}
