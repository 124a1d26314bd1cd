/* Cross-validation: one training per fold, side by side in one directory, and their results.
 */
#include <hpac/log.h>

#include "base/file.h"
#include "metrics/density.h"
#include "report/report.h"
#include "rundir/run_results.h"
#include "train/train_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- results ---- */

static hpac_status write_csv(const char *folder, const hpac_run_results *results, int count)
{
    hpac_table table;
    train_folds_table(results, count, &table);
    hpac_status status = hpac_table_write_csv(&table, folder, "folds.csv");
    hpac_table_fini(&table);
    return status;
}

typedef struct fold_spread {
    double mean, std; /* std with n - 1: the folds are a sample of all there could be */
} fold_spread;

_Static_assert(sizeof(hpac_run_results) % sizeof(double) == 0, "no whole stride");

static fold_spread spread_of(const hpac_run_results *results, int count, hpac_metric column)
{
    const hpac_values values = {.first = &results->last[column],
                                .count = (size_t)count,
                                .stride = sizeof *results / sizeof(double)};
    fold_spread spread;
    hpac_values_spread(&values, 1, &spread.mean, &spread.std);
    return spread;
}

static void log_results(const hpac_run_results *results, int count)
{
    for (int i = 0; i < count; i++) {
        const double *values = results[i].last;
        hpac_log_info("fold %d  loss %.4f  val_loss %.4f (prior %.4f)  accuracy %.4f (all zero "
                      "%.4f)  F1 %.3f (%.3f..%.3f, std %.3f)",
                      i, values[HPAC_METRIC_TRAIN_LOSS], values[HPAC_METRIC_VAL_LOSS],
                      values[HPAC_METRIC_VAL_PRIOR_LOSS], values[HPAC_METRIC_VAL_ACCURACY],
                      values[HPAC_METRIC_VAL_ALL_ZERO_ACCURACY], values[HPAC_METRIC_VAL_F1_MEAN],
                      values[HPAC_METRIC_VAL_F1_MIN], values[HPAC_METRIC_VAL_F1_MAX],
                      values[HPAC_METRIC_VAL_F1_STD]);
    }
    fold_spread train_loss = spread_of(results, count, HPAC_METRIC_TRAIN_LOSS);
    fold_spread loss = spread_of(results, count, HPAC_METRIC_VAL_LOSS),
                prior = spread_of(results, count, HPAC_METRIC_VAL_PRIOR_LOSS);
    fold_spread accuracy = spread_of(results, count, HPAC_METRIC_VAL_ACCURACY);
    fold_spread f1 = spread_of(results, count, HPAC_METRIC_VAL_F1_MEAN);
    fold_spread zeros = spread_of(results, count, HPAC_METRIC_VAL_ALL_ZERO_ACCURACY);
    hpac_log_info("%d folds, mean and std: loss %.4f +- %.4f  val_loss %.4f +- %.4f (prior %.4f)  "
                  "accuracy %.4f +- %.4f (all zero %.4f)  F1 %.3f +- %.3f",
                  count, train_loss.mean, train_loss.std, loss.mean, loss.std, prior.mean,
                  accuracy.mean, accuracy.std, zeros.mean, f1.mean, f1.std);
}

static hpac_status report(const char *folder, const hpac_run_results *results, int count)
{
    hpac_status status = write_csv(folder, results, count);
    char *log = hpac_path_join(folder, "train.log");
    if (status == HPAC_OK)
        status = log ? hpac_log_open_file(log) : hpac_fail_memory(strlen(folder));
    free(log);
    if (status != HPAC_OK)
        return status;
    log_results(results, count);
    hpac_log_close_file();
    return HPAC_OK;
}

/* ---- the folder ---- */

static hpac_status check_folder(const hpac_train_options *options)
{
    const char *folder = options->directory;
    if (hpac_directory_has(folder, "run.json"))
        return hpac_fail(HPAC_ERR_CONFIG,
                         "%s: directory of a single run; choose another one with --out", folder);
    if (hpac_path_exists(folder) && !hpac_directory_is_empty(folder) &&
        !hpac_directory_has(folder, "fold0") && !options->force)
        return hpac_fail(
            HPAC_ERR_CONFIG,
            "%s: has files, but no fold of an earlier cross-validation; choose another "
            "directory with --out, or use --force",
            folder);
    return HPAC_OK;
}

/* A training of one fold: the options and the configuration of all, with a fold and a folder. */
typedef struct fold_training {
    hpac_train_options options;
    hpac_config config; /* borrows what it points to */
    char *folder;       /* owned */
} fold_training;

static hpac_status set_fold(const hpac_train_options *all, hpac_image_pool *images, int fold,
                            fold_training *own)
{
    *own = (fold_training){.options = *all, .config = *all->config};
    own->folder = hpac_path_join(all->directory, "fold%d", fold);
    if (!own->folder)
        return hpac_fail_memory(strlen(all->directory));
    own->config.data.fold = fold;
    own->options.config = &own->config;
    own->options.directory = own->folder;
    own->options.images = images;
    return HPAC_OK;
}

