/* The tables of the start: layers, plans, memory. */
#include "network_internal.h"

#include <string.h>

static void print_layer(const hpac_network *network, int number, hpac_shape in, FILE *stream)
{
    const hpac_layer *layer = &network->layers[number];
    hpac_shape out = network->shapes[number];
    char options[48] = "", shape[48];
    switch (layer->kind) {
    case HPAC_LAYER_CONV2D:
        snprintf(options, sizeof options, "%d of %dx%d", layer->filters, layer->kernel_rows,
                 layer->kernel_cols);
        break;
    case HPAC_LAYER_MAXPOOL:
        snprintf(options, sizeof options, "%dx%d", layer->kernel_rows, layer->kernel_cols);
        break;
    case HPAC_LAYER_DROPOUT:
        snprintf(options, sizeof options, "%g", (double)layer->rate);
        break;
    default:
        break;
    }
    static const char *const activations[] = {"", " relu", " sigmoid"};
    bool named = layer->kind == HPAC_LAYER_CONV2D || layer->kind == HPAC_LAYER_DENSE;
    snprintf(options + strlen(options), sizeof options - strlen(options), "%s",
             named ? activations[layer->activation] : "");
    if (out.rank == 3)
        snprintf(shape, sizeof shape, "%d x %d x %d", out.rows, out.cols, out.channels);
    else
        snprintf(shape, sizeof shape, "%d", out.channels);
    fprintf(stream, "  %2d  %-9s %-18s %-18s %10zu\n", number + 1, hpac_layer_name(layer),
            options[0] == ' ' ? options + 1 : options, shape,
            hpac_layer_kernel_count(layer, in) + hpac_layer_bias_count(layer));
}

static const char *op_name(hpac_op_kind kind)
{
    static const char *const names[] = {
        [HPAC_OP_PIXELS] = "pixels",   [HPAC_OP_CONV2D] = "conv2d",   [HPAC_OP_MAXPOOL] = "maxpool",
        [HPAC_OP_DENSE] = "dense",     [HPAC_OP_RELU] = "relu",       [HPAC_OP_SIGMOID] = "sigmoid",
        [HPAC_OP_DROPOUT] = "dropout", [HPAC_OP_FLATTEN] = "flatten",
    };
    return names[kind];
}

static void print_stage(const hpac_network *network, const network_stage *stage, FILE *stream)
{
    fputs("  ", stream);
    for (int i = 0; i < stage->op_count; i++)
        fprintf(stream, "%s%s", i > 0 ? " + " : "",
                op_name(network->ops[stage->first_op + i].kind));
    fprintf(stream, "%s%s%s\n", stage->plan->updates_parameters ? " + adadelta" : "",
            *stage->plan->algorithm ? ": " : "", stage->plan->algorithm);
}

static double mib(size_t nbytes)
{
    return (double)nbytes / 0x1p20;
}

void hpac_network_print(const hpac_network *network, FILE *stream)
{
    hpac_shape in = network_input_shape(network);
    fprintf(stream, "model: input %d x %d x %d\n", in.rows, in.cols, in.channels);
    fprintf(stream, "      layer     options            output             parameters\n");
    for (int i = 0; i < network->options.layer_count; i++) {
        print_layer(network, i, in, stream);
        in = network->shapes[i];
    }
    fprintf(stream, "  %62zu in all\n", hpac_network_parameter_count(network));
    fprintf(stream, "plans:\n");
    for (int i = 0; i < network->stage_count; i++)
        print_stage(network, &network->stages[i], stream);
    hpac_memory_plan plan = hpac_network_memory_plan(network);
    fprintf(stream,
            "memory, MiB: activations %.1f, gradients %.1f, parameters %.1f, optimizer %.1f, "
            "workspace %.1f, batches %.1f\n",
            mib(plan.activations), mib(plan.gradients), mib(plan.parameters), mib(plan.optimizer),
            mib(plan.workspace), mib(plan.batches));
}
