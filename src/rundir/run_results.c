/* The results of a run, and their columns. */
#include "run_results.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

hpac_status hpac_metrics_read(const char *directory, bool growing, hpac_table *epochs)
{
    hpac_table_init(epochs, "metrics", "Epochs", hpac_metrics_columns, HPAC_METRICS);
    return hpac_table_read_csv(epochs, directory, hpac_run_files[HPAC_RUN_METRICS].name, growing);
}

static double cell_of(const hpac_table *epochs, size_t row, size_t metric)
{
    return row < hpac_table_row_count(epochs) ? hpac_table_cell(epochs, row, metric)->number : NAN;
}

void hpac_run_results_of(const hpac_table *epochs, hpac_run_results *results)
{
    *results = (hpac_run_results){.epochs = hpac_table_row_count(epochs)};
    size_t timed = 0; /* an epoch has no speed after a resume from an old checkpoint */
    double seconds_per_image = 0;
    for (size_t row = 0; row < results->epochs; row++) {
        double images_per_s = cell_of(epochs, row, HPAC_METRIC_IMAGES_PER_S);
        double best_loss = cell_of(epochs, results->best_row, HPAC_METRIC_VAL_LOSS);
        if (images_per_s > 0) {
            seconds_per_image += 1 / images_per_s;
            timed++;
        }
        if (cell_of(epochs, row, HPAC_METRIC_VAL_LOSS) < best_loss || isnan(best_loss))
            results->best_row = row;
    }
    results->images_per_s = timed > 0 ? (double)timed / seconds_per_image : NAN;
    for (size_t metric = 0; metric < HPAC_METRICS; metric++) {
        results->best[metric] = cell_of(epochs, results->best_row, metric);
        results->last[metric] = cell_of(epochs, results->epochs - 1, metric);
    }
}

hpac_status hpac_run_results_read(const char *directory, hpac_run_results *results)
{
    *results = (hpac_run_results){0};
    HPAC_AUTO(hpac_table_fini) hpac_table epochs = {0};
    HPAC_TRY(hpac_metrics_read(directory, false, &epochs));
    hpac_run_results_of(&epochs, results);
    return results->epochs > 0 ? HPAC_OK
                               : hpac_fail(HPAC_ERR_DATA, "%s/%s: contains no epochs", directory,
                                           hpac_run_files[HPAC_RUN_METRICS].name);
}

const hpac_column hpac_schedule_columns[HPAC_SCHEDULE_COLUMNS] = {
    HPAC_COLUMN_TEXT("run", NULL),           HPAC_COLUMN_TEXT("state", NULL),
    HPAC_COLUMN_TEXT("configuration", NULL), HPAC_COLUMN_INTEGER("classes", NULL),
    HPAC_COLUMN_INTEGER("epochs", NULL),     HPAC_COLUMN_INTEGER("batch_size", "batch"),
    HPAC_COLUMN_TEXT("dropout", NULL),       HPAC_COLUMN_REAL("learning_rate", "learning rate", 4),
};

#define F1_COLUMNS(name, headline, headline_of_mean)                                               \
    HPAC_COLUMN_REAL(name "_min", headline " min", 3),                                             \
        HPAC_COLUMN_REAL(name "_max", headline " max", 3),                                         \
        HPAC_COLUMN_REAL(name "_mean", headline_of_mean, 3),                                       \
        HPAC_COLUMN_REAL(name "_std", headline " std", 3)

const hpac_column hpac_result_columns[HPAC_RESULT_COLUMNS] = {
    HPAC_COLUMN_INTEGER("steps", NULL),
    HPAC_COLUMN_REAL("elapsed_s", "seconds", 1),
    HPAC_COLUMN_REAL("train_images_per_s", "images/s", 1),
    HPAC_COLUMN_REAL("val_prior_loss", "prior's loss", 4),
    HPAC_COLUMN_REAL("val_all_zero_accuracy", "all-zero accuracy", 4),
    HPAC_COLUMN_INTEGER("best_epoch", "best epoch"),
    HPAC_COLUMN_REAL("final_train_loss", "train loss", 4),
    HPAC_COLUMN_REAL("final_train_accuracy", "train accuracy", 4),
    F1_COLUMNS("final_train_f1", "train F1", "train F1 mean"),
    HPAC_COLUMN_REAL("final_val_loss", "loss", 4),
    HPAC_COLUMN_REAL("final_val_accuracy", "accuracy", 4),
    F1_COLUMNS("final_val_f1", "F1", "F1 mean"),
    HPAC_COLUMN_REAL("best_train_loss", "best epoch's train loss", 4),
    HPAC_COLUMN_REAL("best_train_accuracy", "train accuracy", 4),
    F1_COLUMNS("best_train_f1", "train F1", "train F1 mean"),
    HPAC_COLUMN_REAL("best_val_loss", "best loss", 4),
    HPAC_COLUMN_REAL("best_val_accuracy", "best epoch's accuracy", 4),
    F1_COLUMNS("best_val_f1", "F1", "best epoch's F1 mean"),
};

/* The columns after final_ or best_ above: all metrics of both sets but the all-zero accuracy. */
static void add_metrics(hpac_table *table, const double *metrics)
{
    for (size_t m = HPAC_METRIC_TRAIN_LOSS; m <= HPAC_METRIC_VAL_F1_STD; m++)
        if (m != HPAC_METRIC_TRAIN_ALL_ZERO_ACCURACY && m != HPAC_METRIC_VAL_ALL_ZERO_ACCURACY)
            hpac_table_add_real(table, metrics[m]);
}

void hpac_run_results_add(hpac_table *table, const hpac_run_results *results)
{
    if (!results) {
        for (size_t i = 0; i < HPAC_RESULT_COLUMNS; i++)
            hpac_table_add_real(table, NAN);
        return;
    }
    hpac_table_add_real(table, results->last[HPAC_METRIC_STEP]);
    hpac_table_add_real(table, results->last[HPAC_METRIC_ELAPSED_S]);
    hpac_table_add_real(table, results->images_per_s);
    hpac_table_add_real(table, results->last[HPAC_METRIC_VAL_PRIOR_LOSS]);
    hpac_table_add_real(table, results->last[HPAC_METRIC_VAL_ALL_ZERO_ACCURACY]);
    hpac_table_add_real(table, results->best[HPAC_METRIC_EPOCH]);
    add_metrics(table, results->last);
    add_metrics(table, results->best);
}

char *hpac_dropout_text(const double *rates, size_t count)
{
    char *text = NULL;
    size_t nbytes;
    FILE *stream = open_memstream(&text, &nbytes);
    if (!stream)
        return NULL;
    const char *separator = "";
    for (size_t i = 0; i < count; i++)
        if (rates[i] > 0) {
            fprintf(stream, "%s%.6g", separator, rates[i]);
            separator = "/";
        }
    if (!*separator)
        fputs("none", stream);
    if (fclose(stream) == 0)
        return text;
    free(text);
    return NULL;
}
