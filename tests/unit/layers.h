/*
 * Layers of networks for tests:
 *
 *     static const hpac_layer layers[] = {CONV2D(16), MAXPOOL, FLATTEN, DENSE(64), OUTPUT(28)};
 */
#ifndef HPAC_TESTS_LAYERS_H
#define HPAC_TESTS_LAYERS_H

#include <hpac/layer.h>

/* clang-format off */
/* 3x3, with ReLU. */
#define CONV2D(outputs)                                                                            \
    {.kind = HPAC_LAYER_CONV2D, .filters = (outputs), .kernel_rows = 3, .kernel_cols = 3,          \
     .activation = HPAC_ACTIVATION_RELU}
#define SAME_CONV2D(outputs)                                                                       \
    {.kind = HPAC_LAYER_CONV2D, .filters = (outputs), .kernel_rows = 3, .kernel_cols = 3,          \
     .padding = HPAC_PADDING_SAME, .activation = HPAC_ACTIVATION_RELU}
#define MAXPOOL {.kind = HPAC_LAYER_MAXPOOL, .kernel_rows = 2, .kernel_cols = 2}
#define DROPOUT(share) {.kind = HPAC_LAYER_DROPOUT, .rate = (share)}
#define FLATTEN {.kind = HPAC_LAYER_FLATTEN}
#define DENSE(outputs)                                                                             \
    {.kind = HPAC_LAYER_DENSE, .units = (outputs), .activation = HPAC_ACTIVATION_RELU}
#define OUTPUT(classes)                                                                            \
    {.kind = HPAC_LAYER_DENSE, .units = (classes), .activation = HPAC_ACTIVATION_SIGMOID}
/* clang-format on */

#endif
