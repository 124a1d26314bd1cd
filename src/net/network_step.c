/* Steps of a network: enqueued without waiting, collected in order. */
#include "network_internal.h"

#include "base/memory.h"

#include <string.h>

/* After its first pass a data set that fits is not uploaded again. */
hpac_status hpac_network_retain_images(hpac_network *network, size_t image_count)
{
    HPAC_TRY_GIVEN(network);
    hpac_device *device = network->options.device;
    const hpac_batch_format *format = &network->options.format;
    if (!device->ops->gather || !device->ops->copy)
        return hpac_fail(HPAC_ERR_DEVICE,
                         "device %s has no memory of its own for resident images; data.cache_mib "
                         "caches them",
                         device->ops->name);
    if (!network->allocated || network->resident_count > 0 ||
        image_count >= HPAC_NETWORK_NOT_RETAINED)
        return hpac_fail(HPAC_ERR_INTERNAL, "cannot retain %zu images: %s", image_count,
                         network->allocated ? "requested twice, or too many"
                                            : "the network is not allocated");
    HPAC_TRY(device->ops->alloc(device, HPAC_MEMORY_DEVICE, image_count * format->target_count,
                                &network->resident_targets));
    HPAC_TRY(device->ops->alloc(device, HPAC_MEMORY_DEVICE,
                                image_count * hpac_batch_image_nbytes(format),
                                &network->resident_pixels));
    network->resident_count = image_count;
    return HPAC_OK;
}

/* Makes the compute queue wait for what is on the copy queue so far. */
static hpac_status await_upload(hpac_network *network, const network_flight *flight)
{
    hpac_device *device = network->options.device;
    HPAC_TRY(device->ops->event_record(device, flight->uploaded, HPAC_QUEUE_COPY));
    return device->ops->event_await(device, flight->uploaded, HPAC_QUEUE_COMPUTE);
}

/* What the flight's last step read has been read: it was collected before this one began. */
static hpac_status upload_batch(hpac_network *network, network_flight *flight, const void *slot)
{
    hpac_device *device = network->options.device;
    HPAC_TRY(network_profile_mark(network, flight, HPAC_QUEUE_COPY, NETWORK_START, 0));
    HPAC_TRY(device->ops->upload(device, HPAC_QUEUE_COPY, flight->staging, slot,
                                 hpac_batch_nbytes(&network->options.format)));
    HPAC_TRY(network_profile_mark(network, flight, HPAC_QUEUE_COPY, NETWORK_UPLOAD, 0));
    return await_upload(network, flight);
}

/* Copies `count` images of the flight's batch from `first` on to consecutive rows from `row` on. */
static hpac_status retain_images(hpac_network *network, network_flight *flight, size_t first,
                                 size_t count, uint32_t row)
{
    hpac_device *device = network->options.device;
    const hpac_batch_format *format = &network->options.format;
    size_t targets = format->target_count, image = hpac_batch_image_nbytes(format);
    HPAC_TRY(device->ops->copy(device, network_at(network->resident_targets, row * targets),
                               network_at(flight->staging, first * targets), count * targets));
    return device->ops->copy(
        device, network_at(network->resident_pixels, row * image),
        network_at(flight->staging, hpac_batch_pixels_offset_nbytes(format) + first * image),
        count * image);
}

static hpac_status check_resident_rows(const hpac_network *network, const hpac_network_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        uint32_t row = batch->resident_rows[i];
        if (row >= network->resident_count && (!batch->slot || row != HPAC_NETWORK_NOT_RETAINED))
            return hpac_fail(HPAC_ERR_INTERNAL, "row %u for image %zu, of %zu", row, i,
                             network->resident_count);
    }
    return HPAC_OK;
}

static hpac_status retain_batch(hpac_network *network, network_flight *flight,
                                const hpac_network_batch *batch)
{
    HPAC_TRY(check_resident_rows(network, batch));
    HPAC_TRY(network_profile_mark(network, flight, HPAC_QUEUE_COMPUTE, NETWORK_START, 0));
    for (size_t first = 0, end; first < batch->count; first = end) {
        uint32_t row = batch->resident_rows[first];
        end = first + 1;
        if (row == HPAC_NETWORK_NOT_RETAINED)
            continue;
        while (end < batch->count && batch->resident_rows[end] == row + (uint32_t)(end - first))
            end++;
        HPAC_TRY(retain_images(network, flight, first, end - first, row));
    }
    return network_profile_mark(network, flight, HPAC_QUEUE_COMPUTE, NETWORK_RETAIN, 0);
}

