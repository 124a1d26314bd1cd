/* One pass over rows of a data set: enqueue a step, collect the one before, add up the counts. */
#include "loop.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/pause.h"

#include <math.h>
#include <string.h>

struct hpac_loop {
    hpac_loop_options options;
    size_t *all_rows; /* for options.loader.rows NULL */
    hpac_loader *loader;
    uint8_t *slots[HPAC_LOOP_SLOTS];
    /* Of images in device memory, by row of the data set: */
    bool *uploaded;          /* NULL: none stay there */
    uint32_t *resident_rows; /* of those uploaded: their row in device memory */
    uint32_t resident_count;
    uint32_t *resident_of_batch; /* (batch_size) for hpac_network_batch */
    float *mean;                 /* (batch_size, targets); NULL with one network */
    /* Of the pass: */
    hpac_loop_pass *pass;
    double started_s;
    hpac_batch batches[HPAC_NETWORK_IN_FLIGHT]; /* a ring of those whose steps are not collected */
    size_t first, in_flight;
};

size_t hpac_micro_batch_size(size_t rows, size_t cols)
{
    const size_t max_pixels = (size_t)64 * 256 * 256;
    size_t size = 64;
    while (size > 1 && size * rows * cols > max_pixels)
        size /= 2;
    return size;
}

static const hpac_labels *labels_of(const hpac_loop *loop)
{
    return hpac_dataset_get_options(loop->options.loader.dataset)->labels;
}

static hpac_status make_resident(hpac_loop *loop)
{
    HPAC_TRY_NEW(loop->uploaded, labels_of(loop)->count);
    HPAC_TRY_NEW(loop->resident_rows, labels_of(loop)->count);
    HPAC_TRY_NEW(loop->resident_of_batch, loop->options.format.batch_size);
    return hpac_network_retain_images(loop->options.networks[0], loop->options.loader.row_count);
}

static hpac_status list_all_rows(hpac_loop *loop)
{
    size_t count = labels_of(loop)->count;
    HPAC_TRY_NEW(loop->all_rows, count);
    for (size_t i = 0; i < count; i++)
        loop->all_rows[i] = i;
    loop->options.loader.rows = loop->all_rows;
    loop->options.loader.row_count = count;
    return HPAC_OK;
}

hpac_status hpac_loop_create(const hpac_loop_options *given, hpac_loop **result)
{
    HPAC_TRY_NEW(*result, 1);
    hpac_loop *loop = *result;
    hpac_loop_options *options = &loop->options;
    *options = *given;
    if (!options->loader.rows)
        HPAC_TRY(list_all_rows(loop));
    if (options->network_count > 1)
        HPAC_TRY_NEW(loop->mean, options->format.batch_size * options->format.target_count);
    for (size_t i = 0; i < HPAC_LOOP_SLOTS; i++) {
        void *slot;
        HPAC_TRY(options->device->ops->alloc(options->device, HPAC_MEMORY_PINNED,
                                             hpac_batch_nbytes(&options->format), &slot));
        loop->slots[i] = slot;
    }
    if (options->resident)
        HPAC_TRY(make_resident(loop));
    options->loader.batch_size = options->format.batch_size;
    options->loader.slot_targets = options->format.target_count;
    options->loader.resident = loop->uploaded;
    options->loader.slots = loop->slots;
    options->loader.slot_count = HPAC_LOOP_SLOTS;
    return hpac_loader_create(&options->loader, &loop->loader);
}

void hpac_loop_destroy(hpac_loop *loop)
{
    if (!loop)
        return;
    hpac_device *device = loop->options.device;
    hpac_loader_destroy(loop->loader);
    for (size_t i = 0; i < HPAC_LOOP_SLOTS; i++)
        device->ops->free(device, HPAC_MEMORY_PINNED, loop->slots[i]);
    free(loop->uploaded);
    free(loop->resident_rows);
    free(loop->resident_of_batch);
    free(loop->mean);
    free(loop->all_rows);
    free(loop);
}

