# Planted bugs of hpac's own kernels (kernel_faults.txt), each of which the tests of the CUDA device's operations
# must catch; without one they pass.
#
#   bats tests/cudasim/kernel_faults.bats

bats_require_minimum_version 1.5.0

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    export CUDASIM=${CUDASIM:-$PWD/build/cudasim} HPAC_TEST_DEVICE=cuda
    export LD_LIBRARY_PATH=$CUDASIM/kernel_faults:$CUDASIM${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    unset "${!CUDASIM_@}"
}

# In float32 alone, in both layouts.
check_operations() {
    run timeout 300 build/tests/unit --filter 'cuda_windows/fp32_*'
}

@test "kernels without a bug" {
    check_operations
    [[ $status -eq 0 && $output == *"Passing: 2"* ]]
}

@test "each planted bug is caught" {
    local number file original planted what
    while IFS='|' read -r number file original planted what; do
        [[ $number != '#'* ]] || continue
        CUDASIM_KERNEL_FAULT=$number check_operations
        [[ $status -ne 0 && $output == *"Tested: 2"* ]] || {
            echo "fault $number of $file is not caught: $what ($original: $planted)" >&2
            return 1
        }
    done <tests/cudasim/kernel_faults.txt
}
