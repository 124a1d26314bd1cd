/* Layers that need no operation of their own: a batch norm is part of the convolution before it, in
 * predictions; zeros around an image are padding of the window behind them. */
#include "network_internal.h"

/* How often the outputs of a layer are read. */
static size_t count_readers(const hpac_network *network, size_t number)
{
    size_t readers = 0;
    for (size_t i = number + 1; i < network->options.layer_count; i++)
        for (size_t k = 0; k < hpac_layer_input_count(&network->layers[i]); k++)
            readers += hpac_layer_input(&network->layers[i], i, k) == number + 1;
    return readers;
}

bool network_folds_batch_norm(const hpac_network *network, size_t number)
{
    const hpac_layer *layer = &network->layers[number];
    size_t before = hpac_layer_input(layer, number, 0);
    if (network->options.training || network->options.unfused ||
        layer->kind != HPAC_LAYER_BATCH_NORM || before == 0)
        return false;
    const hpac_layer *convolution = &network->layers[before - 1];
    return count_readers(network, before - 1) == 1 &&
           convolution->activation == HPAC_ACTIVATION_LINEAR &&
           (convolution->kind == HPAC_LAYER_CONV2D ||
            convolution->kind == HPAC_LAYER_DEPTHWISE_CONV2D);
}

/* Every window has a pixel of the image: fewer zeros on each side than the window has pixels. */
static bool windows_reach_image(const hpac_layer *window, const hpac_layer *zeros)
{
    return window->padding == HPAC_PADDING_VALID && zeros->zeros[0] < window->kernel_rows &&
           zeros->zeros[1] < window->kernel_rows && zeros->zeros[2] < window->kernel_cols &&
           zeros->zeros[3] < window->kernel_cols;
}

/* The maximum of a window is the same with zeros as with padding if nothing in it is below zero;
 * and where a zero of the image is the maximum beside one of the padding, ReLU passes no gradient
 * on. */
static bool folds_into_maxpool(const hpac_network *network, size_t op)
{
    hpac_op_kind kind = network->ops[op].kind;
    return kind == HPAC_OP_RELU || kind == HPAC_OP_RELU6;
}

bool network_folds_zeros(const hpac_network *network, size_t number)
{
    const hpac_layer *layer = &network->layers[number];
    size_t before = hpac_layer_input(layer, number, 0), reader = number + 1;
    if (network->options.unfused || layer->kind != HPAC_LAYER_ZERO_PAD ||
        count_readers(network, number) != 1)
        return false;
    while (hpac_layer_input(&network->layers[reader], reader, 0) != number + 1)
        if (++reader == network->options.layer_count)
            return false; /* it is a further input of one */
    const hpac_layer *window = &network->layers[reader];
    if (!windows_reach_image(window, layer))
        return false;
    return window->kind == HPAC_LAYER_CONV2D || window->kind == HPAC_LAYER_DEPTHWISE_CONV2D ||
           (window->kind == HPAC_LAYER_MAXPOOL && before > 0 &&
            folds_into_maxpool(network, network->outputs[before - 1]));
}

void network_take_zeros(const hpac_layer *zeros, hpac_op *op)
{
    op->pad_top += zeros->zeros[0];
    op->pad_bottom += zeros->zeros[1];
    op->pad_left += zeros->zeros[2];
    op->pad_right += zeros->zeros[3];
    op->in.rows -= zeros->zeros[0] + zeros->zeros[1];
    op->in.cols -= zeros->zeros[2] + zeros->zeros[3];
}
