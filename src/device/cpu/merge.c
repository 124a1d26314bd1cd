/* Operations with several inputs, in any layouts: add and concat here, multiply in multiply.c; and
 * the moves between layouts that they need. */
#include "cpu.h"

#include <string.h>
#include <sys/param.h>

enum {
    GRAIN = 4096,     /* values that a thread takes at a time */
    MOVE_PIXELS = 256 /* pixels likewise */
};

/* ---- moves ---- */

/* `count` channels of `pixels` pixels of an image from pixel `first` on: as many at a time as lie
 * side by side in both layouts. */
static void move_pixels(const cpu_device *device, const cpu_slice slices[2], size_t image,
                        size_t first, size_t pixels, size_t count, bool adds)
{
    float *addresses[2];
    size_t lanes[2], image_pixels = slices[0].tensor->shape.rows * slices[0].tensor->shape.cols;
    for (size_t channel = 0, width; channel < count; channel += width) {
        width = count - channel;
        for (size_t i = 0; i < 2; i++) {
            size_t at = slices[i].first + channel;
            lanes[i] = hpac_cpu_planes_of(slices[i].tensor).lanes;
            width = MIN(width, lanes[i] - at % lanes[i]);
            addresses[i] = slices[i].values + image * hpac_cpu_image_count(slices[i].tensor) +
                           (at / lanes[i] * image_pixels + first) * lanes[i] + at % lanes[i];
        }
        const move_job job = {
            .from = addresses[0],
            .to = addresses[1],
            .from_stride = lanes[0],
            .to_stride = lanes[1],
            .width = width,
            .pixels = pixels,
            .adds = adds,
        };
        device->kernels->move(&job);
    }
}

void hpac_cpu_move(const cpu_device *device, cpu_slice from, cpu_slice to, size_t count, bool adds)
{
    const cpu_slice slices[2] = {from, to};
    size_t pixels = from.tensor->shape.rows * from.tensor->shape.cols;
    size_t tiles = (pixels + MOVE_PIXELS - 1) / MOVE_PIXELS, batch = from.tensor->batch;
#pragma omp parallel for if (batch * tiles > 1)
    for (size_t i = 0; i < batch * tiles; i++) {
        size_t first = i % tiles * MOVE_PIXELS;
        move_pixels(device, slices, i / tiles, first, MIN(MOVE_PIXELS, pixels - first), count,
                    adds);
    }
}

void hpac_cpu_clear_padding(const cpu_tensor *tensor, float *values)
{
    const cpu_planes planes = hpac_cpu_planes_of(tensor);
    size_t padded = planes.count * planes.lanes - tensor->shape.channels;
    size_t pixels = tensor->shape.rows * tensor->shape.cols;
    if (padded == 0)
        return;
#pragma omp parallel for
    for (size_t image = 0; image < tensor->batch; image++) {
        float *end = values + (image + 1) * hpac_cpu_image_count(tensor);
        for (size_t i = 0; i < pixels; i++)
            memset(end - i * planes.lanes - padded, 0, padded * sizeof *end);
    }
}

/* ---- the inputs of a call: x, then the sides ---- */

typedef struct merge_plan {
    cpu_plan base;
    size_t input_count;
    cpu_tensor inputs[HPAC_OP_MAX_SIDES + 1];
    hpac_gradient gradients[HPAC_OP_MAX_SIDES + 1];
    bool same_layout; /* all inputs and the output */
    bool relu;        /* add: behind it */
} merge_plan;

static const float *input_of(const hpac_exec_args *args, size_t index)
{
    return index == 0 ? args->x : args->sides[index - 1];
}

static float *gradient_of(const hpac_exec_args *args, size_t index)
{
    return index == 0 ? args->dx : args->dsides[index - 1];
}

static cpu_slice slice_of(const cpu_tensor *tensor, size_t first, const void *values)
{
    return (cpu_slice){.tensor = tensor, .first = first, .values = (float *)values};
}

