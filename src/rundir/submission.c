/* predictions.csv, submission_proba.csv, submission.csv. */
#include "submission.h"

#include "run_files.h"

#include "base/csv.h"
#include "base/memory.h"

#include <math.h>
#include <string.h>

/* "Id", then the names of the classes. */
static void write_header(FILE *stream, const int *targets, size_t target_count)
{
    fputs(hpac_submission_columns[0].name, stream);
    for (size_t t = 0; t < target_count; t++) {
        fputc(',', stream);
        hpac_csv_write_cell(stream, hpac_class_names[targets ? (size_t)targets[t] : t]);
    }
    fputc('\n', stream);
}

static void write_row(FILE *stream, const char *id, const float *probabilities, size_t count)
{
    hpac_csv_write_cell(stream, id);
    for (size_t t = 0; t < count; t++)
        fprintf(stream, ",%.9g", (double)probabilities[t]); /* 9 digits give the float back */
    fputc('\n', stream);
}

hpac_status hpac_predictions_reserve(hpac_predictions *predictions, size_t more)
{
    size_t count = predictions->count + more, values = count * predictions->target_count;
    size_t *rows = reallocarray(predictions->rows, count, sizeof *rows);
    HPAC_TRY_MEMORY(rows, count * sizeof *rows);
    predictions->rows = rows;
    float *probabilities = reallocarray(predictions->probabilities, values, sizeof *probabilities);
    HPAC_TRY_MEMORY(probabilities, values * sizeof *probabilities);
    predictions->probabilities = probabilities;
    return HPAC_OK;
}

void hpac_predictions_add(hpac_predictions *predictions, const size_t *rows, size_t count,
                          const float *probabilities)
{
    size_t targets = predictions->target_count;
    memcpy(predictions->rows + predictions->count, rows, count * sizeof *rows);
    memcpy(predictions->probabilities + predictions->count * targets, probabilities,
           count * targets * sizeof *probabilities);
    predictions->count += count;
}

hpac_status hpac_predictions_write(const hpac_predictions *predictions, const int *targets,
                                   char *const *ids, const char *directory, const char *name)
{
    size_t target_count = predictions->target_count;
    HPAC_AUTO_FREE char *path = hpac_path_join(directory, "%s", name);
    HPAC_TRY_MEMORY(path, strlen(directory));
    hpac_file file;
    HPAC_TRY(hpac_file_create(&file, path));
    write_header(file.stream, targets, target_count);
    for (size_t i = 0; i < predictions->count; i++)
        write_row(file.stream, ids[predictions->rows[i]],
                  predictions->probabilities + i * target_count, target_count);
    return hpac_file_commit(&file);
}

void hpac_predictions_fini(hpac_predictions *predictions)
{
    free(predictions->rows);
    free(predictions->probabilities);
}

hpac_status hpac_submission_begin(hpac_submission *submission)
{
    for (size_t c = 0; c < HPAC_CLASS_COUNT; c++)
        submission->class_thresholds[c] = INFINITY;
    for (size_t t = 0; t < submission->target_count; t++)
        submission->class_thresholds[submission->targets[t]] =
            submission->thresholds ? submission->thresholds[t] : 0.5F;
    HPAC_TRY(hpac_run_file_create(submission->directory, HPAC_RUN_SUBMISSION_PROBA,
                                  &submission->probabilities));
    HPAC_TRY(hpac_run_file_create(submission->directory, HPAC_RUN_SUBMISSION, &submission->labels));
    write_header(submission->probabilities.stream, NULL, HPAC_CLASS_COUNT);
    fprintf(submission->labels.stream, "%s,%s\n", hpac_submission_columns[0].name,
            hpac_submission_columns[1].name);
    return HPAC_OK;
}

/* The classes above their thresholds. `all`: (HPAC_CLASS_COUNT) probabilities. */
static void write_labels(const hpac_submission *submission, const char *id, const float *all)
{
    FILE *stream = submission->labels.stream;
    char separator = ',';
    int best = -1; /* of the classes trained; the first among equals */
    hpac_csv_write_cell(stream, id);
    for (int c = 0; c < HPAC_CLASS_COUNT; c++) {
        float threshold = submission->class_thresholds[c];
        if (isfinite(threshold) && (best < 0 || all[c] > all[best]))
            best = c;
        if (all[c] > threshold) {
            fprintf(stream, "%c%d", separator, c);
            separator = ' ';
        }
    }
    if (separator == ',' && submission->empty == HPAC_EMPTY_ARGMAX)
        fprintf(stream, ",%d", best);
    else if (separator == ',')
        fputc(',', stream);
    fputc('\n', stream);
}

/* Rows of images that could not be read, before `row`. */
static void write_unknown(hpac_submission *submission, size_t row)
{
    for (; submission->next < row; submission->next++) {
        const char *id = submission->ids->ids[submission->next];
        hpac_csv_write_cell(submission->probabilities.stream, id);
        for (int c = 0; c < HPAC_CLASS_COUNT; c++)
            fputc(',', submission->probabilities.stream);
        fputc('\n', submission->probabilities.stream);
        hpac_csv_write_cell(submission->labels.stream, id);
        fputs(",\n", submission->labels.stream);
    }
}

hpac_status hpac_submission_add(hpac_submission *submission, const size_t *rows, size_t count,
                                const float *probabilities)
{
    size_t targets = submission->target_count;
    for (size_t i = 0; i < count; i++) {
        float all[HPAC_CLASS_COUNT] = {0};
        for (size_t t = 0; t < targets; t++)
            all[submission->targets[t]] = probabilities[i * targets + t];
        write_unknown(submission, rows[i]);
        const char *id = submission->ids->ids[submission->next++];
        write_row(submission->probabilities.stream, id, all, HPAC_CLASS_COUNT);
        write_labels(submission, id, all);
    }
    const hpac_file *const files[] = {&submission->probabilities, &submission->labels};
    for (size_t i = 0; i < 2; i++)
        if (fflush(files[i]->stream) != 0 || ferror(files[i]->stream))
            return hpac_fail(HPAC_ERR_DATA, "%s: writing failed; is the disk full?",
                             files[i]->path);
    return HPAC_OK;
}

hpac_status hpac_submission_commit(hpac_submission *submission)
{
    write_unknown(submission, submission->ids->count);
    HPAC_TRY(hpac_file_finish(&submission->probabilities));
    HPAC_TRY(hpac_file_finish(&submission->labels));
    HPAC_TRY(hpac_file_commit(&submission->probabilities));
    return hpac_file_commit(&submission->labels);
}

void hpac_submission_discard(hpac_submission *submission)
{
    hpac_file_discard(&submission->probabilities);
    hpac_file_discard(&submission->labels);
}