const size_t *hpac_loop_skipped(hpac_loop *loop, size_t *count)
{
    *count = 0;
    return loop->loader ? hpac_loader_skipped(loop->loader, count) : NULL;
}

/* Where the images of a batch are in device memory, or are to be put. */
static void assign_resident_rows(hpac_loop *loop, const hpac_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        size_t row = batch->rows[i];
        bool known = loop->uploaded[row];
        if (!known) {
            loop->uploaded[row] = true;
            loop->resident_rows[row] = loop->resident_count++;
        }
        loop->resident_of_batch[i] =
            known && batch->data ? HPAC_NETWORK_NOT_RETAINED : loop->resident_rows[row];
    }
}

static hpac_status enqueue(hpac_loop *loop, const hpac_batch *batch)
{
    const hpac_loop_options *options = &loop->options;
    loop->batches[(loop->first + loop->in_flight++) % HPAC_NETWORK_IN_FLIGHT] = *batch;
    hpac_network_batch input = {.slot = batch->data, .count = batch->count};
    if (loop->uploaded) {
        assign_resident_rows(loop, batch);
        input.resident_rows = loop->resident_of_batch;
    }
    if (loop->pass->phase == HPAC_PHASE_TRAIN)
        return hpac_network_train(options->networks[0], &input, loop->pass->step++);
    for (size_t i = 0; i < options->network_count; i++)
        HPAC_TRY(hpac_network_evaluate(options->networks[i], &input));
    return HPAC_OK;
}

static hpac_status fail_not_finite(const hpac_loop *loop, const hpac_batch *batch, bool loss)
{
    const hpac_labels *labels = labels_of(loop);
    hpac_problems ids = {0};
    for (size_t i = 0; i < batch->count; i++)
        hpac_problems_add(&ids, "  %s", labels->ids[batch->rows[i]]);
    if (loop->pass->phase == HPAC_PHASE_PREDICT)
        return hpac_problems_finish(&ids, HPAC_ERR_NUMERIC,
                                    "the model's predictions are not finite in batch %zu; check "
                                    "its weights and these images",
                                    batch->index + 1);
    return hpac_problems_finish(
        &ids, HPAC_ERR_NUMERIC,
        "%s is not finite in epoch %u, batch %zu; lower train.optimizer.learning_rate, or check "
        "these images",
        loss ? "the loss" : "a gradient or weight", loop->pass->epoch + 1, batch->index + 1);
}

/* The outcome of all networks. Without labels the loss is one of targets that a slot holds by
 * chance: no figure, but finite if the predictions are. */
static hpac_status collect_networks(hpac_loop *loop, const hpac_batch *batch, hpac_outcome *outcome)
{
    const hpac_loop_options *options = &loop->options;
    size_t values = loop->mean ? batch->count * options->format.target_count : 0;
    for (size_t v = 0; v < values; v++)
        loop->mean[v] = 0;
    for (size_t i = 0; i < options->network_count; i++) {
        HPAC_TRY(hpac_network_collect(options->networks[i], outcome));
        bool finite_loss = isfinite(outcome->result.loss_sum);
        if (!finite_loss || outcome->result.nonfinite != 0) {
            loop->pass->failed_network = i;
            return fail_not_finite(loop, batch, !finite_loss);
        }
        for (size_t v = 0; v < values; v++)
            loop->mean[v] += outcome->probabilities[v];
    }
    for (size_t v = 0; v < values; v++)
        loop->mean[v] /= (float)options->network_count;
    if (loop->mean)
        outcome->probabilities = loop->mean;
    return HPAC_OK;
}

static void add_counts(hpac_counts *counts, const hpac_step_result *result, size_t images)
{
    counts->images += images;
    counts->loss_sum += result->loss_sum;
    for (size_t c = 0; c < counts->classes; c++) {
        counts->confusion[c].tp += result->true_positives[c];
        counts->confusion[c].fp += result->false_positives[c];
        counts->confusion[c].fn += result->false_negatives[c];
    }
}

