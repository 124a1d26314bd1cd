/* The update of a network's parameters: by which numbers, of which of them, in which step. */
#include "network_internal.h"

#include "base/memory.h"

#include <math.h>

#define MAX_ACCUMULATE (1 << 24)

const char *hpac_state_name(const hpac_network_options *options, hpac_state state)
{
    static const char *const names[HPAC_OPTIMIZER_COUNT][HPAC_OPTIMIZER_MAX_STATES] = {
        [HPAC_OPTIMIZER_ADADELTA] = {"square_average", "delta_average"},
        [HPAC_OPTIMIZER_SGD] = {"momentum"},
        [HPAC_OPTIMIZER_ADAM] = {"m", "v"},
        [HPAC_OPTIMIZER_ADAMW] = {"m", "v"},
    };
    if (state == HPAC_STATE_ACCUMULATED)
        return options->accumulate > 1 ? "accumulated" : NULL;
    if (state == HPAC_STATE_AVERAGE)
        return options->ema > 0 ? "average" : NULL;
    return (size_t)state < hpac_optimizer_state_count(&options->optimizer)
               ? names[options->optimizer.kind][state]
               : NULL;
}

hpac_status network_check_update_options(const hpac_network_options *options)
{
    const hpac_optimizer *optimizer = &options->optimizer;
    if ((unsigned)optimizer->kind >= HPAC_OPTIMIZER_COUNT)
        return hpac_fail(HPAC_ERR_CONFIG, "network with unknown optimizer %d",
                         (int)optimizer->kind);
    if (!(options->ema >= 0 && options->ema < 1))
        return hpac_fail(HPAC_ERR_CONFIG, "network with ema %g, expected a number in [0, 1)",
                         (double)options->ema);
    if (!(options->clip_norm >= 0 && isfinite(options->clip_norm)))
        return hpac_fail(HPAC_ERR_CONFIG, "network with clip_norm %g, expected a number >= 0",
                         (double)options->clip_norm);
    if (options->accumulate > MAX_ACCUMULATE)
        return hpac_fail(HPAC_ERR_CONFIG, "network that accumulates %zu steps, expected at most %d",
                         options->accumulate, MAX_ACCUMULATE);
    return HPAC_OK;
}

/* Those of an operation, or NULL if it has no parameters. */
static const hpac_layer_training *training_of(const hpac_network *network, size_t op)
{
    hpac_op_kind kind = network->ops[op].kind;
    bool has_parameters =
        kind == HPAC_OP_CONV2D || kind == HPAC_OP_DENSE || kind == HPAC_OP_BATCH_NORM;
    return has_parameters ? &network->layer_training[network->ops[op].stream] : NULL;
}

bool network_is_frozen(const hpac_network *network, size_t first, size_t count, bool *frozen)
{
    bool trained = false;
    *frozen = false;
    for (size_t op = first; network->options.training && op < first + count; op++) {
        const hpac_layer_training *training = training_of(network, op);
        if (training)
            *(training->frozen ? frozen : &trained) = true;
    }
    return !*frozen || !trained;
}

bool network_may_update(const hpac_network *network, size_t first, size_t count)
{
    const hpac_network_options *options = &network->options;
    if (!options->training || options->unfused || options->clip_norm > 0 ||
        options->accumulate > 1 || options->ema > 0)
        return false;
    for (size_t op = first; op < first + count; op++) {
        const hpac_layer_training *training = training_of(network, op);
        if (training &&
            (training->frozen || training->learning_rate_factor != 1.0F || training->l2 != 0.0F))
            return false;
    }
    return true;
}

static bool is_updated(const network_stage *stage)
{
    return !stage->frozen && !stage->plan->updates_parameters;
}

static bool is_trained(const hpac_parameter *parameter)
{
    return hpac_role_is_trained(parameter->role);
}

size_t network_count_ranges(const hpac_network *network)
{
    size_t count = 0;
    for (size_t i = 0; i < network->stage_count; i++)
        for (size_t p = 0; p < network->stages[i].plan->parameter_count; p++)
            count += is_updated(&network->stages[i]) &&
                     is_trained(&network->stages[i].plan->parameters[p]);
    return count;
}

/* One range per parameter, in the order of the arena. */
static void list_ranges(const hpac_network *network, hpac_update_range *ranges)
{
    for (size_t i = 0; i < network->stage_count; i++) {
        const network_stage *stage = &network->stages[i];
        for (size_t p = 0; p < stage->plan->parameter_count && is_updated(stage); p++) {
            const hpac_parameter *parameter = &stage->plan->parameters[p];
            const hpac_layer_training *training =
                training_of(network, stage->first_op + parameter->op);
            if (is_trained(parameter))
                *ranges++ = (hpac_update_range){
                    .first = (stage->parameters_offset + parameter->offset_nbytes) / sizeof(float),
                    .learning_rate_factor = training->learning_rate_factor,
                    .weight_decay = network->options.optimizer.weight_decay,
                    .l2 = parameter->role == HPAC_KERNEL ? 2 * training->l2 : 0,
                };
        }
    }
}

hpac_status network_upload_ranges(hpac_network *network)
{
    hpac_device *device = network->options.device;
    size_t nbytes = network->range_count * sizeof(hpac_update_range);
    void *pinned;
    if (nbytes == 0)
        return HPAC_OK;
    HPAC_TRY(device->ops->alloc(device, HPAC_MEMORY_PINNED, nbytes, &pinned));
    list_ranges(network, pinned);
    hpac_status status =
        device->ops->upload(device, HPAC_QUEUE_COMPUTE, network->ranges, pinned, nbytes);
    if (status == HPAC_OK)
        status = device->ops->synchronize(device);
    device->ops->free(device, HPAC_MEMORY_PINNED, pinned);
    return status;
}

/* Adam's c of update t = 1, 2, ... */
static double adam_correction(const hpac_optimizer *optimizer, double t)
{
    double first = 1 - pow((double)optimizer->beta_1, t);
    return sqrt(1 - pow((double)optimizer->beta_2, t)) / first;
}

hpac_status network_set_step(hpac_network *network, uint32_t step)
{
    const hpac_network_options *options = &network->options;
    hpac_device *device = options->device;
    uint32_t accumulate = options->accumulate > 1 ? (uint32_t)options->accumulate : 1;
    uint32_t update = step / accumulate;
    const hpac_step value = {
        .seed = options->seed,
        .step = step,
        .accumulates = (step + 1) % accumulate != 0,
        .learning_rate = options->learning_rate
                             ? (float)options->learning_rate(options->schedule, update)
                             : options->optimizer.learning_rate,
        .correction = (float)adam_correction(&options->optimizer, (double)update + 1),
        .average_momentum = update > 0 ? options->ema : 0, /* the first average is the weight */
    };
    return device->ops->set_step(device, &value);
}

hpac_status network_enqueue_update(hpac_network *network, hpac_step_result *result)
{
    const hpac_network_options *options = &network->options;
    hpac_update update = {
        .optimizer = &options->optimizer,
        .ranges = network->ranges,
        .range_count = network->range_count,
        .count = network->updated_parameters_nbytes / sizeof(float),
        .parameters = network->parameters,
        .gradients = network->gradients,
        .state = {network->states[HPAC_STATE_OPTIMIZER], network->states[HPAC_STATE_OPTIMIZER_2]},
        .accumulated = network->states[HPAC_STATE_ACCUMULATED],
        .accumulate = options->accumulate,
        .average = network->states[HPAC_STATE_AVERAGE],
        .clip_norm = options->clip_norm,
        .workspace = network->norm,
        .result = result,
    };
    return options->device->ops->update(options->device, &update);
}
