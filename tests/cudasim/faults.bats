# Planted bugs, each of which the CUDA simulator must catch; the same program without the bug must pass in
# every mode. A fault that is not caught is a defect of the simulator.
#
#   CUDASIM=DIRECTORY bats tests/cudasim/faults.bats     (default: build/cudasim)

bats_require_minimum_version 1.5.0

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    export CUDASIM=${CUDASIM:-$PWD/build/cudasim}
    export LD_LIBRARY_PATH=$CUDASIM${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    unset "${!CUDASIM_@}"
}

fail_with() {
    printf '%s\n--- exit code %s\n%s\n' "$1" "$status" "$output" >&2
    return 1
}

# faults NAME [planted]: sets $status and $output, of both streams.
faults() {
    run timeout 60 "$CUDASIM/faults" "$@"
}

# Without its bug, in every order: it prints nothing, and its result is right.
clean() {
    local name=$1 order
    for order in CUDASIM_MODE=lazy CUDASIM_MODE=eager CUDASIM_REVERSE=1 \
        "CUDASIM_MODE=random CUDASIM_SEED="{1,2,3,4,5}; do
        # shellcheck disable=SC2086
        run env $order timeout 60 "$CUDASIM/faults" "$name"
        [[ $status -eq 0 && -z $output ]] || fail_with "$name without a bug, $order"
    done
}

# reported NAME TEXT: the simulator ends the program and prints TEXT.
reported() {
    clean "$1"
    faults "$1" planted
    [[ $status -eq 97 && $output == *"cudasim: "*"$2"* ]] || fail_with "$1, planted: no '$2'"
}

# leaked NAME TEXT: the program ends, and the simulator finds what it left behind.
leaked() {
    clean "$1"
    faults "$1" planted
    [[ $status -eq 96 && $output == *"LEAK: "*"$2"* ]] || fail_with "$1, planted: no '$2'"
}

# refused NAME ERROR: a call returns the real runtime's error.
refused() {
    clean "$1"
    faults "$1" planted
    [[ $status -eq 4 && $output == "$2: "* ]] || fail_with "$1, planted: no $2"
}

# wrong NAME: the result is wrong, in lazy mode every time.
wrong() {
    clean "$1"
    wrong_so "$1" CUDASIM_MODE=lazy
}

# wrong_so NAME VARIABLE=VALUE...: the result is wrong in that order.
wrong_so() {
    local name=$1
    shift
    run env "$@" timeout 60 "$CUDASIM/faults" "$name" planted
    [[ $status -eq 1 && $output == *"wrong result"* ]] || fail_with "$name, planted, $*: right"
}

# wrong_by_seed NAME: of 30 seeds, at least a quarter give a wrong result.
wrong_by_seed() {
    local seed caught=0
    for seed in {1..30}; do
        run env CUDASIM_MODE=random CUDASIM_SEED="$seed" "$CUDASIM/faults" "$1" planted
        [[ $status -le 1 ]] || fail_with "$1, planted, seed $seed"
        caught=$((caught + status))
    done
    [[ $caught -ge 8 ]] || fail_with "$1: only $caught of 30 seeds show it"
}

# ---- memory ------------------------------------------------------------------------------------

@test "the host touches device memory" {
    reported host_reads "the host touched device memory"
    reported host_writes "the host touched device memory"
}

@test "a kernel goes out of bounds" {
    reported past_end "0 bytes past the end of the 4096 bytes"
    reported past_end "in kernel fill, block (4,0,0), thread (0,0,0)"
    reported reads_past_end "0 bytes past the end of the 4096 bytes"
    reported before_start "4 bytes before the 4096 bytes"
    reported far_past_end "4096 bytes past the end of the 4096 bytes"
}

@test "a kernel writes beside a block that fills no page" {
    reported past_odd_end "written by write_at"
    reported before_odd_start "written by write_at"
}

@test "memory is used after it was freed" {
    reported after_free "of the freed 4096 bytes"
    reported pinned_after_free "of the freed 4096 bytes"
}

@test "the host goes out of bounds of pinned memory" {
    reported pinned_past_end "pinned memory out of bounds"
}

@test "memory is freed twice, in the middle, or by the wrong function" {
    reported double_free "cudaFree: freed twice"
    reported double_free_pinned "cudaFreeHost: freed twice"
    reported free_inside "not the start of a block"
    reported free_of_wrong_kind "not the start of a block of device memory"
}

@test "a kernel is given an address of the host" {
    reported host_address "kernel add, argument 2: no live device memory"
    reported pinned_address "kernel add, argument 1: no live device memory"
    reported host_in_struct "kernel fill, argument 1: no live device memory"
}

@test "a copy runs past a block's end, or the wrong way" {
    reported copy_past_end "the destination of a copy: 4096 bytes wanted"
    reported copy_past_pinned_end "run past the end"
    reported memset_past_end "the destination of cudaMemsetAsync"
    reported copy_direction "a copy to the host was given a device address"
}

@test "an asynchronous copy is given memory that is not pinned" {
    reported pageable_copy "is not pinned"
}

@test "memory is read that was never written" {
    wrong uninitialized
    [[ $output == *nan* ]]
}

@test "memory runs out" {
    CUDASIM_MEMORY_MIB=1 refused memory_limit cudaErrorMemoryAllocation
}

