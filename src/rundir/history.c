/* The CSVs that grow with a training; rows reach the disk with every epoch and every checkpoint. */
#include "base/csv.h"
#include "base/file.h"
#include "train/train_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- opening ---- */

static void write_batch_counts_header(FILE *stream, const train_job *training)
{
    fputs("step", stream);
    for (size_t t = 0; t < training->config->data.target_count; t++) {
        static const char *const counts[] = {"true positives", "false positives",
                                             "false negatives"};
        for (int i = 0; i < 3; i++) {
            char cell[96];
            snprintf(cell, sizeof cell, "%s %s",
                     hpac_class_names[training->config->data.targets[t]], counts[i]);
            fputc(',', stream);
            hpac_csv_write_cell(stream, cell);
        }
    }
    fputc('\n', stream);
}

static void write_metrics_header(FILE *stream, const train_job *training)
{
    (void)training;
    fputs("epoch,step", stream);
    for (int i = 0; i < 2; i++) {
        const char *set = i == 0 ? "train" : "val";
        fprintf(
            stream,
            ",%s_loss,%s_accuracy,%s_all_zero_accuracy,%s_f1_min,%s_f1_max,%s_f1_mean,%s_f1_std",
            set, set, set, set, set, set, set);
    }
    fputs(",val_prior_loss,elapsed_s,train_images_per_s,train_waiting\n", stream);
}

static void write_losses_header(FILE *stream, const train_job *training)
{
    (void)training;
    fputs("epoch,train_loss,val_loss\n", stream);
}

static void write_batch_losses_header(FILE *stream, const train_job *training)
{
    (void)training;
    fputs("step,batch_losses\n", stream);
}

static void write_class_metrics_header(FILE *stream, const train_job *training)
{
    (void)training;
    fputs(
        "epoch,class,support,true_positives,false_positives,false_negatives,precision,recall,f1\n",
        stream);
}

/* Keeps the header and the first `rows` rows of a CSV that the training itself wrote (no cell of it
 * holds a newline); a half-written row at the end goes with the rest. */
static hpac_status cut_back(const char *path, uint64_t rows)
{
    unsigned char *bytes;
    size_t nbytes;
    hpac_status status = hpac_file_read(path, SIZE_MAX / 2, &bytes, &nbytes);
    if (status != HPAC_OK)
        return status;
    size_t end = 0;
    for (uint64_t row = 0; row <= rows; row++) {
        unsigned char *newline = memchr(bytes + end, '\n', nbytes - end);
        if (!newline) {
            free(bytes);
            return hpac_fail(HPAC_ERR_DATA,
                             "%s: expected %llu rows, as resume.h5 says, found %llu; begin anew "
                             "with --force",
                             path, (unsigned long long)rows,
                             (unsigned long long)(row > 0 ? row - 1 : 0));
        }
        end = (size_t)(newline - bytes) + 1;
    }
    hpac_file file;
    status = hpac_file_create(&file, path);
    if (status == HPAC_OK) {
        fwrite(bytes, 1, end, file.stream);
        status = hpac_file_commit(&file);
    }
    free(bytes);
    return status;
}

static hpac_status open_csv(const train_job *training, const char *name, bool fresh, uint64_t rows,
                            void (*write_header)(FILE *, const train_job *), FILE **stream)
{
    char *path = hpac_path_join(training->options->folder, "%s", name);
    if (!path)
        return hpac_fail_memory(strlen(name));
    hpac_status status = fresh ? HPAC_OK : cut_back(path, rows);
    if (status == HPAC_OK) {
        *stream = fopen(path, fresh ? "w" : "a");
        if (!*stream)
            status = hpac_fail(HPAC_ERR_DATA, "%s: cannot be opened for writing: %s", path,
                               strerror(errno));
        else if (fresh)
            write_header(*stream, training);
    }
    free(path);
    return status;
}

hpac_status history_open(train_history *history, const train_job *training, bool fresh,
                         uint32_t epochs, uint32_t steps)
{
    uint64_t class_rows = (uint64_t)epochs * (uint64_t)training->config->data.target_count;
    hpac_status status =
        open_csv(training, "losses.csv", fresh, epochs, write_losses_header, &history->losses);
    if (status == HPAC_OK)
        status = open_csv(training, "batch_losses.csv", fresh, steps, write_batch_losses_header,
                          &history->batch_losses);
    if (status == HPAC_OK)
        status = open_csv(training, "batch_counts.csv", fresh, steps, write_batch_counts_header,
                          &history->batch_counts);
    if (status == HPAC_OK)
        status = open_csv(training, "metrics.csv", fresh, epochs, write_metrics_header,
                          &history->metrics);
    if (status == HPAC_OK)
        status = open_csv(training, "class_metrics.csv", fresh, class_rows,
                          write_class_metrics_header, &history->class_metrics);
    return status == HPAC_OK ? history_flush(history) : status;
}

