# What a newcomer types, and what continuous integration relies on.
load helpers

# The tools start a make of their own, which must not inherit ours.
tool() {
    run --separate-stderr env -u MAKEFLAGS -u MAKELEVEL -u HPAC_REQUIRE_CUDA "$@"
}

@test "make does nothing when nothing changed, and all when the flags did" {
    tool make
    assert_exit 0
    tool make
    assert_exit 0
    assert_no_output
    tool make -n OPT=-O2
    assert_output_has "-c -o build/obj/src/base/status.o"
}

@test "make help lists the targets" {
    tool make help
    assert_exit 0
    assert_output_has "make test"
    assert_output_has "make install"
}

@test "bootstrap tells what it can do, and refuses the rest" {
    tool tools/bootstrap --help
    assert_exit 0
    assert_output_has "tools/bootstrap demo"
    tool tools/bootstrap everything
    assert_exit 2
    assert_error_has "tools/bootstrap demo"
    tool tools/bootstrap
    assert_exit 2
}

@test "without CUDA its tests are skipped and counted; where it is required they fail" {
    mkdir "$TMP/empty"
    tool env CUDA_HOME="$TMP/empty" tools/run-tests cuda
    assert_exit 1 # nothing passed
    [[ ${lines[-1]} == "0 passed, 0 failed, 2 skipped" ]] || fail_with "expected 2 skipped"
    tool env CUDA_HOME="$TMP/empty" HPAC_REQUIRE_CUDA=1 tools/run-tests cuda
    assert_exit 1
    [[ ${lines[-1]} == "0 passed, 2 failed, 0 skipped" ]] || fail_with "expected 2 failed"
}

@test "find-cuda says what is missing" {
    mkdir -p "$TMP/half/bin"
    printf '#!/bin/sh\n' >"$TMP/half/bin/nvcc"
    chmod +x "$TMP/half/bin/nvcc"
    tool env CUDA_HOME="$TMP/half" tools/find-cuda
    assert_exit 1
    assert_no_output
    assert_error_has "$TMP/half: no"
}

@test "CUDA_ARCHS names compute capabilities that nvcc knows" {
    tools/find-cuda >/dev/null || skip "no CUDA"
    tool make -n CUDA_ARCHS="90 12345"
    assert_exit 2
    assert_error_has "cannot build for 12345. It knows: "
    tool make -n BUILD="$TMP/build" CUDA_ARCHS=90
    assert_exit 0
    assert_output_has "code=sm_90 "
    assert_output_has "code=compute_90 "
    refute_output_has "code=sm_75"
    tool make -n BUILD="$TMP/build" CUDA_ARCHS=
    assert_output_has "code=sm_75 "
    assert_output_has "code=sm_90 "
}

@test "without CUDA make says why, once, and leaves no old library" {
    mkdir "$TMP/empty" "$TMP/build"
    touch "$TMP/build/libhpac_cuda.so"
    tool make -s CUDA_HOME="$TMP/empty" BUILD="$TMP/build" "$TMP/build/cuda-missing"
    assert_exit 0
    assert_output_has "$TMP/empty: no bin/nvcc"
    assert_output_has "libhpac_cuda.so is not built"
    assert_no_file "$TMP/build/libhpac_cuda.so"
    tool make -s CUDA_HOME="$TMP/empty" BUILD="$TMP/build" "$TMP/build/cuda-missing"
    assert_exit 0
    assert_no_output
}

@test "run-tests knows its suites" {
    tool tools/run-tests no-such-suite
    assert_exit 2
    assert_error_has "no-such-suite"
}