static hpac_status gather(hpac_network *network, network_flight *flight, size_t count, void *to,
                          const void *from, size_t row_nbytes)
{
    hpac_device *device = network->options.device;
    const hpac_gather request = {
        .to = to, .from = from, .rows = flight->rows, .count = count, .row_nbytes = row_nbytes};
    return device->ops->gather(device, &request);
}

static hpac_status gather_batch(hpac_network *network, network_flight *flight,
                                const hpac_network_batch *batch)
{
    hpac_device *device = network->options.device;
    const hpac_batch_format *format = &network->options.format;
    size_t nbytes = batch->count * sizeof *batch->resident_rows;
    HPAC_TRY(check_resident_rows(network, batch));
    /* The flight's last step was collected: nothing reads its pinned rows any more. */
    memcpy(flight->host_rows, batch->resident_rows, nbytes);
    HPAC_TRY(device->ops->upload(device, HPAC_QUEUE_COPY, flight->rows, flight->host_rows, nbytes));
    HPAC_TRY(await_upload(network, flight));
    HPAC_TRY(network_profile_mark(network, flight, HPAC_QUEUE_COMPUTE, NETWORK_START, 0));
    HPAC_TRY(gather(network, flight, batch->count, flight->staging, network->resident_targets,
                    format->target_count));
    HPAC_TRY(gather(network, flight, batch->count,
                    network_at(flight->staging, hpac_batch_pixels_offset_nbytes(format)),
                    network->resident_pixels, hpac_batch_image_nbytes(format)));
    return network_profile_mark(network, flight, HPAC_QUEUE_COMPUTE, NETWORK_GATHER, 0);
}

static void *stage_output(const hpac_network *network, size_t stage)
{
    return network_at(network->activations, network->stages[stage].output_offset);
}

/* The output of an operation, and its gradient. */
static void *output_of(const hpac_network *network, size_t op)
{
    return stage_output(network, network->links[op].stage);
}

static void *gradient_of(const hpac_network *network, size_t op, hpac_gradient gradient)
{
    size_t offset = network->stages[network->links[op].stage].gradient_offset;
    return gradient == HPAC_GRADIENT_NONE ? NULL : network_at(network->activations, offset);
}

static hpac_exec_args make_args(const hpac_network *network, size_t number,
                                const network_flight *flight, bool training)
{
    const network_stage *stage = &network->stages[number];
    size_t offset = stage->parameters_offset, input = network->links[stage->first_op].inputs[0];
    size_t pixels = hpac_batch_pixels_offset_nbytes(&network->options.format);
    hpac_exec_args args = {
        .x = number == 0 ? network_at(flight->staging, pixels) : output_of(network, input),
        .y = stage_output(network, number),
        .parameters = network_at(network->parameters, offset),
        .statistics = network_at(network->statistics, stage->statistics_offset),
        .state = network_at(network->activations, stage->state_offset),
        .workspace = network->workspace,
        .result = flight->result,
        .training = training,
    };
    if (training) {
        for (size_t i = 0; i < HPAC_OPTIMIZER_MAX_STATES && stage->plan->updates_parameters; i++)
            args.optimizer_state[i] = network_at(network->states[i], offset);
        if (!stage->plan->updates_parameters && !stage->frozen)
            args.gradients = network_at(network->gradients, offset);
    }
    for (size_t i = 0; i < stage->side_count; i++)
        args.sides[i] = output_of(network, stage->side_ops[i]);
    return args;
}

/* For tests: what is not needed from `time` on becomes NaN, so that whoever reads it is seen. */
static hpac_status poison(hpac_network *network, size_t time)
{
    hpac_device *device = network->options.device;
    for (size_t i = 0; network->poison && i < network->piece_count; i++) {
        const memory_piece *piece = &network->pieces[i];
        if (piece->over == 0 && piece->last == time)
            HPAC_TRY(device->ops->upload(device, HPAC_QUEUE_COMPUTE,
                                         network_at(network->activations, piece->offset),
                                         network->poison, piece->nbytes));
    }
    return HPAC_OK;
}

