/* The rows a model is evaluated on, and which of them it was trained on. */
#include "evaluate_internal.h"

#include <hpac/log.h>

#include <stdlib.h>
#include <string.h>

/* How the label file relates to the one of the training. */
typedef enum table_kind {
    TABLE_UNKNOWN, /* that of the training is missing or not known */
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

/* Reads the label file of the training into `trained`; zeroed when it is missing. */
static table_kind compare_tables(const hpac_classifier *classifier, const hpac_labels *labels,
                                 hpac_labels *trained)
{
    *trained = (hpac_labels){0};
    if (!classifier->has_config ||
        hpac_labels_read_csv(classifier->config.data.labels, trained) != HPAC_OK)
        return TABLE_UNKNOWN;
    return same_rows(trained, labels) ? TABLE_SAME : TABLE_OTHER;
}

/* ---- the fold ---- */

static hpac_status copy_rows(const size_t *from, size_t count, size_t **to)
{
    *to = calloc(count + 1, sizeof **to);
    if (!*to)
        return hpac_fail_memory(count * sizeof **to);
    for (size_t i = 0; i < count; i++)
        (*to)[i] = from ? from[i] : i;
    return HPAC_OK;
}

/* The split and the fold of the options for this classifier. */
static hpac_status choose_fold(const hpac_evaluate_options *options,
                               const hpac_classifier *classifier, table_kind table,
                               hpac_split_options *split, int *fold)
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
    *split = options->split_given ? options->split : classifier->config.data.split;
    *fold = own ? classifier->config.data.fold : options->fold;
    return HPAC_OK;
}

static hpac_status take_fold(const hpac_evaluate_options *options,
                             const hpac_classifier *classifier, const hpac_labels *labels,
                             table_kind table, evaluate_rows *rows)
{
    hpac_split_options split_options;
    int fold = 0;
    hpac_status status = choose_fold(options, classifier, table, &split_options, &fold);
    hpac_split split = {0};
    if (status == HPAC_OK)
        status = hpac_split_create(&split_options, labels->count, labels->masks, &split);
    if (status == HPAC_OK && (fold < 0 || (size_t)fold >= split.count))
        status = hpac_fail(HPAC_ERR_CONFIG, "--fold: expected an integer in [0, %zu], not %d",
                           split.count - 1, fold);
    if (status == HPAC_OK) {
        const hpac_fold *chosen = &split.folds[fold];
        rows->evaluated_count = chosen->validation_count;
        rows->prior_count = chosen->train_count;
        status = copy_rows(chosen->validation, chosen->validation_count, &rows->evaluated);
        if (status == HPAC_OK)
            status = copy_rows(chosen->train, chosen->train_count, &rows->prior);
        snprintf(rows->name, sizeof rows->name, "validation rows of fold %d of %zu", fold,
                 split.count);
    }
    hpac_split_fini(&split);
    return status;
}

static hpac_status take_all(const hpac_labels *labels, evaluate_rows *rows)
{
    rows->evaluated_count = labels->count;
    snprintf(rows->name, sizeof rows->name, "all rows");
    return copy_rows(NULL, labels->count, &rows->evaluated);
}

/* ---- rows the model was trained on ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The Ids of the rows the model was trained on, sorted; owned by `trained`. */
static hpac_status list_trained(const hpac_classifier *classifier, const hpac_labels *trained,
                                const char ***ids, size_t *count)
{
    const hpac_config_data *data = &classifier->config.data;
    hpac_split split;
    hpac_status status = hpac_split_create(&data->split, trained->count, trained->masks, &split);
    if (status != HPAC_OK)
        return hpac_fail_within(status, "%s", data->labels);
    const hpac_fold *own = &split.folds[data->fold];
    *count = own->train_count;
    *ids = calloc(own->train_count + 1, sizeof **ids);
    if (*ids) {
        for (size_t i = 0; i < own->train_count; i++)
            (*ids)[i] = trained->ids[own->train[i]];
        qsort(*ids, *count, sizeof **ids, by_text);
    } else {
        status = hpac_fail_memory(own->train_count * sizeof **ids);
    }
    hpac_split_fini(&split);
    return status;
}

/* By Id: in a file made from that of the training the images have other rows. */
static hpac_status count_trained(const hpac_classifier *classifier, const hpac_labels *labels,
                                 const hpac_labels *trained, evaluate_rows *rows)
{
    const char **ids = NULL;
    size_t count = 0;
    hpac_status status = list_trained(classifier, trained, &ids, &count);
    for (size_t i = 0; ids && i < rows->evaluated_count; i++) {
        const char *id = labels->ids[rows->evaluated[i]];
        rows->trained += bsearch(&id, ids, count, sizeof *ids, by_text) != NULL;
    }
    free(ids);
    return status;
}

static hpac_status report_trained(const hpac_evaluate_options *options,
                                  const hpac_classifier *classifier, table_kind table,
                                  const evaluate_rows *rows)
{
    if (table == TABLE_UNKNOWN && classifier->has_config)
        hpac_log_warning("%s: its label file %s is missing: cannot check whether the model was "
                         "trained on these images",
                         classifier->path, classifier->config.data.labels);
    else if (table == TABLE_UNKNOWN)
        hpac_log_warning(
            "%s: the file does not contain its training data: cannot check whether the "
            "model was trained on these images",
            classifier->path);
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

/* ---- the halves ---- */

static hpac_status halve_rows(const hpac_labels *labels, evaluate_rows *rows)
{
    rows->tuning = malloc((rows->evaluated_count + 1) * sizeof *rows->tuning);
    if (!rows->tuning)
        return hpac_fail_memory(rows->evaluated_count * sizeof *rows->tuning);
    size_t evaluated = 0;
    for (size_t i = 0; i < rows->evaluated_count; i++) {
        size_t row = rows->evaluated[i];
        if (hpac_is_tuning_id(labels->ids[row]))
            rows->tuning[rows->tuning_count++] = row;
        else
            rows->evaluated[evaluated++] = row;
    }
    rows->evaluated_count = evaluated;
    return HPAC_OK;
}

hpac_status evaluate_rows_choose(const hpac_evaluate_options *options,
                                 const hpac_classifier *classifier, const hpac_labels *labels,
                                 bool halve, evaluate_rows *rows)
{
    *rows = (evaluate_rows){0};
    hpac_labels trained;
    table_kind table = compare_tables(classifier, labels, &trained);
    hpac_status status = options->rows == HPAC_ROWS_ALL
                             ? take_all(labels, rows)
                             : take_fold(options, classifier, labels, table, rows);
    if (status == HPAC_OK && table != TABLE_UNKNOWN)
        status = count_trained(classifier, labels, &trained, rows);
    hpac_labels_fini(&trained);
    if (status == HPAC_OK)
        status = report_trained(options, classifier, table, rows);
    if (status == HPAC_OK && halve)
        status = halve_rows(labels, rows);
    if (status != HPAC_OK)
        evaluate_rows_fini(rows);
    return status;
}

void evaluate_rows_fini(evaluate_rows *rows)
{
    free(rows->tuning);
    free(rows->evaluated);
    free(rows->prior);
    *rows = (evaluate_rows){0};
}
