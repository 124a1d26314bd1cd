/* The CSVs that grow during a training. */
#include "history.h"

#include <hpac/labels.h>

#include "run_files.h"
#include "run_results.h"

#include "base/csv.h"
#include "base/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The file of each CSV, and its columns (batch_counts.csv has three per class). */
static const struct {
    hpac_run_file_number file;
    const hpac_column *columns;
    size_t column_count;
} csvs[HISTORY_CSVS] = {
    [HISTORY_LOSSES] = {HPAC_RUN_LOSSES, hpac_losses_columns, 3},
    [HISTORY_BATCH_LOSSES] = {HPAC_RUN_BATCH_LOSSES, hpac_batch_losses_columns, 2},
    [HISTORY_BATCH_COUNTS] = {HPAC_RUN_BATCH_COUNTS, hpac_batch_losses_columns, 1},
    [HISTORY_METRICS] = {HPAC_RUN_METRICS, hpac_metrics_columns, HPAC_METRICS},
    [HISTORY_CLASS_METRICS] = {HPAC_RUN_CLASS_METRICS, hpac_class_metrics_columns,
                               HPAC_CLASS_METRICS},
};

/* ---- opening ---- */

static void write_header(const train_history *history, history_csv csv)
{
    static const char *const counts[] = {"true positives", "false positives", "false negatives"};
    FILE *stream = history->streams[csv];
    for (size_t c = 0; c < csvs[csv].column_count; c++)
        fprintf(stream, "%s%s", c > 0 ? "," : "", csvs[csv].columns[c].name);
    for (size_t t = 0; csv == HISTORY_BATCH_COUNTS && t < history->target_count; t++)
        for (int i = 0; i < 3; i++) {
            char cell[96];
            snprintf(cell, sizeof cell, "%s %s", hpac_class_names[history->targets[t]], counts[i]);
            fputc(',', stream);
            hpac_csv_write_cell(stream, cell);
        }
    fputc('\n', stream);
}

/* Keeps the header and the first `rows` rows of a CSV that the training itself wrote (no cell of it
 * holds a newline); a half-written row at the end goes with the rest. */
static hpac_status cut_back(const char *path, uint64_t rows)
{
    unsigned char *bytes;
    size_t nbytes, end = 0;
    HPAC_TRY(hpac_file_read(path, SIZE_MAX / 2, &bytes, &nbytes));
    hpac_status status = HPAC_OK;
    for (uint64_t row = 0; row <= rows; row++) {
        unsigned char *newline = memchr(bytes + end, '\n', nbytes - end);
        if (!newline) {
            status = hpac_fail(HPAC_ERR_DATA,
                               "%s: expected %llu rows, as in resume.h5, found %llu; start again "
                               "with --force",
                               path, (unsigned long long)rows,
                               (unsigned long long)(row > 0 ? row - 1 : 0));
            goto out;
        }
        end = (size_t)(newline - bytes) + 1;
    }
    hpac_file file;
    status = hpac_file_create(&file, path);
    if (status == HPAC_OK) {
        fwrite(bytes, 1, end, file.stream);
        status = hpac_file_commit(&file);
    }

out:
    free(bytes);
    return status;
}

static uint64_t rows_of(const history_options *options, history_csv csv)
{
    if (csv == HISTORY_BATCH_LOSSES || csv == HISTORY_BATCH_COUNTS)
        return options->steps;
    return (uint64_t)options->epochs * (csv == HISTORY_CLASS_METRICS ? options->target_count : 1);
}

static hpac_status open_csv(train_history *history, const history_options *options, history_csv csv)
{
    char *path = hpac_run_path(options->folder, csvs[csv].file);
    if (!path)
        return hpac_fail_memory(strlen(options->folder));
    hpac_status status = options->resume ? cut_back(path, rows_of(options, csv)) : HPAC_OK;
    if (status == HPAC_OK) {
        history->streams[csv] = fopen(path, options->resume ? "ae" : "we");
        if (!history->streams[csv])
            status =
                hpac_fail(HPAC_ERR_DATA, "%s: cannot open for writing: %s", path, strerror(errno));
        else if (!options->resume)
            write_header(history, csv);
    }
    free(path);
    return status;
}

