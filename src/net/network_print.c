/* The tables of the start: layers, plans, memory. */
#include "network_internal.h"

#include <string.h>

static void print_stage(const hpac_network *network, const network_stage *stage, FILE *stream)
{
    fputs("  ", stream);
    for (size_t i = 0; i < stage->op_count; i++)
        fprintf(stream, "%s%s", i > 0 ? " + " : "",
                hpac_op_name(network->ops[stage->first_op + i].kind));
    fprintf(stream, "%s%s%s\n", stage->plan->updates_parameters ? " + adadelta" : "",
            *stage->plan->algorithm ? ": " : "", stage->plan->algorithm);
}

static double mib(size_t nbytes)
{
    return (double)nbytes / 0x1p20;
}

void hpac_network_print(const hpac_network *network, FILE *stream)
{
    hpac_layers_print(network->layers, network->options.layer_count, network_input_shape(network),
                      stream);
    fprintf(stream, "plans:\n");
    for (size_t i = 0; i < network->stage_count; i++)
        print_stage(network, &network->stages[i], stream);
    hpac_memory_plan plan = hpac_network_memory_plan(network);
    fprintf(stream,
            "memory, MiB: activations %.1f, gradients %.1f, parameters %.1f, optimizer %.1f, "
            "workspace %.1f, batches %.1f\n",
            mib(plan.activations), mib(plan.gradients), mib(plan.parameters), mib(plan.optimizer),
            mib(plan.workspace), mib(plan.batches));
}
