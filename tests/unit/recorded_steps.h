/*
 * Records the steps that a device gets, and their updates.
 *
 *     recorded_steps_start(device);           // wraps the open device's table of operations
 *     ... train ...
 *     cr_expect_eq(recorded_steps[2].step, 2);
 *     recorded_steps_stop(device);
 */
#ifndef RECORDED_STEPS_H
#define RECORDED_STEPS_H

#include <hpac/device.h>

#define RECORDED_STEPS_MAX 256
#define RECORDED_RANGES_MAX 8

/* The arguments of every set_step since the start; the first RECORDED_STEPS_MAX are kept. */
extern hpac_step recorded_steps[RECORDED_STEPS_MAX];
extern size_t recorded_step_count;

/* The argument of the first update, which no graph records, its optimizer and the first of its
 * ranges: addresses are only to be compared with NULL. */
extern hpac_update recorded_update;
extern hpac_optimizer recorded_optimizer;
extern hpac_update_range recorded_ranges[RECORDED_RANGES_MAX];

/* One device at a time. */
void recorded_steps_start(hpac_device *device);
void recorded_steps_stop(hpac_device *device);

#endif
