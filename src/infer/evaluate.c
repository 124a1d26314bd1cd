/* Evaluation of models: probabilities of the chosen rows, thresholds, metrics. */
#include "evaluate_internal.h"
#include "predict.h"

#include <hpac/log.h>

#include "base/file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rows with their probabilities, of all models so far. */
typedef struct prediction_list {
    size_t count, capacity;
    size_t *rows;         /* (capacity) owned */
    float *probabilities; /* (capacity, targets) owned */
    double loss_sum;
} prediction_list;

typedef struct evaluation_job {
    const hpac_evaluate_options *options;
    hpac_labels labels;
    bool halve; /* thresholds are tuned now, or were tuned */
    float thresholds[HPAC_CLASS_COUNT];
    prediction_list tuning, evaluated;
    size_t tuning_rows; /* rows of the tuning half, not evaluated */
    double prior_sum;   /* over evaluated rows */
    hpac_evaluate_result *result;
} evaluation_job;

static const hpac_model *first_model(const evaluation_job *job)
{
    return &job->options->classifiers[0].model;
}

/* ---- predictions ---- */

static hpac_status reserve(prediction_list *predictions, size_t more, int targets)
{
    size_t capacity = predictions->count + more;
    size_t *rows = realloc(predictions->rows, capacity * sizeof *rows);
    if (rows)
        predictions->rows = rows;
    size_t nbytes = capacity * (size_t)targets * sizeof *predictions->probabilities;
    float *probabilities = realloc(predictions->probabilities, nbytes);
    if (probabilities)
        predictions->probabilities = probabilities;
    if (!rows || !probabilities)
        return hpac_fail_memory(nbytes);
    predictions->capacity = capacity;
    return HPAC_OK;
}

static void predictions_fini(prediction_list *predictions)
{
    free(predictions->rows);
    free(predictions->probabilities);
}

typedef struct batch_collector {
    prediction_list *predictions;
    size_t targets;
} batch_collector;

static hpac_status on_batch(void *user, const size_t *rows, size_t count,
                            const float *probabilities)
{
    const batch_collector *collector = user;
    prediction_list *predictions = collector->predictions;
    memcpy(predictions->rows + predictions->count, rows, count * sizeof *rows);
    memcpy(predictions->probabilities + predictions->count * collector->targets, probabilities,
           count * collector->targets * sizeof *probabilities);
    predictions->count += count;
    return HPAC_OK;
}

static hpac_status predict_rows(evaluation_job *job, hpac_inference *inference, const size_t *rows,
                                size_t row_count, prediction_list *predictions)
{
    batch_collector collector = {predictions, (size_t)first_model(job)->target_count};
    double loss_sum;
    size_t skipped;
    const hpac_inference_set set = {
        .images = job->options->images,
        .labels = &job->labels,
        .rows = rows,
        .row_count = row_count,
        .on_batch = on_batch,
        .user = &collector,
        .loss_sum = &loss_sum,
        .skipped = &skipped,
    };
    hpac_status status = reserve(predictions, row_count, (int)collector.targets);
    if (status == HPAC_OK)
        status = hpac_inference_run(inference, &set);
    if (status != HPAC_OK)
        return status;
    predictions->loss_sum += loss_sum;
    job->result->skipped += skipped;
    return HPAC_OK;
}

/* ---- one model ---- */

static void add_prior(evaluation_job *job, const evaluate_rows *rows, size_t first)
{
    const hpac_model *model = first_model(job);
    const size_t *evaluated = job->evaluated.rows + first;
    size_t count = job->evaluated.count - first;
    job->prior_sum +=
        (double)count * hpac_prior_loss(job->labels.masks, model->targets, model->target_count,
                                        rows->prior ? rows->prior : evaluated,
                                        rows->prior ? rows->prior_count : count, evaluated, count);
}

