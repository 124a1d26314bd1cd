# The CUDA device on a machine without a GPU, with the real libraries: everything is there that it
# calls, and the program ends with a clear error.

load helpers

setup() {
    helpers_setup
    unset LD_LIBRARY_PATH
    LIBRARY=$(dirname "$HPAC")/libhpac_cuda.so
    [[ -e $LIBRARY ]] || skip "no CUDA: libhpac_cuda.so is not built"
    [[ ! -e /dev/nvidiactl ]] || skip "there is a GPU"
}

train() {
    "$HPAC" synth --count 12 --size 64 --seed 1 --out "$TMP/data" >"$TMP/synth"
    run_hpac train configs/demo.yaml --out "$TMP/run" --set data.labels="$TMP/data/train.csv" \
        --set data.images="$TMP/data/train" --set 'data.image={rows: 64, cols: 64}' \
        --set 'data.test={images: '"$TMP"'/data/test, ids: '"$TMP"'/data/sample_submission.csv}' \
        --set train.batch_size=4 --set train.epochs=1 "$@"
}

assert_one_error_line() {
    [[ ${#stderr_lines[@]} -eq 1 ]] || fail_with "expected one line in stderr"
}

@test "without a driver, train --device cuda names what is missing and exits 4" {
    train --device cuda --quiet
    assert_exit 4
    assert_no_output
    assert_one_error_line
    assert_error_has "cuda: no NVIDIA driver: libcuda.so.1 does not load"
    assert_error_has "cudaErrorInsufficientDriver"
    assert_no_file "$TMP/run"
}

@test "without a driver, train --device cuda:7 names what is missing and exits 4" {
    train --device cuda:7 --quiet
    assert_exit 4
    assert_error_has "no NVIDIA driver"
}

@test "without a driver, train --device auto takes the CPU and prints one short line" {
    train --device auto
    assert_exit 0
    assert_error_has 'device: cpu; no GPU is usable ("hpac doctor" shows why)'
    refute_error_has "driver"
    assert_file "$TMP/run/model.h5"
}

@test "a file that is not the library of its name is an error that names it" {
    echo | gcc -shared -x c -Wl,-soname,libcudnn.so.9 -o "$TMP/libcudnn.so.9" -
    LD_LIBRARY_PATH=$TMP train --device cuda --quiet
    assert_exit 4
    assert_error_has "cuda: not available"
    assert_error_has "libcudnn.so.9"
}

@test "the real libraries have every function that the CUDA device calls" {
    run ldd -r "$LIBRARY"
    assert_exit 0
    local line
    for line in "${lines[@]}"; do
        [[ $line != *"not found"* ]] || fail_with "$line"
        [[ $line != *"undefined symbol"* || $line == *"undefined symbol: hpac_"* ]] ||
            fail_with "$line"
    done
}

@test "without a driver, doctor --device cuda names what is missing and exits 4" {
    run_hpac doctor --device cuda
    assert_exit 4
    assert_output_has "verdict: cuda: not usable: no NVIDIA driver"
    assert_one_error_line
}
