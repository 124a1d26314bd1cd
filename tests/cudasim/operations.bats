# Bugs planted in copies of the kernels and plans, each of which the tests of the kernels
# (tests/cuda/kernels) or of the plans (tests/unit/test_cuda_joins.c) must find; the copies without
# one must pass.

bats_require_minimum_version 1.5.0

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    export CUDASIM=${CUDASIM:-$PWD/build/cudasim} HPAC_TEST_DEVICE=cuda
    unset "${!CUDASIM_@}" MAKEFLAGS MAKELEVEL
}

setup() { TMP=$BATS_TEST_TMPDIR; }

fail_with() {
    printf '%s\n--- exit code %s\n%s\n' "$1" "$status" "${output:0:2000}" >&2
    return 1
}

# plant FILE EDIT: a copy of the file below $TMP, changed by sed.
plant() {
    mkdir -p "$TMP/$(dirname "$1")"
    sed -E "$2" "$1" >"$TMP/$1"
    [[ -z $2 ]] || ! cmp -s "$1" "$TMP/$1" || { echo "$1 has nothing to change by: $2" >&2 && return 1; }
}

# kernels NAME EDIT: runs the tests of kernels/NAME.cuh on host builds of the edited copy.
kernels() {
    local host=tests/cudasim/host_kernels.cpp line name
    rm -rf "${TMP:?}"/* && mkdir -p "$TMP/kernels" "$TMP/tests/cudasim"
    cp kernels/*.cuh kernels/*.h "$TMP/kernels"
    plant "kernels/$1.cuh" "$2"
    { # the host builds of that file, and of what sets the step of dropout
        printf '#include "cuda_on_host.h"\n#include "../../kernels/%s.cuh"\n' "$1" step
        while IFS= read -r line; do
            name=${line#HOST_KERNEL(}
            ! grep -q "\\b${name%%[<)]*}(" "kernels/$1.cuh" kernels/step.cuh || echo "$line"
        done < <(grep '^HOST_KERNEL' "$host")
    } >"$TMP/$host"
    make -s faulty-kernels FAULTY="$TMP" WERROR=
    LD_LIBRARY_PATH=$TMP:$CUDASIM run timeout 300 build/tests/kernels --filter="kernel_$1/*"
}

# plans NAME EDIT: runs the tests of plans with an edited copy of src/device/cuda/NAME.c.
plans() {
    rm -rf "${TMP:?}"/*
    plant "src/device/cuda/$1.c" "$2"
    make -s faulty-device FAULTY="$TMP" WERROR=
    cp build/tests/unit "$TMP/unit"
    LD_LIBRARY_PATH=$CUDASIM run timeout 300 "$TMP/unit" --filter='cuda_joins/fp32_nchw'
}

# in_kernel, in_plan NAME EDIT: tests fail then.
in_kernel() {
    kernels "$@"
    [[ $status -eq 1 && ( $output == *"value "* || $output == *" is "* ) ]] || fail_with "not found: $*"
}

in_plan() {
    plans "$@"
    [[ $status -eq 1 && $output == *" is "* ]] || fail_with "not found: $*"
}

@test "without a bug the copies pass" {
    local name
    for name in norm join pointwise; do
        kernels "$name" ''
        [[ $status -eq 0 ]] || fail_with "kernels/$name.cuh"
    done
    for name in norm join side; do
        plans "$name" ''
        [[ $status -eq 0 ]] || fail_with "src/device/cuda/$name.c"
    done
}

@test "batch normalization: statistics along the wrong axis" {
    in_kernel norm 's/row < work\.rows;/row < work.pixels;/'
    in_kernel norm 's/item < work\.rows \/ COUNT/item < work.pixels \/ COUNT/'
}

@test "batch normalization: moving averages that do not move, or move in inference" {
    in_kernel norm 's/\(1 - momentum\) \* mean/0 * mean/'
    in_kernel norm 's/\(1 - momentum\) \* variance/0 * variance/'
    in_plan norm 's/args->training \&\& !plan->frozen_statistics/args->training/'
    in_plan norm 's/args->training \&\& !plan->frozen_statistics/!plan->frozen_statistics/'
}

@test "batch normalization: a variance that cancels, or is divided by one less" {
    in_kernel norm 's/value\.v\[i\] - first\.v\[i\]/value.v[i]/; s/mean \+= \(double\)widen.*/;/'
    in_kernel norm 's/square \/ \(double\)work\.rows/square \/ (double)(work.rows - 1)/'
}

@test "batch normalization: gradients through mean and variance, and ReLU, left out" {
    in_kernel norm 's/\(beta\.v\[i\] \+ hat \* gamma\.v\[i\]\)/beta.v[i]/'
    in_kernel norm 's/passed > 0\.0F \?/passed > -9.0F ?/'
}

@test "the gradient of a skip connection is dropped, or overwritten" {
    in_kernel norm 's/if \(dside\)/if (false)/'
    in_kernel norm 's/gradient, work\.add_dside/gradient, false/'
    in_kernel join 's/^    store_copy\(to\.second.*//'
    in_kernel join 's/aligned, to\.add_first/aligned, false/'
    in_plan norm 's/plan->has_side \? hpac_cuda_side_gradient.*;/NULL;/'
    in_plan join 's/list_gradient\(\&list, args->dx, base->adds_dx\)/list_gradient(\&list, args->dx, false)/'
}

@test "multiply: the factor of another image, a part of its gradient missing" {
    in_kernel join 's/at\.image \* work\.shape\.channels/0 * work.shape.channels/'
    in_kernel join 's/i < parts; i\+\+/i < 1; i++/'
}

@test "concat: a wrong offset" {
    in_kernel join 's/line\.quotient \* work\.from_line/line.quotient * work.to_line/'
    in_plan join 's/first \+= channels;/first += 1;/'
}

@test "activations, rescale, dropout of channels" {
    in_kernel pointwise 's/-0\.70710678F \* from/-0.5F * from/'
    in_kernel pointwise 's/from \* \(1\.0F - sigmoid\)/from * sigmoid/'
    in_kernel pointwise 's/PLANES \? 0 : i\);$/0);/'
    in_kernel pointwise 's/at\.image \* work\.shape\.channels \+ at\.channel/at.channel/'
}

@test "a plan lies about the memory that backward reads, or about layouts" {
    in_plan norm 's/ignores_x = .*;/ignores_x = true;/'
    in_plan norm 's/ignores_y = .*;/ignores_y = true;/'
    in_plan norm 's/y_over_x = .*;/y_over_x = true;/'
    in_plan join 's/ignores_y = !plan->relu;/ignores_y = true;/'
    in_plan side 's/has_planes\(\&side->outside\) != has_planes\(\&side->inside\)/false/'
}