static hpac_status predict_with_model(evaluation_job *job, const hpac_classifier *classifier,
                                      const evaluate_rows *rows)
{
    if (rows->evaluated_count == 0)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "%s: %s: no rows to evaluate: all are in the "
                         "tuning half",
                         classifier->path, rows->name);
    if (job->options->tune && rows->tuning_count == 0)
        return hpac_fail(HPAC_ERR_CONFIG, "%s: %s: no rows in the tuning half", classifier->path,
                         rows->name);
    hpac_inference_options options = job->options->inference;
    options.classifiers = classifier;
    options.classifier_count = 1;
    hpac_inference *inference;
    hpac_status status = hpac_inference_create(&options, &inference);
    if (status != HPAC_OK)
        return status;
    size_t first = job->evaluated.count;
    status = predict_rows(job, inference, rows->evaluated, rows->evaluated_count, &job->evaluated);
    if (status == HPAC_OK)
        add_prior(job, rows, first);
    if (status == HPAC_OK && job->options->tune)
        status = predict_rows(job, inference, rows->tuning, rows->tuning_count, &job->tuning);
    job->tuning_rows += rows->tuning_count;
    hpac_inference_destroy(inference);
    return status;
}

static void name_set(evaluation_job *job, const evaluate_rows *rows)
{
    char *name = job->result->set;
    size_t size = sizeof job->result->set;
    int count = job->options->classifier_count;
    const char *half = job->halve ? " (evaluation half)" : "";
    if (count == 1)
        snprintf(name, size, "%s%s", rows->name, half);
    else
        snprintf(name, size, "%d folds, each evaluated by the model not trained on it%s", count,
                 half);
}

static hpac_status predict_with_models(evaluation_job *job)
{
    hpac_status status = HPAC_OK;
    for (int i = 0; i < job->options->classifier_count && status == HPAC_OK; i++) {
        const hpac_classifier *classifier = &job->options->classifiers[i];
        evaluate_rows rows;
        status = evaluate_rows_choose(job->options, classifier, &job->labels, job->halve, &rows);
        if (status != HPAC_OK)
            return status;
        status = predict_with_model(job, classifier, &rows);
        name_set(job, &rows);
        evaluate_rows_fini(&rows);
    }
    return status;
}

/* ---- measures ---- */

static hpac_scored scored(const evaluation_job *job, const prediction_list *predictions)
{
    return (hpac_scored){
        .count = predictions->count,
        .target_count = first_model(job)->target_count,
        .targets = first_model(job)->targets,
        .masks = job->labels.masks,
        .rows = predictions->rows,
        .probabilities = predictions->probabilities,
    };
}

static hpac_status measure(evaluation_job *job)
{
    hpac_scored evaluated = scored(job, &job->evaluated);
    hpac_evaluation *evaluation = &job->result->evaluation;
    hpac_status status = hpac_evaluate(&evaluated, job->thresholds, evaluation);
    double image_count = (double)job->evaluated.count;
    evaluation->loss = job->evaluated.loss_sum / (image_count * (double)evaluated.target_count);
    evaluation->prior_loss = job->prior_sum / image_count;
    return status;
}

/* Tunes thresholds on one half; their F1 on the other half is reported beside that of 0.5. */
static hpac_status tune(evaluation_job *job)
{
    hpac_scored tuning = scored(job, &job->tuning);
    hpac_status status = measure(job);
    double before = job->result->evaluation.f1.mean;
    if (status == HPAC_OK)
        status = job->options->tune == HPAC_TUNE_ONE
                     ? hpac_tune_one_threshold(&tuning, job->thresholds)
                     : hpac_tune_thresholds(&tuning, job->thresholds);
    if (status == HPAC_OK)
        status = measure(job);
    if (status == HPAC_OK)
        hpac_log_info(
            "thresholds tuned on %zu images, evaluated on the other %zu: mean F1 %.4f, with "
            "0.5 %.4f",
            job->tuning.count, job->evaluated.count, job->result->evaluation.f1.mean, before);
    return status;
}

static hpac_status save_thresholds(const evaluation_job *job)
{
    hpac_status status = HPAC_OK;
    for (int i = 0; i < job->options->classifier_count && status == HPAC_OK; i++) {
        const char *path = job->options->classifiers[i].path;
        status = hpac_thresholds_save(path, job->thresholds, first_model(job)->target_count);
        if (status == HPAC_OK)
            hpac_log_info("%s: thresholds saved", path);
    }
    return status;
}

