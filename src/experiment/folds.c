/* Cross-validation: one training per fold, side by side in one directory, and their results. */
#include "folds.h"

#include <hpac/log.h>
#include <hpac/trainer.h>

#include "base/file.h"
#include "base/memory.h"
#include "config/config_schema.h"
#include "data/dataset.h"
#include "metrics/density.h"
#include "report/report.h"
#include "rundir/run_results.h"
#include "train/run_directory.h"

#include <string.h>

/* The columns of folds.csv, of the last epoch but for the first and the last column. */
static const struct {
    hpac_column column;
    hpac_metric metric;
} fold_columns[] = {
    {HPAC_COLUMN_INTEGER("epochs", NULL), HPAC_METRIC_EPOCH},
    {HPAC_COLUMN_REAL("train_loss", NULL, 4), HPAC_METRIC_TRAIN_LOSS},
    {HPAC_COLUMN_REAL("val_loss", NULL, 4), HPAC_METRIC_VAL_LOSS},
    {HPAC_COLUMN_REAL("val_prior_loss", NULL, 4), HPAC_METRIC_VAL_PRIOR_LOSS},
    {HPAC_COLUMN_REAL("val_accuracy", NULL, 4), HPAC_METRIC_VAL_ACCURACY},
    {HPAC_COLUMN_REAL("val_all_zero_accuracy", NULL, 4), HPAC_METRIC_VAL_ALL_ZERO_ACCURACY},
    {HPAC_COLUMN_REAL("val_f1_min", NULL, 3), HPAC_METRIC_VAL_F1_MIN},
    {HPAC_COLUMN_REAL("val_f1_max", NULL, 3), HPAC_METRIC_VAL_F1_MAX},
    {HPAC_COLUMN_REAL("val_f1_mean", NULL, 3), HPAC_METRIC_VAL_F1_MEAN},
    {HPAC_COLUMN_REAL("val_f1_std", NULL, 3), HPAC_METRIC_VAL_F1_STD},
    {HPAC_COLUMN_REAL("elapsed_s", NULL, 1), HPAC_METRIC_ELAPSED_S},
};

#define FOLD_COLUMNS (sizeof fold_columns / sizeof *fold_columns)

static void make_table(const hpac_run_results *results, int count, hpac_table *table)
{
    hpac_column columns[FOLD_COLUMNS + 2] = {HPAC_COLUMN_INTEGER("fold", NULL)};
    for (size_t c = 0; c < FOLD_COLUMNS; c++)
        columns[c + 1] = fold_columns[c].column;
    columns[FOLD_COLUMNS + 1] = (hpac_column)HPAC_COLUMN_REAL("best_val_loss", NULL, 4);
    hpac_table_init(table, "folds", "Folds", columns, FOLD_COLUMNS + 2);
    for (int fold = 0; fold < count; fold++) {
        hpac_table_add_real(table, fold);
        for (size_t c = 0; c < FOLD_COLUMNS; c++)
            hpac_table_add_real(table, results[fold].last[fold_columns[c].metric]);
        hpac_table_add_real(table, results[fold].best[HPAC_METRIC_VAL_LOSS]);
    }
}

hpac_status hpac_train_results(const char *directory, int folds, hpac_table *table)
{
    HPAC_AUTO_FREE hpac_run_results *results = NULL;
    *table = (hpac_table){0};
    HPAC_TRY_NEW(results, (size_t)folds + 1);
    for (int fold = 0; fold < folds; fold++) {
        HPAC_AUTO_FREE char *path = NULL;
        HPAC_TRY_MEMORY(path = hpac_path_join(directory, "fold%d", fold), strlen(directory));
        HPAC_TRY(hpac_run_results_read(path, &results[fold]));
    }
    if (folds > 0) {
        make_table(results, folds, table);
    } else {
        HPAC_TRY(hpac_run_results_read(directory, results));
        hpac_table_init(table, "run", "Run", hpac_result_columns, HPAC_RESULT_COLUMNS);
        hpac_run_results_add(table, results);
    }
    return table->status;
}

_Static_assert(sizeof(hpac_run_results) % sizeof(double) == 0, "the stride is not an integer");