@test "something is not given back" {
    leaked leaked_memory "1000 bytes of device memory"
    leaked leaked_pinned "1000 bytes of pinned memory"
    leaked leaked_stream "1 streams"
    leaked leaked_event "1 events"
    leaked leaked_graph "1 graphs"
    leaked leaked_executable "1 instantiated graphs"
    CUDASIM_ABORT=1 faults leaked_memory planted
    [[ $status -eq 134 && $output == *LEAK* ]] || fail_with "leaked_memory: no SIGABRT"
}

# ---- order -------------------------------------------------------------------------------------

@test "a stream does not wait for another" {
    wrong missing_wait
    wrong_by_seed missing_wait
    wrong recorded_too_early
    wrong overwritten_too_early
    wrong_by_seed overwritten_too_early
}

@test "the host does not wait for a stream" {
    wrong missing_synchronize
    wrong_by_seed missing_synchronize
    wrong reused_too_early
    wrong_by_seed reused_too_early
    wrong blocking_copy
}

@test "an operation names no stream, or a destroyed one" {
    reported null_stream_kernel "on the NULL stream"
    reported null_stream_copy "on the NULL stream"
    reported null_stream_memset "on the NULL stream"
    reported destroyed_stream "is no living stream"
    reported destroyed_event "the event was destroyed"
}

@test "an event is awaited that was never recorded: a fault only where that is asked" {
    clean never_recorded
    faults never_recorded planted
    [[ $status -eq 0 ]] || fail_with "never_recorded: it counts as passed"
    CUDASIM_STRICT=1 reported never_recorded "never recorded"
}

@test "a time is asked of an event that keeps none, or has not passed" {
    refused untimed_event cudaErrorInvalidResourceHandle
    refused time_too_early cudaErrorNotReady
}

# ---- threads -----------------------------------------------------------------------------------

@test "a __syncthreads() is missing" {
    wrong missing_barrier
    wrong_so missing_barrier CUDASIM_REVERSE=1
    wrong missing_second_barrier
    wrong_so missing_second_barrier CUDASIM_REVERSE=1
}

@test "not all threads come to the same __syncthreads()" {
    reported barrier_after_return "the thread ended while 11 others wait"
    reported barrier_in_branch "the thread ended while 10 others wait"
    reported barrier_in_two_lines "while 32 threads wait at the one in line"
    CUDASIM_REVERSE=1 reported barrier_after_return "have ended"
}

@test "lanes of a warp do not come together" {
    reported warp_lane_returns "names lane 5, which has ended"
    reported warp_half_comes "wait for each other in lines"
    reported warp_not_in_mask "is not in its own mask"
    reported warp_source_not_in_mask "reads lane 20, which is not in mask"
    reported warp_barrier_inside "waits at __syncthreads()"
    reported warp_short_block "names lanes beyond the block's 40 threads"
}

@test "shared memory is left by an index" {
    reported shared_index "index 8 is out of bounds of 'float [8]'"
    reported dynamic_index "shared memory out of bounds"
    reported missing_dynamic "shared memory out of bounds"
}

@test "a load is not aligned" {
    reported misaligned_load "misaligned for 'const struct float4'"
}

@test "a result depends on the order of blocks or threads" {
    clean order_of_blocks
    wrong_so order_of_blocks CUDASIM_REVERSE=1
    clean order_of_threads
    wrong_so order_of_threads CUDASIM_REVERSE=1
}

# ---- launches ----------------------------------------------------------------------------------

@test "a launch asks for what no GPU has" {
    refused too_many_threads cudaErrorInvalidConfiguration
    refused no_blocks cudaErrorInvalidConfiguration
    refused no_threads cudaErrorInvalidConfiguration
    refused too_much_shared cudaErrorInvalidValue
}

@test "a kernel has no host build" {
    reported missing_host_build "has no host build"
}

@test "a kernel fails: every call from then on gives its error, and nothing leaks" {
    clean sticky_error
    CUDASIM_FAIL_KERNEL=2 faults sticky_error
    [[ $status -eq 4 && $output == "cudaErrorIllegalAddress: "* ]] || fail_with "no sticky error"
    [[ $output != *LEAK* ]] || fail_with "what is freed after a sticky error is freed"
}

# ---- graphs ------------------------------------------------------------------------------------

@test "a capture contains what must not be in one" {
    refused capture_synchronize cudaErrorStreamCaptureUnsupported
    refused capture_device_synchronize cudaErrorStreamCaptureUnsupported
    refused capture_malloc cudaErrorStreamCaptureUnsupported
    refused capture_free cudaErrorStreamCaptureUnsupported
    refused capture_pageable cudaErrorStreamCaptureUnsupported
    refused capture_blocking_copy cudaErrorStreamCaptureUnsupported
    refused capture_old_event cudaErrorStreamCaptureIsolation
    refused capture_event_synchronize cudaErrorCapturedEvent
    refused capture_merge cudaErrorStreamCaptureMerge
}

@test "a capture ends before its fork has joined, or in another stream" {
    refused capture_unjoined cudaErrorStreamCaptureUnjoined
    refused capture_wrong_end cudaErrorStreamCaptureUnmatched
    refused capture_event_afterwards cudaErrorCapturedEvent
}

@test "a graph replays what was captured, not what has changed since" {
    wrong frozen_argument
    wrong fork_too_late
    reported graph_of_freed_memory "of the freed 4096 bytes"
}

@test "the counters count what a graph contains" {
    clean counters
    faults counters planted
    [[ $status -eq 1 ]] || fail_with "counters: three launches counted as two"
}

@test "every case is run by a test here" {
    local name
    faults
    for name in $output; do
        grep -q "\\<$name\\>" "$BATS_TEST_FILENAME" || fail_with "no test of $name"
    done
}