static hpac_status write_predictions(const evaluation_job *job, const char *folder)
{
    const hpac_model *model = first_model(job);
    char *path = hpac_path_join(folder, "evaluation_predictions.csv");
    if (!path)
        return hpac_fail_memory(strlen(folder));
    hpac_predictions file;
    hpac_status status = hpac_predictions_create(&file, path, model->targets, model->target_count);
    free(path);
    if (status != HPAC_OK)
        return status;
    const prediction_list *evaluated = &job->evaluated;
    for (size_t i = 0; i < evaluated->count; i++)
        hpac_predictions_add(&file, job->labels.ids[evaluated->rows[i]],
                             evaluated->probabilities + i * model->target_count);
    return hpac_predictions_commit(&file);
}

/* ---- evaluation ---- */

/* Thresholds are saved into the model files at the end: refused before the work. */
static hpac_status check_writable(const hpac_evaluate_options *options)
{
    for (int i = 0; i < options->classifier_count; i++) {
        const char *path = options->classifiers[i].path, *slash = strrchr(path, '/');
        char *directory = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
        if (!directory)
            return hpac_fail_memory(strlen(path));
        hpac_status status = hpac_directory_probe(directory);
        free(directory);
        HPAC_TRY(hpac_fail_within(status, "--tune-thresholds: %s", path));
    }
    return HPAC_OK;
}

static hpac_status resolve_options(evaluation_job *job)
{
    static const char *const names[] = {"evaluation.csv", "class_evaluation.csv",
                                        "evaluation_predictions.csv"};
    const hpac_evaluate_options *options = job->options;
    if (options->folder && !options->force &&
        hpac_directory_check_free(options->folder, names, 3) != HPAC_OK)
        return HPAC_ERR_CONFIG;
    if (options->classifier_count > 1 && options->rows != HPAC_ROWS_OWN)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "the models of a cross-validation are evaluated on their own folds; name "
                         "one of them for --fold or --all");
    if (options->tune && options->threshold_count > 0)
        return hpac_fail(HPAC_ERR_CONFIG, "--tune-thresholds and --threshold exclude each other");
    const float half = 0.5F;
    if (options->tune)
        HPAC_TRY(check_writable(options));
    if (options->tune)
        return hpac_thresholds_resolve(options->classifiers, options->classifier_count, &half, 1,
                                       job->thresholds);
    return hpac_thresholds_resolve(options->classifiers, options->classifier_count,
                                   options->thresholds, options->threshold_count, job->thresholds);
}

static hpac_status evaluate(evaluation_job *job)
{
    const hpac_evaluate_options *options = job->options;
    hpac_status status = resolve_options(job);
    if (status == HPAC_OK)
        status = hpac_labels_read_csv(options->labels, &job->labels);
    if (status == HPAC_OK)
        status = predict_with_models(job);
    if (status != HPAC_OK)
        return status;
    if (job->halve && !options->tune)
        hpac_log_info("tuned thresholds: %zu images of the tuning half are excluded, the other %zu "
                      "are evaluated; --threshold 0.5 evaluates all",
                      job->tuning_rows, job->evaluated.count);
    status = options->tune ? tune(job) : measure(job);
    const hpac_evaluation_title title = {options->name, job->result->set};
    if (status == HPAC_OK && options->folder)
        status = hpac_evaluation_write(&job->result->evaluation, &title, options->folder);
    if (status == HPAC_OK && options->folder)
        status = write_predictions(job, options->folder);
    return status == HPAC_OK && options->tune ? save_thresholds(job) : status;
}

hpac_status hpac_evaluate_model(const hpac_evaluate_options *options, hpac_evaluate_result *result)
{
    *result = (hpac_evaluate_result){0};
    evaluation_job job = {
        .options = options,
        .halve = options->tune ||
                 (options->threshold_count == 0 && options->classifiers[0].model.has_thresholds),
        .result = result,
    };
    hpac_status status = evaluate(&job);
    predictions_fini(&job.tuning);
    predictions_fini(&job.evaluated);
    hpac_labels_fini(&job.labels);
    return status;
}