static void log_results(const hpac_run_results *results, int count)
{
    double mean[HPAC_METRICS], std[HPAC_METRICS]; /* with n - 1: the folds are a sample */
    for (size_t metric = 0; metric < HPAC_METRICS; metric++) {
        const hpac_values values = {.first = &results->last[metric],
                                    .count = (size_t)count,
                                    .stride = sizeof *results / sizeof(double)};
        hpac_values_spread(&values, 1, &mean[metric], &std[metric]);
    }
    for (int fold = 0; fold < count; fold++) {
        const double *last = results[fold].last;
        hpac_log_info("fold %d  loss %.4f  val_loss %.4f (prior %.4f)  accuracy %.4f (all zero "
                      "%.4f)  F1 %.3f (%.3f..%.3f, std %.3f)",
                      fold, last[HPAC_METRIC_TRAIN_LOSS], last[HPAC_METRIC_VAL_LOSS],
                      last[HPAC_METRIC_VAL_PRIOR_LOSS], last[HPAC_METRIC_VAL_ACCURACY],
                      last[HPAC_METRIC_VAL_ALL_ZERO_ACCURACY], last[HPAC_METRIC_VAL_F1_MEAN],
                      last[HPAC_METRIC_VAL_F1_MIN], last[HPAC_METRIC_VAL_F1_MAX],
                      last[HPAC_METRIC_VAL_F1_STD]);
    }
    hpac_log_info("%d folds, mean and std: loss %.4f +- %.4f  val_loss %.4f +- %.4f (prior %.4f)  "
                  "accuracy %.4f +- %.4f (all zero %.4f)  F1 %.3f +- %.3f",
                  count, mean[HPAC_METRIC_TRAIN_LOSS], std[HPAC_METRIC_TRAIN_LOSS],
                  mean[HPAC_METRIC_VAL_LOSS], std[HPAC_METRIC_VAL_LOSS],
                  mean[HPAC_METRIC_VAL_PRIOR_LOSS], mean[HPAC_METRIC_VAL_ACCURACY],
                  std[HPAC_METRIC_VAL_ACCURACY], mean[HPAC_METRIC_VAL_ALL_ZERO_ACCURACY],
                  mean[HPAC_METRIC_VAL_F1_MEAN], std[HPAC_METRIC_VAL_F1_MEAN]);
}

/* Writes folds.csv, and the results to the log and to train.log. */
static hpac_status write_results(const char *directory, const hpac_run_results *results, int count)
{
    HPAC_AUTO(hpac_table_fini) hpac_table table = {0};
    HPAC_AUTO_FREE char *log = NULL;
    make_table(results, count, &table);
    HPAC_TRY(hpac_table_write_csv(&table, directory, "folds.csv"));
    HPAC_TRY_MEMORY(log = hpac_path_join(directory, "train.log"), strlen(directory));
    HPAC_TRY(hpac_log_open_file(log));
    log_results(results, count);
    hpac_log_close_file();
    return HPAC_OK;
}

/* The options and the configuration of all folds, with a fold and its directory. */
typedef struct fold_training {
    hpac_train_options options;
    hpac_config config; /* borrows what it points to */
    char *directory;    /* owned */
} fold_training;

static hpac_status set_fold(const hpac_train_options *all, int fold, fold_training *own)
{
    *own = (fold_training){.options = *all, .config = *all->config};
    HPAC_TRY_MEMORY(own->directory = hpac_path_join(all->directory, "fold%d", fold),
                    strlen(all->directory));
    own->config.data.fold = fold;
    own->options.config = &own->config;
    own->options.directory = own->directory;
    return HPAC_OK;
}

static void fold_fini(fold_training *own)
{
    free(own->directory);
}

/* Checks a fold unless it is finished. */
static hpac_status check_fold(const hpac_train_options *all, int fold, bool *finished)
{
    HPAC_AUTO(fold_fini) fold_training own = {0};
    HPAC_AUTO(rundir_release) rundir dir = {.lock = -1};
    hpac_train_plan plan;
    HPAC_TRY(set_fold(all, fold, &own));
    if (!all->dry_run)
        HPAC_TRY(train_inspect(own.directory, &own.config, all->force, &dir));
    if (dir.state == RUN_UNFINISHED && !all->resume && !all->force)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "%s: run unfinished, or with fewer epochs than configured; continue with "
                         "--resume, or delete all folds with --force",
                         own.directory);
    *finished = dir.state == RUN_FINISHED;
    return *finished ? HPAC_OK
                     : hpac_fail_within(hpac_train_check(&own.options, &plan), "fold %d", fold);
}