static void report_progress(const hpac_loop *loop, size_t done)
{
    const hpac_loop_pass *pass = loop->pass;
    size_t batches = hpac_loader_batch_count(loop->loader);
    double elapsed_s = hpac_clock_s() - loop->started_s;
    const hpac_progress progress = {
        .phase = pass->phase,
        .epoch = pass->epoch + 1,
        .epochs = pass->epochs,
        .batch = done,
        .batches = batches,
        .loss = pass->counts ? hpac_mean_loss(pass->counts) : NAN,
        .f1_mean = pass->counts ? hpac_f1_summarize(pass->counts).mean : NAN,
        .images_per_s = elapsed_s > 0 ? (double)pass->images / elapsed_s : 0,
        .waiting = elapsed_s > 0 ? pass->waited_s / elapsed_s : 0,
        .remaining_s = elapsed_s / (double)(done - pass->first_batch) * (double)(batches - done),
    };
    loop->options.progress(loop->options.user, &progress);
}

/* Releases the slot of the oldest batch. */
static void release_first(hpac_loop *loop)
{
    hpac_loader_release(loop->loader, &loop->batches[loop->first]);
    loop->first = (loop->first + 1) % HPAC_NETWORK_IN_FLIGHT;
    loop->in_flight--;
}

static hpac_status collect(hpac_loop *loop)
{
    hpac_loop_pass *pass = loop->pass;
    const hpac_batch *batch = &loop->batches[loop->first];
    hpac_outcome outcome = {0};
    HPAC_TRY(collect_networks(loop, batch, &outcome));
    if (pass->counts)
        add_counts(pass->counts, &outcome.result, batch->count);
    pass->images += batch->count;
    pass->batches++;
    HPAC_TRY(pass->on_batch(pass->user, batch, &outcome));
    hpac_test_pause(pass->phase == HPAC_PHASE_TRAIN ? "batch" : "inference-batch");
    if (loop->options.progress)
        report_progress(loop, batch->index + 1);
    release_first(loop);
    return HPAC_OK;
}

static hpac_status run_batches(hpac_loop *loop)
{
    const volatile sig_atomic_t *stop = loop->options.stop;
    bool stopped = false;
    HPAC_TRY(hpac_loader_begin(loop->loader, loop->pass->epoch, loop->pass->first_batch));
    while (!(stopped = stop && *stop)) {
        hpac_batch batch;
        HPAC_TRY(hpac_loader_next(loop->loader, &batch));
        if (batch.count == 0)
            break;
        loop->pass->waited_s += batch.waited_ms / 1000;
        HPAC_TRY(enqueue(loop, &batch));
        if (loop->in_flight == HPAC_NETWORK_IN_FLIGHT)
            HPAC_TRY(collect(loop));
    }
    while (loop->in_flight > 0)
        HPAC_TRY(collect(loop));
    if (stopped)
        return HPAC_INTERRUPTED;
    return loop->pass->images > 0 || loop->pass->first_batch > 0
               ? HPAC_OK
               : hpac_fail(HPAC_ERR_DATA, "none of the images of this pass can be read");
}

hpac_status hpac_loop_run(hpac_loop *loop, hpac_loop_pass *pass)
{
    loop->pass = pass;
    loop->started_s = hpac_clock_s();
    pass->images = pass->batches = 0;
    pass->waited_s = 0;
    hpac_status status = run_batches(loop);
    /* After an error: waits for the steps in flight and drops them, to free their slots. */
    hpac_outcome outcome;
    for (size_t i = 0; i < loop->options.network_count; i++)
        while (hpac_network_in_flight(loop->options.networks[i]) > 0 &&
               hpac_network_collect(loop->options.networks[i], &outcome) == HPAC_OK)
            continue;
    while (loop->in_flight > 0)
        release_first(loop);
    pass->elapsed_s = hpac_clock_s() - loop->started_s;
    return status;
}