static hpac_status forward(hpac_network *network, network_flight *flight, bool training)
{
    HPAC_TRY(network_profile_mark(network, flight, HPAC_QUEUE_COMPUTE, NETWORK_START, 0));
    for (size_t i = 0; i < network->stage_count; i++) {
        hpac_exec_args args = make_args(network, i, flight, training);
        HPAC_TRY(network->options.device->ops->forward(network->stages[i].plan, &args));
        HPAC_TRY(poison(network, network_forward_time(i)));
        HPAC_TRY(network_profile_mark(network, flight, HPAC_QUEUE_COMPUTE,
                                      training ? NETWORK_FORWARD : NETWORK_EVALUATE, i));
    }
    return HPAC_OK;
}

static hpac_status loss(hpac_network *network, network_flight *flight, size_t count, bool training)
{
    hpac_device *device = network->options.device;
    const hpac_batch_format *format = &network->options.format;
    const network_stage *last = &network->stages[network->stage_count - 1];
    hpac_loss request = {
        .batch = format->batch_size,
        .count = count,
        .classes = format->target_count,
        .logits = stage_output(network, network->stage_count - 1),
        .targets = flight->staging,
        .softmax =
            network->layers[network->options.layer_count - 1].activation == HPAC_ACTIVATION_SOFTMAX,
        .formula = network->options.loss,
        .positive_weights = network->device_positive_weights,
        .dlogits = training ? network_at(network->activations, last->gradient_offset) : NULL,
        .probabilities = training ? NULL : flight->probabilities,
        .result = flight->result,
    };
    HPAC_TRY(device->ops->loss(device, &request));
    return network_profile_mark(network, flight, HPAC_QUEUE_COMPUTE,
                                training ? NETWORK_LOSS : NETWORK_EVALUATE_LOSS, 0);
}

static hpac_status backward(hpac_network *network, network_flight *flight)
{
    for (size_t i = network->stage_count; i-- > 0;) {
        const network_stage *stage = &network->stages[i];
        if (!stage->goes_backward)
            continue;
        hpac_exec_args args = make_args(network, i, flight, true);
        args.dy = network_at(network->activations, stage->gradient_offset);
        args.dx =
            gradient_of(network, network->links[stage->first_op].inputs[0], stage->input_gradient);
        for (size_t k = 0; k < stage->side_count; k++)
            args.dsides[k] = gradient_of(network, stage->side_ops[k], stage->side_gradients[k]);
        HPAC_TRY(network->options.device->ops->backward(stage->plan, &args));
        HPAC_TRY(poison(network, network_backward_time(network, i)));
        HPAC_TRY(network_profile_mark(network, flight, HPAC_QUEUE_COMPUTE, NETWORK_BACKWARD, i));
    }
    return HPAC_OK;
}

static hpac_status update(hpac_network *network, network_flight *flight)
{
    HPAC_TRY(network_enqueue_update(network, flight->result));
    return network_profile_mark(network, flight, HPAC_QUEUE_COMPUTE, NETWORK_UPDATE, 0);
}

static hpac_status download(hpac_network *network, void *to, const void *from, size_t nbytes)
{
    hpac_device *device = network->options.device;
    return device->ops->download(device, HPAC_QUEUE_COMPUTE, to, from, nbytes);
}

/* All of a training step that a graph can repeat: the same calls with the same addresses. */
static hpac_status enqueue_training(hpac_network *network, network_flight *flight, size_t count)
{
    HPAC_TRY(forward(network, flight, true));
    HPAC_TRY(loss(network, flight, count, true));
    HPAC_TRY(backward(network, flight));
    HPAC_TRY(update(network, flight));
    return download(network, flight->host_result, flight->result, sizeof(hpac_step_result));
}

static hpac_status record_graph(hpac_network *network, network_flight *flight)
{
    hpac_device *device = network->options.device;
    HPAC_TRY(device->ops->graph_begin(device));
    hpac_status status = enqueue_training(network, flight, network->options.format.batch_size);
    if (status == HPAC_OK)
        return device->ops->graph_end(device, &flight->graph);
    (void)device->ops->graph_end(device, NULL);
    return status;
}

/* The first full step runs call by call, as do all that are not full; the second of each flight is
 * recorded. */