hpac_status history_open(train_history *history, const history_options *options)
{
    *history = (train_history){.targets = options->targets, .target_count = options->target_count};
    for (int csv = 0; csv < HISTORY_CSVS; csv++)
        HPAC_TRY(open_csv(history, options, (history_csv)csv));
    return history_flush(history);
}

/* ---- rows ---- */

static hpac_status fail_writing(history_csv csv)
{
    return hpac_fail(HPAC_ERR_DATA, "%s: write failed: %s", hpac_run_files[csvs[csv].file].name,
                     strerror(errno));
}

hpac_status history_add_batch(train_history *history, uint32_t step, double loss,
                              const hpac_step_result *result)
{
    FILE *losses = history->streams[HISTORY_BATCH_LOSSES];
    FILE *counts = history->streams[HISTORY_BATCH_COUNTS];
    fprintf(losses, "%u,%.9g\n", step, loss);
    fprintf(counts, "%u", step);
    for (size_t c = 0; c < history->target_count; c++)
        fprintf(counts, ",%u,%u,%u", result->true_positives[c], result->false_positives[c],
                result->false_negatives[c]);
    fputc('\n', counts);
    if (ferror(losses))
        return fail_writing(HISTORY_BATCH_LOSSES);
    return ferror(counts) ? fail_writing(HISTORY_BATCH_COUNTS) : HPAC_OK;
}

static void write_set_metrics(FILE *stream, const hpac_counts *counts)
{
    hpac_f1_summary f1 = hpac_f1_summarize(counts);
    fprintf(stream, ",%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g", hpac_mean_loss(counts),
            hpac_accuracy(counts), hpac_all_zero_accuracy(counts), f1.min, f1.max, f1.mean, f1.std);
}

static void write_class_rows(const train_history *history, const history_epoch *epoch)
{
    FILE *stream = history->streams[HISTORY_CLASS_METRICS];
    for (size_t c = 0; c < history->target_count; c++) {
        hpac_confusion counts = epoch->validation->confusion[c];
        fprintf(stream, "%u,", epoch->epoch);
        hpac_csv_write_cell(stream, hpac_class_names[history->targets[c]]);
        fprintf(stream, ",%llu,%llu,%llu,%llu,%.9g,%.9g,%.9g\n",
                (unsigned long long)(counts.tp + counts.fn), (unsigned long long)counts.tp,
                (unsigned long long)counts.fp, (unsigned long long)counts.fn,
                hpac_precision_of(counts), hpac_recall_of(counts), hpac_f1_of(counts));
    }
}

hpac_status history_add_epoch(train_history *history, const history_epoch *epoch)
{
    FILE *metrics = history->streams[HISTORY_METRICS];
    fprintf(history->streams[HISTORY_LOSSES], "%u,%.9g,%.9g\n", epoch->epoch,
            hpac_mean_loss(epoch->train), hpac_mean_loss(epoch->validation));
    fprintf(metrics, "%u,%u", epoch->epoch, epoch->step);
    write_set_metrics(metrics, epoch->train);
    write_set_metrics(metrics, epoch->validation);
    fprintf(metrics, ",%.9g,%.3f,%.1f,%.3f\n", epoch->prior_loss, epoch->elapsed_s,
            epoch->images_per_s, epoch->waiting);
    write_class_rows(history, epoch);
    return history_flush(history);
}

hpac_status history_flush(train_history *history)
{
    for (int csv = 0; csv < HISTORY_CSVS; csv++) {
        FILE *stream = history->streams[csv];
        if (fflush(stream) != 0 || ferror(stream) || fsync(fileno(stream)) != 0)
            return fail_writing((history_csv)csv);
    }
    return HPAC_OK;
}

void history_close(train_history *history)
{
    for (int csv = 0; csv < HISTORY_CSVS; csv++)
        if (history->streams[csv])
            fclose(history->streams[csv]);
    *history = (train_history){0};
}
