/* Bad images that were skipped, over all parts of a run: run.json lists them, and a resumed run
 * reads them back. */
#include "train_internal.h"

#include "rundir/run_info.h"

#include <stdlib.h>
#include <string.h>

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Marks the rows whose Ids are listed; `ids` (count) is sorted here. */
static void mark_ids(train_job *training, const char **ids, size_t count)
{
    qsort(ids, count, sizeof *ids, by_text);
    for (size_t row = 0; row < training->labels.count; row++) {
        const char *id = training->labels.ids[row];
        training->skipped[row] = bsearch(&id, ids, count, sizeof *ids, by_text) != NULL;
        training->skipped_images += training->skipped[row];
    }
}

static hpac_status read_list(train_job *training, const json_t *list)
{
    size_t count = json_array_size(list), known = 0;
    const char **ids = calloc(count + 1, sizeof *ids);
    if (!ids)
        return hpac_fail_memory(count * sizeof *ids);
    for (size_t i = 0; i < count; i++) {
        const char *id = json_string_value(json_array_get(list, i));
        if (id)
            ids[known++] = id;
    }
    mark_ids(training, ids, known);
    free(ids);
    return HPAC_OK;
}

hpac_status train_skipped_open(train_job *training, bool resume)
{
    training->skipped_images = 0;
    training->skipped = calloc(training->labels.count, sizeof *training->skipped);
    if (!training->skipped)
        return hpac_fail_memory(training->labels.count * sizeof *training->skipped);
    if (!resume)
        return HPAC_OK;
    /* A missing run.json, or one of an older version without the list, is no error. */
    hpac_run_info info;
    if (hpac_run_info_read(training->options->folder, &info) != HPAC_OK)
        return HPAC_OK;
    hpac_status status = read_list(training, info.skipped);
    hpac_run_info_fini(&info);
    return status;
}

static void collect_from(train_job *training, hpac_loop *loop)
{
    size_t count = 0;
    const size_t *rows = loop ? hpac_loop_skipped(loop, &count) : NULL;
    for (size_t i = 0; i < count; i++) {
        training->skipped_images += !training->skipped[rows[i]];
        training->skipped[rows[i]] = true;
    }
}

void train_skipped_collect(train_job *training)
{
    collect_from(training, training->training_loop);
    collect_from(training, training->validation_loop);
}

void train_skipped_close(train_job *training)
{
    free(training->skipped);
    training->skipped = NULL;
}
