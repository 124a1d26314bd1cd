/* What the plans of all devices share. */
#include "device/plan.h"

#include <stdio.h>

#define ALIGNMENT_NBYTES 256 /* of the slices in hpac_exec_args */

bool hpac_plan_is_chain(const hpac_plan_request *request, size_t count, const hpac_op_kind *kinds)
{
    if (request->op_count != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (request->ops[i].kind != kinds[i])
            return false;
    return true;
}

bool hpac_plan_is_single(const hpac_plan_request *request, hpac_op_kind kind)
{
    return hpac_plan_is_chain(request, 1, &kind);
}

bool hpac_plan_has_side_views(const hpac_plan_request *request)
{
    size_t sides = 0;
    for (size_t i = 0; i < request->op_count; i++)
        sides += request->ops[i].side_count;
    for (size_t i = 0; i < sides && request->side_views; i++)
        if (request->side_views[i].channels > 0)
            return true;
    return false;
}

bool hpac_plan_has_views(const hpac_plan_request *request)
{
    return request->input_view.channels > 0 || request->output_view.channels > 0 ||
           hpac_plan_has_side_views(request);
}

size_t hpac_plan_reserve(size_t *total_nbytes, size_t nbytes)
{
    size_t offset = *total_nbytes;
    *total_nbytes += (nbytes + ALIGNMENT_NBYTES - 1) / ALIGNMENT_NBYTES * ALIGNMENT_NBYTES;
    return offset;
}

void hpac_plan_name(const hpac_plan_request *request, char *name, size_t name_nbytes)
{
    const hpac_op *first = &request->ops[0], *last = &request->ops[request->op_count - 1];
    name[0] = name[name_nbytes - 1] = '\0';
    FILE *text = fmemopen(name, name_nbytes - 1, "w"); /* adds no NUL to text that is cut */
    if (!text)
        return;
    for (size_t i = 0; i < request->op_count; i++)
        fprintf(text, "%s%s", i ? "+" : "", hpac_op_name(request->ops[i].kind));
    fprintf(text, ", batch %zu, (%zu, %zu, %zu) to (%zu, %zu, %zu)", request->batch, first->in.rows,
            first->in.cols, first->in.channels, last->out.rows, last->out.cols, last->out.channels);
    if (first->kernel_rows > 0)
        fprintf(text, ", kernel %zu x %zu", first->kernel_rows, first->kernel_cols);
    fclose(text);
}
