/* predictions.csv, submission_proba.csv, submission.csv. */
#include "submission.h"

#include "base/csv.h"

#include <stdlib.h>
#include <string.h>

hpac_status hpac_predictions_create(hpac_predictions *predictions, const char *path,
                                    const int *targets, size_t target_count)
{
    hpac_status status = hpac_file_create(&predictions->file, path);
    if (status != HPAC_OK)
        return status;
    predictions->target_count = target_count;
    fputs("Id", predictions->file.stream);
    for (size_t t = 0; t < target_count; t++) {
        fputc(',', predictions->file.stream);
        hpac_csv_write_cell(predictions->file.stream, hpac_class_names[targets[t]]);
    }
    fputc('\n', predictions->file.stream);
    return HPAC_OK;
}

void hpac_predictions_add(hpac_predictions *predictions, const char *id, const float *probabilities)
{
    FILE *stream = predictions->file.stream;
    hpac_csv_write_cell(stream, id);
    for (size_t t = 0; t < predictions->target_count; t++)
        fprintf(stream, ",%.9g", (double)probabilities[t]); /* 9 digits give the float back */
    fputc('\n', stream);
}

hpac_status hpac_predictions_commit(hpac_predictions *predictions)
{
    return hpac_file_commit(&predictions->file);
}

void hpac_predictions_discard(hpac_predictions *predictions)
{
    hpac_file_discard(&predictions->file);
}

static hpac_status create_labels(hpac_submission *submission, const char *folder)
{
    char *path = hpac_path_join(folder, "submission.csv");
    if (!path)
        return hpac_fail_memory(strlen(folder));
    hpac_status status = hpac_file_create(&submission->labels, path);
    free(path);
    if (status == HPAC_OK)
        fputs("Id,Predicted\n", submission->labels.stream);
    return status;
}

static void copy_options(hpac_submission *submission, const hpac_submission_options *options)
{
    *submission = (hpac_submission){.target_count = options->target_count, .empty = options->empty};
    memcpy(submission->targets, options->targets, options->target_count * sizeof *options->targets);
    for (size_t t = 0; t < options->target_count; t++)
        submission->thresholds[options->targets[t]] =
            options->thresholds ? options->thresholds[t] : 0.5F;
}

hpac_status hpac_submission_create(hpac_submission *submission,
                                   const hpac_submission_options *options)
{
    copy_options(submission, options);
    char *path = hpac_path_join(options->folder, "submission_proba.csv");
    if (!path)
        return hpac_fail_memory(strlen(options->folder));
    int all[HPAC_CLASS_COUNT];
    for (int c = 0; c < HPAC_CLASS_COUNT; c++)
        all[c] = c;
    hpac_status status =
        hpac_predictions_create(&submission->probabilities, path, all, HPAC_CLASS_COUNT);
    free(path);
    if (status != HPAC_OK)
        return status;
    status = create_labels(submission, options->folder);
    if (status != HPAC_OK)
        hpac_predictions_discard(&submission->probabilities);
    return status;
}

/* Of the classes trained; the first among equals. */
static int most_probable(const bool *trained, const float *all)
{
    int best = -1;
    for (int c = 0; c < HPAC_CLASS_COUNT; c++)
        if (trained[c] && (best < 0 || all[c] > all[best]))
            best = c;
    return best;
}

void hpac_submission_add(hpac_submission *submission, const char *id, const float *probabilities)
{
    float all[HPAC_CLASS_COUNT] = {0};
    bool trained[HPAC_CLASS_COUNT] = {0};
    for (size_t t = 0; t < submission->target_count; t++) {
        all[submission->targets[t]] = probabilities[t];
        trained[submission->targets[t]] = true;
    }
    hpac_predictions_add(&submission->probabilities, id, all);

    FILE *stream = submission->labels.stream;
    hpac_csv_write_cell(stream, id);
    char separator = ',';
    for (int c = 0; c < HPAC_CLASS_COUNT; c++)
        if (trained[c] && all[c] > submission->thresholds[c]) {
            fprintf(stream, "%c%d", separator, c);
            separator = ' ';
        }
    if (separator == ',' && submission->empty == HPAC_EMPTY_ARGMAX)
        fprintf(stream, ",%d", most_probable(trained, all));
    else if (separator == ',')
        fputc(',', stream);
    fputc('\n', stream);
}

void hpac_submission_add_unknown(hpac_submission *submission, const char *id)
{
    FILE *stream = submission->probabilities.file.stream;
    hpac_csv_write_cell(stream, id);
    for (int c = 0; c < HPAC_CLASS_COUNT; c++)
        fputc(',', stream);
    fputc('\n', stream);
    hpac_csv_write_cell(submission->labels.stream, id);
    fputs(",\n", submission->labels.stream);
}

hpac_status hpac_submission_check(const hpac_submission *submission)
{
    const hpac_file *const files[] = {&submission->probabilities.file, &submission->labels};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (fflush(files[i]->stream) != 0 || ferror(files[i]->stream))
            return hpac_fail(HPAC_ERR_DATA, "%s: writing failed; is the disk full?",
                             files[i]->path);
    return HPAC_OK;
}

/* Both are complete before the first is renamed into place. */
hpac_status hpac_submission_commit(hpac_submission *submission)
{
    hpac_status status = hpac_file_finish(&submission->probabilities.file);
    if (status == HPAC_OK)
        status = hpac_file_finish(&submission->labels);
    if (status == HPAC_OK)
        status = hpac_predictions_commit(&submission->probabilities);
    if (status == HPAC_OK)
        status = hpac_file_commit(&submission->labels);
    if (status != HPAC_OK)
        hpac_submission_discard(submission);
    return status;
}

void hpac_submission_discard(hpac_submission *submission)
{
    hpac_predictions_discard(&submission->probabilities);
    hpac_file_discard(&submission->labels);
}