/* ---- rows ---- */

static hpac_status check_stream(FILE *stream, const char *name)
{
    return ferror(stream)
               ? hpac_fail(HPAC_ERR_DATA, "%s: writing failed: %s", name, strerror(errno))
               : HPAC_OK;
}

hpac_status history_add_batch(train_history *history, uint32_t step, double loss, size_t classes,
                              const hpac_step_result *result)
{
    fprintf(history->batch_losses, "%u,%.9g\n", step, loss);
    fprintf(history->batch_counts, "%u", step);
    for (size_t c = 0; c < classes; c++)
        fprintf(history->batch_counts, ",%u,%u,%u", result->true_positives[c],
                result->false_positives[c], result->false_negatives[c]);
    fputc('\n', history->batch_counts);
    hpac_status status = check_stream(history->batch_losses, "batch_losses.csv");
    return status == HPAC_OK ? check_stream(history->batch_counts, "batch_counts.csv") : status;
}

static void write_set_metrics(FILE *stream, const hpac_counts *counts)
{
    hpac_f1_summary f1 = hpac_f1_summarize(counts);
    fprintf(stream, ",%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g", hpac_mean_loss(counts),
            hpac_accuracy(counts), hpac_all_zero_accuracy(counts), f1.min, f1.max, f1.mean, f1.std);
}

static void write_class_rows(FILE *stream, const train_job *training, uint32_t epoch,
                             const hpac_counts *counts)
{
    for (size_t c = 0; c < counts->classes; c++) {
        hpac_confusion counted = counts->confusion[c];
        fprintf(stream, "%u,", epoch);
        hpac_csv_write_cell(stream, hpac_class_names[training->config->data.targets[c]]);
        fprintf(stream, ",%llu,%llu,%llu,%llu,%.9g,%.9g,%.9g\n",
                (unsigned long long)(counted.tp + counted.fn), (unsigned long long)counted.tp,
                (unsigned long long)counted.fp, (unsigned long long)counted.fn,
                hpac_precision_of(counted), hpac_recall_of(counted), hpac_f1_of(counted));
    }
}

hpac_status history_add_epoch(train_history *history, const train_job *training,
                              const history_epoch *epoch)
{
    fprintf(history->losses, "%u,%.9g,%.9g\n", epoch->epoch, hpac_mean_loss(epoch->train),
            hpac_mean_loss(epoch->validation));
    fprintf(history->metrics, "%u,%u", epoch->epoch, epoch->step);
    write_set_metrics(history->metrics, epoch->train);
    write_set_metrics(history->metrics, epoch->validation);
    fprintf(history->metrics, ",%.9g,%.3f,%.1f,%.3f\n", epoch->prior_loss, epoch->elapsed_s,
            epoch->images_per_s, epoch->waiting);
    write_class_rows(history->class_metrics, training, epoch->epoch, epoch->validation);
    return history_flush(history);
}

static hpac_status flush_to_disk(FILE *stream, const char *name)
{
    if (fflush(stream) != 0 || fsync(fileno(stream)) != 0)
        return hpac_fail(HPAC_ERR_DATA, "%s: writing failed: %s", name, strerror(errno));
    return check_stream(stream, name);
}

hpac_status history_flush(train_history *history)
{
    hpac_status status = flush_to_disk(history->losses, "losses.csv");
    if (status == HPAC_OK)
        status = flush_to_disk(history->batch_losses, "batch_losses.csv");
    if (status == HPAC_OK)
        status = flush_to_disk(history->batch_counts, "batch_counts.csv");
    if (status == HPAC_OK)
        status = flush_to_disk(history->metrics, "metrics.csv");
    if (status == HPAC_OK)
        status = flush_to_disk(history->class_metrics, "class_metrics.csv");
    return status;
}

void history_close(train_history *history)
{
    FILE *const streams[] = {history->losses, history->batch_losses, history->batch_counts,
                             history->metrics, history->class_metrics};
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++)
        if (streams[i])
            fclose(streams[i]);
    *history = (train_history){0};
}
