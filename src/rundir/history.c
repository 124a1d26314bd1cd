/* The CSVs that grow during a training. */
#include "history.h"

#include <hpac/labels.h>

#include "base/csv.h"
#include "base/memory.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* The columns of each CSV; batch_counts.csv has three more per class. */
static const struct {
    hpac_run_file_number file;
    const hpac_column *columns;
    size_t column_count;
} csvs[] = {
    {HPAC_RUN_LOSSES, hpac_losses_columns, 3},
    {HPAC_RUN_BATCH_LOSSES, hpac_batch_losses_columns, 2},
    {HPAC_RUN_BATCH_COUNTS, hpac_batch_losses_columns, 1},
    {HPAC_RUN_LEARNING_RATES, hpac_learning_rates_columns, 2},
    {HPAC_RUN_METRICS, hpac_metrics_columns, HPAC_METRICS},
    {HPAC_RUN_CLASS_METRICS, hpac_class_metrics_columns, HPAC_CLASS_METRICS},
};

enum { CSV_COUNT = sizeof csvs / sizeof *csvs };

static void write_header(const train_history *history, size_t csv)
{
    static const char *const counts[] = {"true positives", "false positives", "false negatives"};
    FILE *stream = history->streams[csvs[csv].file];
    for (size_t c = 0; c < csvs[csv].column_count; c++)
        fprintf(stream, "%s%s", c > 0 ? "," : "", csvs[csv].columns[c].name);
    if (csvs[csv].file == HPAC_RUN_BATCH_COUNTS)
        for (size_t i = 0; i < 3 * history->target_count; i++) {
            char cell[96];
            snprintf(cell, sizeof cell, "%s %s", hpac_class_names[history->targets[i / 3]],
                     counts[i % 3]);
            fputc(',', stream);
            hpac_csv_write_cell(stream, cell);
        }
    fputc('\n', stream);
}

/* Keeps the header and the first `rows` rows of a CSV that the training itself wrote (no cell of it
 * holds a newline); a half-written row at the end goes with the rest. */
static hpac_status cut_back(const char *path, size_t rows)
{
    HPAC_AUTO_FREE unsigned char *bytes = NULL;
    size_t nbytes, end = 0;
    HPAC_TRY(hpac_file_read(path, SIZE_MAX / 2, &bytes, &nbytes));
    for (size_t row = 0; row <= rows; row++) {
        unsigned char *newline = memchr(bytes + end, '\n', nbytes - end);
        if (!newline)
            return hpac_fail(HPAC_ERR_DATA,
                             "%s: expected %zu rows, as in resume.h5, found %zu; start again "
                             "with --force",
                             path, rows, row > 0 ? row - 1 : 0);
        end = (size_t)(newline - bytes) + 1;
    }
    hpac_file file;
    HPAC_TRY(hpac_file_create(&file, path));
    fwrite(bytes, 1, end, file.stream);
    return hpac_file_commit(&file);
}

static bool is_written(const train_history *history, hpac_run_file_number file)
{
    return file != HPAC_RUN_LEARNING_RATES || history->scheduled;
}

hpac_status history_open(train_history *history, const char *directory, bool resume, size_t epochs,
                         size_t steps)
{
    const size_t rows[HPAC_RUN_FILE_COUNT] = {
        [HPAC_RUN_LOSSES] = epochs,      [HPAC_RUN_BATCH_LOSSES] = steps,
        [HPAC_RUN_BATCH_COUNTS] = steps, [HPAC_RUN_LEARNING_RATES] = steps,
        [HPAC_RUN_METRICS] = epochs,     [HPAC_RUN_CLASS_METRICS] = epochs * history->target_count,
    };
    history->directory = directory;
    for (size_t csv = 0; csv < CSV_COUNT; csv++) {
        hpac_run_file_number file = csvs[csv].file;
        if (!is_written(history, file))
            continue;
        HPAC_AUTO_FREE char *path = hpac_run_path(directory, file);
        HPAC_TRY_MEMORY(path, strlen(directory));
        if (resume)
            HPAC_TRY(cut_back(path, rows[file]));
        history->streams[file] = fopen(path, resume ? "ae" : "we");
        if (!history->streams[file])
            return hpac_fail(HPAC_ERR_DATA, "%s: cannot open for writing: %s", path,
                             strerror(errno));
        if (!resume)
            write_header(history, csv);
    }
    return history_flush(history);
}

hpac_status history_add_batch(train_history *history, uint32_t step, double loss,
                              double learning_rate, const hpac_step_result *result)
{
    FILE *losses = history->streams[HPAC_RUN_BATCH_LOSSES];
    FILE *counts = history->streams[HPAC_RUN_BATCH_COUNTS];
    fprintf(losses, "%u,%.9g\n", step, loss);
    if (history->scheduled)
        fprintf(history->streams[HPAC_RUN_LEARNING_RATES], "%u,%.9g\n", step, learning_rate);
    fprintf(counts, "%u", step);
    for (size_t c = 0; c < history->target_count; c++)
        fprintf(counts, ",%u,%u,%u", result->true_positives[c], result->false_positives[c],
                result->false_negatives[c]);
    fputc('\n', counts);
    return ferror(losses) || ferror(counts) ? history_flush(history) : HPAC_OK;
}

static void write_set_metrics(FILE *stream, const hpac_counts *counts)
{
    hpac_f1_summary f1 = hpac_f1_summarize(counts);
    fprintf(stream, ",%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g", hpac_mean_loss(counts),
            hpac_accuracy(counts), hpac_all_zero_accuracy(counts), f1.min, f1.max, f1.mean, f1.std);
}

static void write_class_rows(const train_history *history, const history_epoch *epoch)
{
    FILE *stream = history->streams[HPAC_RUN_CLASS_METRICS];
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
    FILE *metrics = history->streams[HPAC_RUN_METRICS];
    fprintf(history->streams[HPAC_RUN_LOSSES], "%u,%.9g,%.9g\n", epoch->epoch,
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
    for (size_t i = 0; i < CSV_COUNT; i++) {
        FILE *stream = history->streams[csvs[i].file];
        if (!is_written(history, csvs[i].file))
            continue;
        if (fflush(stream) != 0 || ferror(stream) || fsync(fileno(stream)) != 0)
            return hpac_fail(HPAC_ERR_DATA, "%s/%s: write failed: %s", history->directory,
                             hpac_run_files[csvs[i].file].name, strerror(errno));
    }
    return HPAC_OK;
}

void history_close(train_history *history)
{
    for (size_t i = 0; i < CSV_COUNT; i++)
        if (history->streams[csvs[i].file])
            fclose(history->streams[csvs[i].file]);
    *history = (train_history){0};
}
