/* The self-check on a device that computes by the reference: it passes, and finds each fault. */
#include "doctor/selfcheck.h"

#include "naive_device.h"

#include <criterion/criterion.h>
#include <string.h>

/* The loss and the update are no operations. */
static bool is_stack(size_t index)
{
    static const char *const others[] = {"loss", "adadelta", "sgd", "adam"};
    bool found = true;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        found &= strncmp(hpac_selfcheck_name(index), others[i], strlen(others[i])) != 0;
    return found;
}

Test(selfcheck, passes_where_all_is_right)
{
    hpac_device *device = open_naive_device(NAIVE_NONE);
    for (size_t i = 0; i < hpac_selfcheck_count(); i++) {
        hpac_selfcheck_reading reading = {0};
        if (!is_stack(i))
            continue;
        cr_expect_eq(hpac_selfcheck_run(device, i, 1, &reading), HPAC_OK, "%s: %s",
                     hpac_selfcheck_name(i), hpac_error_message());
        cr_expect_eq(reading.declined, 0, "%s", hpac_selfcheck_name(i));
    }
    device->ops->close(device);
}

/* Cases with `part` in their names that fail. */
static size_t count_failures(naive_fault fault, const char *part)
{
    hpac_device *device = open_naive_device(fault);
    size_t failures = 0;
    for (size_t i = 0; i < hpac_selfcheck_count(); i++)
        if (strstr(hpac_selfcheck_name(i), part) && is_stack(i))
            failures += hpac_selfcheck_run(device, i, 1, NULL) == HPAC_ERR_NUMERIC;
    device->ops->close(device);
    return failures;
}

Test(selfcheck, finds_each_fault)
{
    static const struct {
        const char *part;
        size_t failures; /* at least */
    } expected[NAIVE_FAULT_COUNT] = {
        [NAIVE_STATISTICS_AXIS] = {"batch_norm", 6},
        [NAIVE_NO_MOVING_UPDATE] = {"batch_norm", 6},
        [NAIVE_MOVES_FROZEN] = {"batch_norm", 6},
        [NAIVE_BATCH_STATISTICS] = {"batch_norm", 6},
        [NAIVE_SIDE_GRADIENT_DROPPED] = {"add", 4},
        [NAIVE_CONCAT_OFFSET] = {"concat", 4},
        [NAIVE_PADDING_SIDE] = {"same", 6},
        [NAIVE_AVERAGE_OF_PADDING] = {"avgpool", 2},
        [NAIVE_ADDED_IS_WRITTEN] = {"conv2d", 20},
        [NAIVE_SIDE_IS_WRITTEN] = {"add", 4},
        [NAIVE_READS_IGNORED] = {"conv2d", 20},
        [NAIVE_UNWRITTEN] = {"batch_norm", 6},
        [NAIVE_UNBIASED_VARIANCE] = {"batch_norm", 6},
        [NAIVE_EPSILON_OUTSIDE] = {"batch_norm", 6},
        [NAIVE_MEAN_OF_SQUARES] = {"large mean", 1},
        [NAIVE_FIXED_STATISTICS] = {"batch_norm", 6},
        [NAIVE_TANH_GELU] = {"gelu", 3},
        [NAIVE_DILATION_IGNORED] = {"dilation", 2},
        [NAIVE_SPATIAL_BY_CHANNEL] = {"spatial", 1},
        [NAIVE_VIEW_OFFSET] = {"view", 13},
        [NAIVE_VIEW_SPILLS] = {"view", 13},
        [NAIVE_CONCAT_MOVES] = {"concat in place", 1},
    };
    for (naive_fault fault = NAIVE_NONE + 1; fault < NAIVE_FAULT_COUNT; fault++) {
        size_t failures = count_failures(fault, expected[fault].part);
        cr_expect_geq(failures, expected[fault].failures, "fault %d: %zu failures", (int)fault,
                      failures);
    }
}