static hpac_status train_fold(const hpac_train_options *all, int fold, hpac_run_results *result)
{
    HPAC_AUTO(fold_fini) fold_training own = {0};
    if (all->stop && *all->stop)
        return hpac_fail(HPAC_INTERRUPTED,
                         "interrupted before fold %d; the others are saved, continue with "
                         "--resume%s",
                         fold, all->force ? " in place of --force" : "");
    HPAC_TRY(set_fold(all, fold, &own));
    hpac_log_info("fold %d: %s", fold, own.directory);
    HPAC_TRY(hpac_train(&own.options));
    return all->dry_run ? HPAC_OK : hpac_run_results_read(own.directory, result);
}

static const char *const fold_files[] = {"folds.csv", "train.log", NULL};
static const rundir_group fold_group = {fold_files, "fold0/run.json",
                                        "fold of an earlier cross-validation"};

/* train.log is removed only with `force`. */
static bool is_result(const void *options, const char *name)
{
    const hpac_train_options *all = options;
    return strcmp(name, "folds.csv") == 0 || (all->force && strcmp(name, "train.log") == 0);
}

/* Earlier results are removed: they are not those of the folds to be trained now. With force all
 * go at once, so that a cross-validation that ends early leaves no earlier fold that looks
 * finished; killed before all are gone, it needs force again, since fold0 goes first. */
static hpac_status begin_directory(const hpac_train_options *options, int count, rundir *dir)
{
    if (dir->lock < 0)
        HPAC_TRY(rundir_create(options->directory, fold_files, dir));
    HPAC_TRY(hpac_report_remove(options->directory));
    HPAC_TRY(hpac_directory_remove_files(options->directory, is_result, options));
    for (int fold = 0; fold < count && options->force; fold++) {
        HPAC_AUTO_FREE char *path = NULL;
        HPAC_TRY_MEMORY(path = hpac_path_join(options->directory, "fold%d", fold),
                        strlen(options->directory));
        HPAC_TRY(train_begin_anew(path));
    }
    return HPAC_OK;
}

static void release_images(hpac_image_pool **images)
{
    hpac_image_pool_destroy(*images);
}

hpac_status hpac_train_folds(const hpac_train_options *options)
{
    HPAC_TRY_GIVEN(options);
    HPAC_TRY_GIVEN(options->config);
    HPAC_TRY_GIVEN(options->device);
    HPAC_TRY_GIVEN(options->directory);
    hpac_config first = *options->config;
    first.data.fold = 0;
    HPAC_TRY(hpac_config_check(&first));
    const hpac_split_options *split = &options->config->data.split;
    HPAC_AUTO(rundir_release) rundir dir = {.lock = -1};
    HPAC_AUTO(release_images) hpac_image_pool *images = NULL;
    HPAC_AUTO_FREE hpac_run_results *results = NULL;
    hpac_train_options own = *options;
    int count = split->folds * split->repeats, left = 0;
    HPAC_TRY(rundir_lock_group(options->directory, &fold_group, options->force, &dir));
    HPAC_TRY(hpac_image_pool_create(&images));
    HPAC_TRY_NEW(results, (size_t)count);
    own.images = images;
    for (int fold = 0; fold < count; fold++) {
        bool finished;
        HPAC_TRY(check_fold(&own, fold, &finished));
        left += !finished;
    }
    own.report = train_report_probe(options); /* the folds need not warn of a missing gnuplot */
    if (left > 0 && !options->dry_run)
        HPAC_TRY(begin_directory(options, count, &dir));
    for (int fold = 0; fold < count; fold++)
        HPAC_TRY(train_fold(&own, fold, &results[fold]));
    if (options->dry_run)
        return HPAC_OK;
    hpac_log_info("data: %zu image files decoded for %d folds",
                  hpac_image_pool_files_decoded(images), count);
    HPAC_TRY(write_results(options->directory, results, count));
    return own.report ? train_report_write(options->directory, options->stop) : HPAC_OK;
}