static hpac_status run_training(hpac_network *network, network_flight *flight, size_t count)
{
    hpac_device *device = network->options.device;
    bool full = count == network->options.format.batch_size;
    if (!full || !network->warm || !network->options.graph || network->options.profile ||
        !device->ops->graph_launch) {
        HPAC_TRY(enqueue_training(network, flight, count));
        network->warm |= full;
        return HPAC_OK;
    }
    if (!flight->graph)
        HPAC_TRY(record_graph(network, flight));
    return device->ops->graph_launch(device, flight->graph);
}

/* Starts a step on the next flight; what is enqueued between this and finish_step is the step. */
static hpac_status begin_step(hpac_network *network, const hpac_network_batch *batch,
                              network_flight **flight)
{
    if (!network->allocated)
        return hpac_fail(HPAC_ERR_INTERNAL, "the network is not allocated");
    if (hpac_network_in_flight(network) == HPAC_NETWORK_IN_FLIGHT)
        return hpac_fail(HPAC_ERR_INTERNAL, "%d steps are in flight already",
                         HPAC_NETWORK_IN_FLIGHT);
    if (batch->count < 1 || batch->count > network->options.format.batch_size)
        return hpac_fail(HPAC_ERR_INTERNAL, "%zu images in a batch of %zu", batch->count,
                         network->options.format.batch_size);
    if (!batch->slot && !batch->resident_rows)
        return hpac_fail(HPAC_ERR_INTERNAL, "a batch with neither a slot nor resident rows");
    *flight = &network->flights[network->enqueued % HPAC_NETWORK_IN_FLIGHT];
    (*flight)->mark_count = 0;
    if (!batch->slot)
        return gather_batch(network, *flight, batch);
    HPAC_TRY(upload_batch(network, *flight, batch->slot));
    return batch->resident_rows ? retain_batch(network, *flight, batch) : HPAC_OK;
}

static hpac_status finish_step(hpac_network *network, network_flight *flight, bool evaluates)
{
    hpac_device *device = network->options.device;
    HPAC_TRY(device->ops->event_record(device, flight->done, HPAC_QUEUE_COMPUTE));
    flight->evaluates = evaluates;
    network->enqueued++;
    return HPAC_OK;
}

hpac_status hpac_network_train(hpac_network *network, const hpac_network_batch *batch,
                               uint32_t step)
{
    HPAC_TRY_GIVEN(network);
    HPAC_TRY_GIVEN(batch);
    if (!network->options.training)
        return hpac_fail(HPAC_ERR_INTERNAL, "the network was not made for training");
    network_flight *flight = NULL;
    HPAC_TRY(begin_step(network, batch, &flight));
    HPAC_TRY(network_set_step(network, step));
    HPAC_TRY(run_training(network, flight, batch->count));
    return finish_step(network, flight, false);
}

hpac_status hpac_network_evaluate(hpac_network *network, const hpac_network_batch *batch)
{
    HPAC_TRY_GIVEN(network);
    HPAC_TRY_GIVEN(batch);
    network_flight *flight = NULL;
    HPAC_TRY(begin_step(network, batch, &flight));
    HPAC_TRY(forward(network, flight, false));
    HPAC_TRY(loss(network, flight, batch->count, false));
    HPAC_TRY(download(network, flight->host_result, flight->result, sizeof(hpac_step_result)));
    HPAC_TRY(download(network, flight->host_probabilities, flight->probabilities,
                      network_probabilities_nbytes(network)));
    return finish_step(network, flight, true);
}

size_t hpac_network_in_flight(const hpac_network *network)
{
    return network->enqueued - network->collected;
}

hpac_status hpac_network_collect(hpac_network *network, hpac_outcome *outcome)
{
    HPAC_TRY_GIVEN(network);
    HPAC_TRY_GIVEN(outcome);
    if (hpac_network_in_flight(network) == 0)
        return hpac_fail(HPAC_ERR_INTERNAL, "no step is in flight");
    hpac_device *device = network->options.device;
    network_flight *flight = &network->flights[network->collected % HPAC_NETWORK_IN_FLIGHT];
    HPAC_TRY(device->ops->event_synchronize(device, flight->done));
    HPAC_TRY(network_profile_collect(network, flight));
    network->collected++;
    outcome->result = *(const hpac_step_result *)flight->host_result;
    outcome->probabilities = flight->evaluates ? flight->host_probabilities : NULL;
    return HPAC_OK;
}
