/* The device that HPAC_TEST_DEVICE names, else the CPU: tests of what every device must do take
 * that one. */
#ifndef TESTED_DEVICE_H
#define TESTED_DEVICE_H

#include <hpac/device.h>

/* Tensors without a batch. */
#define IMAGE(rows_, channels_)                                                                    \
    {                                                                                              \
        .rank = 3, .rows = (rows_), .cols = (rows_), .channels = (channels_)                       \
    }
#define VECTOR(length)                                                                             \
    {                                                                                              \
        .rank = 1, .rows = 1, .cols = 1, .channels = (length)                                      \
    }

const char *tested_device(void);
bool tested_device_is_cuda(void);
/* With the options given, but for the name. Fails the test if it does not open, and skips it on a
 * GPU that lacks the precision. */
hpac_device *open_tested_device(hpac_device_options options);
/* Whether the open CUDA device runs on the CUDA simulator: a symbol of its libcudart. NULL: on a
 * GPU. */
void *find_in_simulator(const char *symbol);

/* Whether the tested device is the CPU, and its operations compute with views: with AVX2, and in
 * the blocks of channels that convolutions of oneDNN 2 leave images in. Some of oneDNN 3 leave
 * NHWC, in which the CPU has no views. */
bool has_views_on_cpu(void);

/* ---- for tests of the CUDA device ---- */

/* Skips the test where the tested device is another. */
void need_cuda(void);
/* Sets a variable that only the simulator reads, when the device opens it. */
void set_for_simulator(const char *name, const char *value);
/* Closes the device and skips the test on a GPU. */
void need_simulator(hpac_device *device);
void assert_ok(hpac_status status);
/* The message of the last error contains `part`. */
void expect_message(const char *part);

#endif
