/*
 * The functions of the layer table's rows (layer_table.h): hpac_layer_row.complete of each kind of
 * layer, and hpac_layer_row.tensors of those with weights.
 */
#ifndef HPAC_NET_LAYER_OPS_H
#define HPAC_NET_LAYER_OPS_H

#include <hpac/layer.h>

/* Of convolutions and pooling: window, strides, padding and the output's rows and cols. */
hpac_status hpac_complete_window(const hpac_layer *layer, hpac_op *op);
hpac_status hpac_complete_conv2d(const hpac_layer *layer, hpac_op *op);
hpac_status hpac_complete_depthwise_conv2d(const hpac_layer *layer, hpac_op *op);
hpac_status hpac_complete_dropout(const hpac_layer *layer, hpac_op *op);
hpac_status hpac_complete_flatten(const hpac_layer *layer, hpac_op *op);
hpac_status hpac_complete_reshape(const hpac_layer *layer, hpac_op *op);
hpac_status hpac_complete_dense(const hpac_layer *layer, hpac_op *op);
hpac_status hpac_complete_global_pool(const hpac_layer *layer, hpac_op *op);
hpac_status hpac_complete_zero_pad(const hpac_layer *layer, hpac_op *op);
hpac_status hpac_complete_batch_norm(const hpac_layer *layer, hpac_op *op);
hpac_status hpac_complete_rescale(const hpac_layer *layer, hpac_op *op);
hpac_status hpac_complete_add(const hpac_layer *layer, hpac_op *op);
hpac_status hpac_complete_multiply(const hpac_layer *layer, hpac_op *op);
hpac_status hpac_complete_concat(const hpac_layer *layer, hpac_op *op);

void hpac_conv2d_tensors(const hpac_layer *layer, hpac_shape in,
                         hpac_tensor tensors[HPAC_ROLE_COUNT]);
void hpac_depthwise_conv2d_tensors(const hpac_layer *layer, hpac_shape in,
                                   hpac_tensor tensors[HPAC_ROLE_COUNT]);
void hpac_dense_tensors(const hpac_layer *layer, hpac_shape in,
                        hpac_tensor tensors[HPAC_ROLE_COUNT]);
void hpac_batch_norm_tensors(const hpac_layer *layer, hpac_shape in,
                             hpac_tensor tensors[HPAC_ROLE_COUNT]);

#endif
