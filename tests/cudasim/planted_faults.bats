# Bugs planted in hpac's own kernels and in the plans that call them (planted_faults.txt), each of which the tests
# of the CUDA device's operations (tests/unit) or of its kernels (tests/cuda/kernels) must catch; without one they
# pass.
#
#   bats tests/cudasim/planted_faults.bats

bats_require_minimum_version 1.5.0

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    export CUDASIM=${CUDASIM:-$PWD/build/cudasim} HPAC_TEST_DEVICE=cuda
    export LD_LIBRARY_PATH=$CUDASIM/planted:$CUDASIM${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    unset "${!CUDASIM_@}"
    cp build/tests/unit "$CUDASIM/planted/" # which looks for libhpac_cuda.so beside itself
}

# check FILE: runs the tests of a kernel or a plan, in float32 alone.
check() {
    local unit=$CUDASIM/planted/unit name=${1##*/}
    case $name in
    conv2d.c) run timeout 300 "$unit" --filter 'cuda_windows/fp32_nchw' ;;
    *.c) run timeout 300 "$unit" --filter 'cuda_joins/@(fp32_nchw|a_concat_*)' ;;
    pieces.cuh) run timeout 300 build/tests/kernels --filter 'kernel_norm/*' ;;
    norm.cuh | join.cuh | pointwise.cuh) run timeout 300 build/tests/kernels --filter "kernel_${name%.cuh}/*" ;;
    update.cuh) run timeout 300 "$unit" --filter 'update/*' ;;
    step.cuh) run timeout 300 "$unit" --filter 'losses/*' ;;
    *) run timeout 300 "$unit" --filter 'cuda_windows/fp32_*' ;;
    esac
}

@test "kernels and plans without a bug" {
    local name
    for name in norm.c conv2d.c norm.cuh join.cuh pointwise.cuh update.cuh step.cuh window.cuh; do
        check "$name"
        [[ $status -eq 0 && $output != *"Passing: 0"* ]] || { echo "$name: $output" >&2 && return 1; }
    done
}

@test "each planted bug is caught" {
    local number=0 file original planted what
    while IFS='|' read -r file original planted what; do
        [[ $file != [#+]* ]] || continue
        CUDASIM_FAULT=$((number += 1)) check "$file"
        [[ $status -eq 1 && $output == *"Failing: "[1-9]*"Crashing: 0"* ]] || {
            echo "fault $number of $file is not caught: $what ($original: $planted), status $status" >&2
            return 1
        }
    done <tests/cudasim/planted_faults.txt
}
