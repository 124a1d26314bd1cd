/* One way through a loader's batches: enqueue a step, collect the one before, keep the counts. */
#include "train_internal.h"

#include <math.h>
#include <string.h>
#include <time.h>

/* A batch whose step is enqueued; its slot is given back when the step is collected. */
typedef struct flight_ring {
    hpac_batch batches[HPAC_NETWORK_IN_FLIGHT];
    int first, count;
} flight_ring;

typedef struct pass_clock {
    double started_s, waited_ms;
    uint64_t images, batches;
} pass_clock;

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
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

/* A run that has gone wrong must not go on: names what is not finite, and the images of the batch.
 */
static hpac_status check_finite(const train_pass *pass, const hpac_batch *batch,
                                const hpac_step_result *result)
{
    if (isfinite(result->loss_sum) && result->nonfinite == 0)
        return HPAC_OK;
    const hpac_labels *labels =
        hpac_dataset_get_options(pass->phase == HPAC_PHASE_PREDICT ? pass->training->test_dataset
                                                                   : pass->training->dataset)
            ->labels;
    hpac_problems ids = {0};
    for (size_t i = 0; i < batch->count; i++)
        hpac_problems_add(&ids, "  %s", labels->ids[batch->rows[i]]);
    if (pass->phase == HPAC_PHASE_PREDICT)
        return hpac_problems_finish(&ids, HPAC_ERR_NUMERIC,
                                    "the model's answers are not finite in batch %zu; look at its "
                                    "weights and these images",
                                    batch->index + 1);
    return hpac_problems_finish(
        &ids, HPAC_ERR_NUMERIC,
        "%s is not finite in epoch %u, batch %zu; lower train.optimizer.learning_rate, or look at "
        "these images",
        isfinite(result->loss_sum) ? "a gradient or weight" : "the loss", pass->epoch + 1,
        batch->index + 1);
}

static void report(const train_pass *pass, const pass_clock *clock, size_t batch_index)
{
    const hpac_train_options *options = pass->training->options;
    if (!options->progress)
        return;
    size_t batches = hpac_loader_batch_count(pass->feed->loader);
    size_t done = batch_index + 1;
    double elapsed_s = now_s() - clock->started_s;
    double batch_s = elapsed_s / (double)(done - pass->first_batch);
    hpac_progress progress = {
        .phase = pass->phase,
        .epoch = pass->epoch + 1,
        .epochs = (uint32_t)pass->training->config->train.epochs,
        .batch = done,
        .batches = batches,
        .loss = hpac_mean_loss(pass->counts),
        .f1_mean = hpac_f1_summarize(pass->counts).mean,
        .images_per_s = elapsed_s > 0 ? (double)clock->images / elapsed_s : 0,
        .waiting = elapsed_s > 0 ? clock->waited_ms / 1000 / elapsed_s : 0,
        .remaining_s = batch_s * (double)(batches - done),
    };
    options->progress(options->user, &progress);
}

static hpac_status collect(const train_pass *pass, flight_ring *flight, pass_clock *clock)
{
    hpac_batch batch = flight->batches[flight->first];
    flight->first = (flight->first + 1) % HPAC_NETWORK_IN_FLIGHT;
    flight->count--;
    hpac_outcome outcome;
    hpac_status status = hpac_network_collect(pass->training->network, &outcome);
    if (status == HPAC_OK)
        status = check_finite(pass, &batch, &outcome.result);
    if (status == HPAC_OK) {
        add_counts(pass->counts, &outcome.result, batch.count);
        clock->images += (uint64_t)batch.count;
        if (pass->on_batch)
            status = pass->on_batch(pass->user, &batch, &outcome);
    }
    if (status == HPAC_OK)
        report(pass, clock, batch.index);
    hpac_loader_release(pass->feed->loader, &batch);
    return status;
}

static hpac_status enqueue(const train_pass *pass, flight_ring *flight, const hpac_batch *batch,
                           uint32_t step)
{
    train_job *training = pass->training;
    flight->batches[(flight->first + flight->count) % HPAC_NETWORK_IN_FLIGHT] = *batch;
    flight->count++;
    hpac_network_batch input = {.slot = batch->data, .count = batch->count};
    if (pass->feed->places) {
        train_resident_place(training, batch, pass->feed->places);
        input.resident_rows = pass->feed->places;
    }
    return pass->phase == HPAC_PHASE_TRAIN ? hpac_network_train(training->network, &input, step)
                                           : hpac_network_evaluate(training->network, &input);
}

static bool stop_is_wanted(const train_pass *pass)
{
    const hpac_train_options *options = pass->training->options;
    return options->stop && *options->stop;
}

/* After an error the steps still in flight are waited for and dropped, so that their slots are
 * free. */
static void drain(const train_pass *pass, flight_ring *flight)
{
    hpac_outcome outcome;
    for (; flight->count > 0; flight->count--) {
        if (hpac_network_in_flight(pass->training->network) > 0)
            (void)hpac_network_collect(pass->training->network, &outcome);
        hpac_loader_release(pass->feed->loader, &flight->batches[flight->first]);
        flight->first = (flight->first + 1) % HPAC_NETWORK_IN_FLIGHT;
    }
}

hpac_status train_run_pass(train_pass *pass)
{
    hpac_loader *loader = pass->feed->loader;
    flight_ring flight = {0};
    pass_clock clock = {.started_s = now_s()};
    uint32_t step = pass->training->model.training->step;
    hpac_status status = hpac_loader_begin(loader, pass->epoch, pass->first_batch);
    bool stopped = false;
    while (status == HPAC_OK && !(stopped = stop_is_wanted(pass))) {
        hpac_batch batch;
        status = hpac_loader_next(loader, &batch);
        if (status != HPAC_OK || batch.count == 0)
            break;
        clock.waited_ms += batch.waited_ms;
        clock.batches++;
        status = enqueue(pass, &flight, &batch, step++);
        if (status == HPAC_OK && flight.count == HPAC_NETWORK_IN_FLIGHT)
            status = collect(pass, &flight, &clock);
    }
    while (status == HPAC_OK && flight.count > 0)
        status = collect(pass, &flight, &clock);
    drain(pass, &flight);
    if (status == HPAC_OK && !stopped && pass->counts->images == 0)
        status = hpac_fail(HPAC_ERR_DATA, "none of the images of this pass can be read");
    double elapsed_s = now_s() - clock.started_s;
    pass->elapsed_s = elapsed_s;
    pass->waited_s = clock.waited_ms / 1000;
    pass->images = clock.images;
    pass->training->clock.elapsed_ms += 1000 * elapsed_s;
    pass->training->clock.waited_ms += clock.waited_ms;
    pass->training->clock.batches += clock.batches;
    return status == HPAC_OK && stopped ? HPAC_INTERRUPTED : status;
}