/* The gradients in the order of device.h: the sides', then that of x. Each is a slice of dy. */
static void pass_gradients(const merge_plan *plan, const hpac_exec_args *args, bool concat)
{
    size_t first = concat ? plan->inputs[0].shape.channels : 0;
    for (size_t i = 1; i <= plan->input_count; i++) {
        size_t index = i % plan->input_count; /* x last */
        const cpu_tensor *tensor = &plan->inputs[index];
        float *gradient = gradient_of(args, index);
        bool adds = plan->gradients[index] == HPAC_GRADIENT_ADDED;
        const cpu_slice from = slice_of(&plan->base.output, index == 0 ? 0 : first, args->dy);
        if (concat && index > 0)
            first += tensor->shape.channels;
        if (!gradient || gradient == args->dy)
            continue;
        hpac_cpu_move(cpu_device_of(&plan->base), from, slice_of(tensor, 0, gradient),
                      tensor->shape.channels, adds);
        if (!adds)
            hpac_cpu_clear_padding(tensor, gradient);
    }
}

static void set_inputs(merge_plan *plan, const hpac_plan_request *request)
{
    const hpac_op *op = &request->ops[0];
    plan->input_count = op->side_count + 1;
    plan->inputs[0] = plan->base.input;
    plan->gradients[0] = request->input_gradient;
    for (size_t i = 0; i < op->side_count; i++) {
        plan->inputs[i + 1] = (cpu_tensor){
            .shape = op->sides[i], .batch = request->batch, .layout = request->side_layouts[i]};
        if (request->side_gradients)
            plan->gradients[i + 1] = request->side_gradients[i];
    }
    plan->same_layout = true;
    for (size_t i = 0; i < plan->input_count; i++)
        plan->same_layout &= plan->inputs[i].layout == plan->base.output.layout;
}

/* ---- add ---- */

static hpac_status add_forward(cpu_plan *base, const hpac_exec_args *args)
{
    const merge_plan *plan = (const merge_plan *)base;
    const cpu_device *device = cpu_device_of(base);
    size_t count = hpac_cpu_tensor_count(&base->output);
    float *y = args->y;
    for (size_t i = 0; i < plan->input_count && !plan->same_layout; i++)
        hpac_cpu_move(device, slice_of(&plan->inputs[i], 0, input_of(args, i)),
                      slice_of(&base->output, 0, y), base->output.shape.channels, i > 0);
    if (!plan->same_layout)
        hpac_cpu_clear_padding(&base->output, y);
    if (!plan->same_layout && !plan->relu)
        return HPAC_OK;
    size_t terms = plan->same_layout ? plan->input_count : 1;
#pragma omp parallel for if (count > GRAIN)
    for (size_t i = 0; i < count; i += GRAIN) {
        const float *inputs[HPAC_OP_MAX_SIDES + 1] = {y + i};
        for (size_t k = 0; k < terms && plan->same_layout; k++)
            inputs[k] = input_of(args, k) + i;
        device->kernels->sum(inputs, terms, plan->relu, y + i, MIN(GRAIN, count - i));
    }
    return HPAC_OK;
}

/* What ReLU lets through is in dy already. */
static hpac_status add_backward(cpu_plan *base, const hpac_exec_args *args)
{
    pass_gradients((const merge_plan *)base, args, false);
    return HPAC_OK;
}

hpac_status hpac_cpu_try_add(cpu_device *device, const hpac_plan_request *request,
                             cpu_plan **result)
{
    const hpac_op_kind kinds[] = {HPAC_OP_ADD, HPAC_OP_RELU};
    if (!hpac_plan_is_chain(request, 1, kinds) && !hpac_plan_is_chain(request, 2, kinds))
        return HPAC_OK;
    HPAC_TRY(hpac_cpu_plan_alloc(device, request, sizeof(merge_plan), add_forward, add_backward,
                                 result));
    merge_plan *plan = (merge_plan *)*result;
    hpac_plan *base = &plan->base.base;
    set_inputs(plan, request);
    plan->relu = plan->base.relu;
    plan->base.adds = true;
    base->ignores_x = true;
    base->ignores_y = !plan->relu;
    base->y_over_x = plan->same_layout;
    base->dx_over_dy = true;
    return HPAC_OK;
}

