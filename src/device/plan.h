/*
 * What the plans of all devices share: which op chain a request is, slices of arenas, names for
 * messages. libhpac_cuda.so finds these functions in the program that loads it.
 */
#ifndef HPAC_DEVICE_PLAN_H
#define HPAC_DEVICE_PLAN_H

#include <hpac/device.h>

/* Whether the request is exactly this op chain. */
bool hpac_plan_is_chain(const hpac_plan_request *request, size_t count, const hpac_op_kind *kinds);
bool hpac_plan_is_single(const hpac_plan_request *request, hpac_op_kind kind);

/* Whether an input or the output lies in a wider image; whether a further input does. */
bool hpac_plan_has_views(const hpac_plan_request *request);
bool hpac_plan_has_side_views(const hpac_plan_request *request);

/* Reserves a slice of an arena, or a piece of workspace or state, and returns its offset, a
 * multiple of 256 bytes. */
size_t hpac_plan_reserve(size_t *total_nbytes, size_t nbytes);

/* "conv2d+relu, batch 4, (8, 8, 3) to (6, 6, 16), kernel 3 x 3", cut to fit. */
void hpac_plan_name(const hpac_plan_request *request, char *name, size_t name_nbytes);

#endif
