/* Threads of a block: what they wait for, where they reach, in which order they may come. */
#include "faults.h"

/* Uploads 0, 1, 2, ..., one for each thread. */
static int upload(const fixture *with)
{
    TRY(cudaMemcpyAsync(with->device, with->pinned, FAULT_THREADS * sizeof(float),
                        cudaMemcpyHostToDevice, with->compute));
    return 0;
}

static int compare(const fixture *with, float expected, float slope)
{
    int failed = fault_download(with, with->device, FAULT_THREADS);
    return failed != 0 ? failed : fault_compare(with, expected, slope, FAULT_THREADS);
}

static int missing_barrier(const fixture *with, bool planted)
{
    int failed = upload(with);
    if (failed == 0)
        TRY(fault_turn(with->device, !planted, with->compute));
    return failed != 0 ? failed : compare(with, FAULT_THREADS - 1, -1.0f);
}

static int missing_second_barrier(const fixture *with, bool planted)
{
    int failed = upload(with);
    if (failed == 0)
        TRY(fault_sum_rounds(with->device, !planted, with->compute));
    return failed != 0 ? failed : compare(with, 3.0f * FAULT_THREADS * (FAULT_THREADS - 1) / 2, 0);
}

static int barrier(const fixture *with, fault_barrier fault)
{
    TRY(fault_barriers(with->device, fault, with->compute));
    return compare(with, 1.0f, 0.0f);
}

static int barrier_after_return(const fixture *with, bool planted)
{
    return barrier(with, planted ? BARRIER_AFTER_RETURN : BARRIER_RIGHT);
}

static int barrier_in_branch(const fixture *with, bool planted)
{
    return barrier(with, planted ? BARRIER_IN_BRANCH : BARRIER_RIGHT);
}

static int barrier_in_two_lines(const fixture *with, bool planted)
{
    return barrier(with, planted ? BARRIER_IN_TWO_LINES : BARRIER_RIGHT);
}

static int warp(const fixture *with, fault_warp fault)
{
    TRY(fault_fill(with->device, 1.0f, FAULT_THREADS, with->compute));
    TRY(fault_warp_sums(with->device, fault, FAULT_THREADS, with->compute));
    return compare(with, 32.0f, 0.0f);
}

static int warp_lane_returns(const fixture *with, bool planted)
{
    return warp(with, planted ? WARP_LANE_RETURNS : WARP_RIGHT);
}

static int warp_half_comes(const fixture *with, bool planted)
{
    return warp(with, planted ? WARP_HALF_COMES : WARP_RIGHT);
}

static int warp_not_in_mask(const fixture *with, bool planted)
{
    return warp(with, planted ? WARP_NOT_IN_MASK : WARP_RIGHT);
}

static int warp_source_not_in_mask(const fixture *with, bool planted)
{
    return warp(with, planted ? WARP_SOURCE_NOT_IN_MASK : WARP_RIGHT);
}

static int warp_barrier_inside(const fixture *with, bool planted)
{
    return warp(with, planted ? WARP_BARRIER_INSIDE : WARP_RIGHT);
}

/* A full mask in a warp that the block does not fill. */
static int warp_short_block(const fixture *with, bool planted)
{
    TRY(fault_fill(with->device, 1.0f, FAULT_THREADS, with->compute));
    TRY(fault_warp_sums(with->device, WARP_RIGHT, planted ? 40 : 32, with->compute));
    int failed = fault_download(with, with->device, 32);
    return failed != 0 ? failed : fault_compare(with, 32.0f, 0.0f, 32);
}

static int shared_index(const fixture *with, bool planted)
{
    TRY(fault_shared_index(with->device, planted ? 8 : 7, with->compute));
    return compare(with, 0.0f, 0.0f);
}

static int dynamic_index(const fixture *with, bool planted)
{
    TRY(fault_dynamic_index(with->device, planted ? 64 : 63, 64 * sizeof(float), with->compute));
    int failed = fault_download(with, with->device, 1);
    return failed != 0 ? failed : fault_compare(with, 1.0f, 0.0f, 1);
}

static int missing_dynamic(const fixture *with, bool planted)
{
    TRY(fault_dynamic_index(with->device, 0, planted ? 0 : sizeof(float), with->compute));
    int failed = fault_download(with, with->device, 1);
    return failed != 0 ? failed : fault_compare(with, 1.0f, 0.0f, 1);
}

static int misaligned_load(const fixture *with, bool planted)
{
    TRY(fault_load_four(with->device, with->second + (planted ? 1 : 4), with->compute));
    return compare(with, 0.0f, 0.0f);
}

static int order_of_blocks(const fixture *with, bool planted)
{
    TRY(fault_after_block(with->device, !planted, with->compute));
    return compare(with, 1.0f, 0.0f);
}

static int order_of_threads(const fixture *with, bool planted)
{
    TRY(fault_after_thread(with->device, !planted, with->compute));
    return compare(with, 1.0f, 0.0f);
}

const fault_case block_cases[] = {
    {"missing_barrier", missing_barrier},
    {"missing_second_barrier", missing_second_barrier},
    {"barrier_after_return", barrier_after_return},
    {"barrier_in_branch", barrier_in_branch},
    {"barrier_in_two_lines", barrier_in_two_lines},
    {"warp_lane_returns", warp_lane_returns},
    {"warp_half_comes", warp_half_comes},
    {"warp_not_in_mask", warp_not_in_mask},
    {"warp_source_not_in_mask", warp_source_not_in_mask},
    {"warp_barrier_inside", warp_barrier_inside},
    {"warp_short_block", warp_short_block},
    {"shared_index", shared_index},
    {"dynamic_index", dynamic_index},
    {"missing_dynamic", missing_dynamic},
    {"misaligned_load", misaligned_load},
    {"order_of_blocks", order_of_blocks},
    {"order_of_threads", order_of_threads},
    {NULL, NULL},
};