/* Whether a fold is left as it is; if not, it must be possible to start or continue it. */
static hpac_status look_at_fold(const fold_training *own, bool *finished)
{
    const hpac_train_options *options = &own->options;
    rundir folder;
    hpac_status status = train_inspect(own->folder, &own->config, options->force, &folder);
    if (status == HPAC_OK && folder.state == RUN_UNFINISHED && !options->resume && !options->force)
        status =
            hpac_fail(HPAC_ERR_CONFIG,
                      "%s: run unfinished, or with fewer epochs than configured; continue with "
                      "--resume, or delete all folds with --force",
                      own->folder);
    *finished = folder.state == RUN_FINISHED;
    rundir_release(&folder);
    return status;
}

/* Checks the folds that are to be trained. `left`: how many there are. */
static hpac_status check_folds(const hpac_train_options *options, hpac_image_pool *images,
                               int count, int *left)
{
    hpac_status status = HPAC_OK;
    *left = 0;
    for (int fold = 0; fold < count && status == HPAC_OK; fold++) {
        fold_training own;
        hpac_train_plan plan;
        bool finished = false;
        status = set_fold(options, images, fold, &own);
        if (status == HPAC_OK && !options->dry_run)
            status = look_at_fold(&own, &finished);
        *left += !finished;
        if (status == HPAC_OK && !finished)
            status = hpac_fail_within(hpac_train_check(&own.options, &plan), "fold %d", fold);
        free(own.folder);
    }
    return status;
}

/* The log is kept without `force`. */
static bool is_result(const void *options, const char *name)
{
    const hpac_train_options *all = options;
    return strcmp(name, "folds.csv") == 0 || (all->force && strcmp(name, "train.log") == 0);
}

/* Earlier results are removed: they are not those of the folds to be trained now. With force all
 * go at once, so that a cross-validation that ends early leaves no fold of before for finished. */
static hpac_status begin_folder(const hpac_train_options *options, int count, rundir *folder)
{
    hpac_status status = hpac_directory_create(options->directory);
    if (status == HPAC_OK && folder->lock < 0)
        status = rundir_lock(options->directory, folder);
    if (status == HPAC_OK)
        status = hpac_report_remove(options->directory);
    if (status == HPAC_OK)
        status = hpac_directory_remove_files(options->directory, is_result, options);
    for (int fold = 0; fold < count && status == HPAC_OK && options->force; fold++) {
        char *path = hpac_path_join(options->directory, "fold%d", fold);
        status = path ? train_begin_anew(path) : hpac_fail_memory(strlen(options->directory));
        free(path);
    }
    return status;
}

static hpac_status train_fold(const hpac_train_options *options, hpac_image_pool *images, int fold,
                              hpac_run_results *result)
{
    fold_training own;
    hpac_status status = set_fold(options, images, fold, &own);
    if (status == HPAC_OK) {
        hpac_log_info("fold %d: %s", fold, own.folder);
        status = hpac_train(&own.options);
    }
    if (status == HPAC_OK && !options->dry_run)
        status = hpac_run_results_read(own.folder, result);
    free(own.folder);
    return status;
}

static hpac_status train_all(const hpac_train_options *options, hpac_image_pool *images, int count,
                             hpac_run_results *results)
{
    hpac_status status = HPAC_OK;
    for (int fold = 0; fold < count && status == HPAC_OK; fold++) {
        if (options->stop && *options->stop)
            status = hpac_fail(HPAC_INTERRUPTED,
                               "interrupted before fold %d; the others are saved, continue with "
                               "--resume%s",
                               fold, options->force ? " in place of --force" : "");
        else
            status = train_fold(options, images, fold, &results[fold]);
    }
    if (status == HPAC_OK && !options->dry_run)
        hpac_log_info("data: %zu image files decoded for %d folds",
                      hpac_image_pool_files_decoded(images), count);
    return status;
}

/* Everything with the folder looked at, and locked if it is there. */
static hpac_status cross_validate(const hpac_train_options *options, rundir *folder,
                                  hpac_image_pool *images, hpac_run_results *results)
{
    const hpac_split_options *split = &options->config->data.split;
    int count = split->folds * split->repeats, left;
    hpac_status status = check_folds(options, images, count, &left);
    if (status != HPAC_OK)
        return status;
    hpac_train_options own = *options; /* the folds need not warn of a missing gnuplot again */
    own.report = train_report_probe(options);
    if (left > 0 && !options->dry_run)
        status = begin_folder(options, count, folder);
    if (status == HPAC_OK)
        status = train_all(&own, images, count, results);
    if (status == HPAC_OK && !options->dry_run)
        status = report(options->directory, results, count);
    if (status == HPAC_OK && own.report)
        status = train_report_write(options->directory, options->stop);
    return status;
}

hpac_status hpac_train_folds(const hpac_train_options *options)
{
    const hpac_split_options *split = &options->config->data.split;
    size_t count = (size_t)split->folds * (size_t)split->repeats;
    rundir folder = {.lock = -1};
    hpac_status status = check_folder(options);
    if (status == HPAC_OK && hpac_path_exists(options->directory))
        status = rundir_lock(options->directory, &folder);
    hpac_image_pool *images = NULL;
    if (status == HPAC_OK)
        status = hpac_image_pool_create(&images);
    hpac_run_results *results = calloc(count, sizeof *results);
    if (status == HPAC_OK && !results)
        status = hpac_fail_memory(count * sizeof *results);
    if (status == HPAC_OK)
        status = cross_validate(options, &folder, images, results);
    hpac_image_pool_destroy(images);
    rundir_release(&folder);
    free(results);
    return status;
}
