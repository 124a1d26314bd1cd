# What libhpac_cuda.so shows and wants, read from the file itself.
load helpers

setup() {
    helpers_setup
    LIBRARY=build/libhpac_cuda.so
    [[ -e $LIBRARY ]] || skip "no CUDA: $(<build/cuda-missing)"
}

@test "it exports hpac_cuda_open and nothing else" {
    run nm --dynamic --defined-only --format=just-symbols "$LIBRARY"
    [[ $output == hpac_cuda_open ]] || fail_with "expected hpac_cuda_open alone"
}

@test "what it leaves open is hpac's own and shown by the program, or has a library" {
    local symbol missing=()
    while read -r symbol; do
        [[ $symbol == *@* ]] || missing+=("$symbol")
    done < <(nm --dynamic --undefined-only --format=just-symbols "$LIBRARY" | grep -v '^_ITM_\|^__gmon_start__')
    # cuDNN's and cuBLAS's functions have their library's name behind an @, hpac's have none.
    [[ ${#missing[@]} -gt 0 ]] || fail_with "expected functions of hpac among the open symbols"
    for symbol in "${missing[@]}"; do
        nm --dynamic --defined-only --format=just-symbols "$HPAC" | grep -qx "$symbol" ||
            fail_with "$HPAC does not show $symbol"
    done
}

@test "it needs the CUDA libraries and libc, and nothing of C++ or OpenMP" {
    run readelf --dynamic "$LIBRARY"
    assert_output_has "[libcudart.so."
    assert_output_has "[libcublas.so."
    assert_output_has "[libcudnn.so."
    refute_output_has libstdc++
    refute_output_has libgomp
    refute_output_has libcuda.so
}

@test "all its symbols are resolved when it is loaded, and LD_LIBRARY_PATH comes before its own path" {
    run readelf --dynamic --wide "$LIBRARY"
    assert_output_has NOW
    assert_output_has "(RUNPATH)"
    refute_output_has "(RPATH)"
}