/* ---- concat ---- */

static hpac_status concat_forward(cpu_plan *base, const hpac_exec_args *args)
{
    const merge_plan *plan = (const merge_plan *)base;
    size_t first = 0;
    for (size_t i = 0; i < plan->input_count; i++) {
        size_t channels = plan->inputs[i].shape.channels;
        hpac_cpu_move(cpu_device_of(base), slice_of(&plan->inputs[i], 0, input_of(args, i)),
                      slice_of(&base->output, first, args->y), channels, false);
        first += channels;
    }
    hpac_cpu_clear_padding(&base->output, args->y);
    return HPAC_OK;
}

static hpac_status concat_backward(cpu_plan *base, const hpac_exec_args *args)
{
    pass_gradients((const merge_plan *)base, args, true);
    return HPAC_OK;
}

/* That of the input with the most channels, blocked layouts before others: convolutions want them,
 * and blocks that stay whole are copied as they are. */
static hpac_layout concat_layout(const merge_plan *plan)
{
    const cpu_tensor *best = &plan->inputs[0];
    for (size_t i = 1; i < plan->input_count; i++) {
        const cpu_tensor *input = &plan->inputs[i];
        bool blocked = input->layout >= CPU_LAYOUT_NCHW8C;
        bool best_blocked = best->layout >= CPU_LAYOUT_NCHW8C;
        if (blocked > best_blocked ||
            (blocked == best_blocked && input->shape.channels > best->shape.channels))
            best = input;
    }
    return best->layout;
}

static hpac_status compute_nothing(cpu_plan *base, const hpac_exec_args *args)
{
    (void)base;
    (void)args;
    return HPAC_OK;
}

/* Whether the inputs lie one behind the other in the output, and in the same layout. */
static bool is_in_place(const merge_plan *plan, const hpac_plan_request *request)
{
    hpac_view output = request->output_view;
    size_t all = output.channels > 0 ? output.channels : plan->base.output.shape.channels;
    size_t first = output.first;
    for (size_t i = 0; i < plan->input_count; i++) {
        cpu_tensor input = plan->inputs[i];
        if (i == 0)
            input.view = request->input_view;
        else if (request->side_views)
            input.view = request->side_views[i - 1];
        bool fits = input.layout == CPU_LAYOUT_NHWC || hpac_cpu_has_whole_blocks(&input);
        if (!fits || input.view.channels != all || input.view.first != first ||
            input.layout != request->input_layout || plan->gradients[i] == HPAC_GRADIENT_ADDED)
            return false;
        first += input.shape.channels;
    }
    return !request->plain_output;
}

hpac_status hpac_cpu_try_concat(cpu_device *device, const hpac_plan_request *request,
                                cpu_plan **result)
{
    if (!hpac_plan_is_single(request, HPAC_OP_CONCAT))
        return HPAC_OK;
    HPAC_TRY(hpac_cpu_plan_alloc(device, request, sizeof(merge_plan), concat_forward,
                                 concat_backward, result));
    merge_plan *plan = (merge_plan *)*result;
    set_inputs(plan, request);
    hpac_cpu_plan_set_output(&plan->base, request->plain_output || request->ops[0].out.rank == 1
                                              ? HPAC_LAYOUT_PLAIN
                                              : concat_layout(plan));
    plan->base.adds = true;
    plan->base.base.ignores_x = plan->base.base.ignores_y = true;
    if (is_in_place(plan, request)) {
        plan->base.in_place = true;
        plan->base.forward = plan->base.backward = compute_nothing;
        hpac_cpu_plan_set_output(&plan->base, request->input_layout);
    }
    return HPAC_OK;
}
