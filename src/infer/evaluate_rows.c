/* The rows a model is evaluated on, and which of them it was trained on. */
#include "evaluate.h"

#include <hpac/log.h>

#include "base/memory.h"

#include <string.h>

/* How the label file relates to the one of the training. */
typedef enum table_kind {
    TABLE_UNKNOWN, /* that of the training is not known or cannot be read */
    TABLE_SAME,
    TABLE_OTHER,
} table_kind;

static bool same_rows(const hpac_labels *a, const hpac_labels *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->masks[i] != b->masks[i] || strcmp(a->ids[i], b->ids[i]) != 0)
            return false;
    return true;
}

/* Reads the label file of the training into `trained`; warns and leaves it zeroed when that cannot
 * be done. */
static table_kind compare_tables(const hpac_classifier *classifier, const hpac_labels *labels,
                                 hpac_labels *trained)
{
    *trained = (hpac_labels){0};
    if (classifier->has_config &&
        hpac_labels_read_csv(classifier->config.data.labels, trained) == HPAC_OK)
        return same_rows(trained, labels) ? TABLE_SAME : TABLE_OTHER;
    hpac_log_warning("%s: cannot check whether the model was trained on these images: %s%s",
                     classifier->path,
                     classifier->has_config ? "the label file of its training: "
                                            : "the file does not contain its training data",
                     classifier->has_config ? hpac_error_message() : "");
    return TABLE_UNKNOWN;
}

/* Whether the split and the fold are known, and belong to this label file. */
static hpac_status check_fold(const hpac_evaluate_options *options,
                              const hpac_classifier *classifier, table_kind table)
{
    bool own = options->rows == HPAC_ROWS_OWN;
    if (own && options->split_given)
        return hpac_fail(HPAC_ERR_CONFIG, "a split needs --fold K");
    if (!classifier->has_config && (own || !options->split_given))
        return hpac_fail(
            HPAC_ERR_CONFIG,
            "%s: the file does not contain its split; use --all, or --folds N --fold K",
            classifier->path);
    if (own && table == TABLE_OTHER)
        return hpac_fail(
            HPAC_ERR_CONFIG,
            "%s: was trained with the rows of %s, which differ from those of %s; use --all "
            "or --fold K",
            classifier->path, classifier->config.data.labels, options->labels);
    return HPAC_OK;
}

static hpac_status take_fold(const hpac_evaluate_options *options,
                             const hpac_classifier *classifier, const hpac_labels *labels,
                             table_kind table, evaluate_rows *rows)
{
    HPAC_TRY(check_fold(options, classifier, table));
    const hpac_config_data *data = &classifier->config.data;
    int fold = options->rows == HPAC_ROWS_OWN ? data->fold : options->fold;
    HPAC_TRY(hpac_split_create(options->split_given ? &options->split : &data->split, labels->count,
                               labels->masks, &rows->split));
    if (fold < 0 || (size_t)fold >= rows->split.count)
        return hpac_fail(HPAC_ERR_CONFIG, "--fold: expected an integer in [0, %zu], not %d",
                         rows->split.count - 1, fold);
    const hpac_fold *chosen = &rows->split.folds[fold];
    rows->evaluated_count = chosen->validation_count;
    rows->evaluated = chosen->validation;
    rows->prior_count = chosen->train_count;
    rows->prior = chosen->train;
    snprintf(rows->name, sizeof rows->name, "validation rows of fold %d of %zu", fold,
             rows->split.count);
    return HPAC_OK;
}

static hpac_status take_all(const hpac_labels *labels, evaluate_rows *rows)
{
    HPAC_TRY_NEW(rows->all, labels->count);
    for (size_t i = 0; i < labels->count; i++)
        rows->all[i] = i;
    rows->evaluated = rows->all;
    rows->evaluated_count = labels->count;
    snprintf(rows->name, sizeof rows->name, "all rows");
    return HPAC_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* By Id: in a file made from that of the training the images have other rows. */
static hpac_status count_trained(const hpac_classifier *classifier, const hpac_labels *labels,
                                 const hpac_labels *trained, evaluate_rows *rows)
{
    const hpac_config_data *data = &classifier->config.data;
    HPAC_AUTO(hpac_split_fini) hpac_split split = {0};
    HPAC_TRY(
        hpac_fail_within(hpac_split_create(&data->split, trained->count, trained->masks, &split),
                         "%s", data->labels));
    const hpac_fold *own = &split.folds[data->fold];
    HPAC_AUTO_FREE const char **ids = NULL;
    HPAC_TRY_NEW(ids, own->train_count);
    for (size_t i = 0; i < own->train_count; i++)
        ids[i] = trained->ids[own->train[i]];
    qsort(ids, own->train_count, sizeof *ids, by_text);
    for (size_t i = 0; i < rows->evaluated_count; i++) {
        const char *id = labels->ids[rows->evaluated[i]];
        rows->trained += bsearch(&id, ids, own->train_count, sizeof *ids, by_text) != NULL;
    }
    return HPAC_OK;
}

static hpac_status report_trained(const hpac_evaluate_options *options,
                                  const hpac_classifier *classifier, const evaluate_rows *rows)
{
    if (rows->trained == 0)
        return HPAC_OK;
    if (options->tune)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "--tune-thresholds: %s was trained on %zu of these %zu images; tune "
                         "thresholds on other images, such as those of its own fold",
                         classifier->path, rows->trained, rows->evaluated_count);
    hpac_log_warning("%s was trained on %zu of these %zu images: the metrics are optimistic",
                     classifier->path, rows->trained, rows->evaluated_count);
    return HPAC_OK;
}

static hpac_status halve_rows(const hpac_labels *labels, evaluate_rows *rows)
{
    HPAC_AUTO_FREE size_t *tuning = NULL;
    HPAC_TRY_NEW(tuning, rows->evaluated_count);
    size_t evaluated = 0;
    for (size_t i = 0; i < rows->evaluated_count; i++) {
        size_t row = rows->evaluated[i];
        if (hpac_is_tuning_id(labels->ids[row]))
            tuning[rows->tuning_count++] = row;
        else
            rows->evaluated[evaluated++] = row;
    }
    rows->evaluated_count = evaluated;
    rows->tuning = rows->evaluated + evaluated;
    memcpy(rows->tuning, tuning, rows->tuning_count * sizeof *tuning);
    return HPAC_OK;
}

hpac_status evaluate_rows_choose(const hpac_evaluate_options *options,
                                 const hpac_classifier *classifier, const hpac_labels *labels,
                                 bool halve, evaluate_rows *rows)
{
    *rows = (evaluate_rows){0};
    HPAC_AUTO(hpac_labels_fini) hpac_labels trained = {0};
    table_kind table = compare_tables(classifier, labels, &trained);
    HPAC_TRY(options->rows == HPAC_ROWS_ALL ? take_all(labels, rows)
                                            : take_fold(options, classifier, labels, table, rows));
    if (table != TABLE_UNKNOWN)
        HPAC_TRY(count_trained(classifier, labels, &trained, rows));
    HPAC_TRY(report_trained(options, classifier, rows));
    return halve ? halve_rows(labels, rows) : HPAC_OK;
}

void evaluate_rows_fini(evaluate_rows *rows)
{
    free(rows->all);
    hpac_split_fini(&rows->split);
    *rows = (evaluate_rows){0};
}
