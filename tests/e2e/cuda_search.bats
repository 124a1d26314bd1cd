# Where libhpac_cuda.so finds NVIDIA's libraries. They get other names here, so that those of this machine
# are not found; behind the names is the CUDA simulator.
load helpers

# rename_libraries FILE...: libcudart.so becomes libcudarX.so, and so on, where it is a name and no path.
rename_libraries() {
    LC_ALL=C sed -i 's/\x00libcudart\.so/\x00libcudarX.so/g; s/\x00libcudnn\.so/\x00libcudnX.so/g
        s/\x00libcublas\.so/\x00libcublaX.so/g' "$@"
}

setup() {
    helpers_setup
    cuda_simulator_or_skip
    local build wheels library
    build=$(dirname "$HPAC")
    unset LD_LIBRARY_PATH VIRTUAL_ENV CONDA_PREFIX CUDA_HOME CUDA_PATH
    export HOME=$TMP/home
    mkdir -p "$TMP/bin" "$TMP/lib/hpac" "$TMP/place/lib/python3.11/site-packages/nvidia"/{cu13,cudnn}/lib
    cp "$HPAC" "$TMP/bin"
    HPAC=$TMP/bin/hpac
    cp "$build/libhpac_cuda.so" "$TMP/lib/hpac"
    WHEELS=$TMP/place/lib/python3.11/site-packages/nvidia
    for library in "$build"/cudasim/lib*.so; do
        [[ $library == *fault* ]] || cp -L "$library" "$WHEELS/cu13/lib/"
    done
    cd "$WHEELS/cu13/lib"
    rename_libraries ./*.so "$TMP/lib/hpac/libhpac_cuda.so"
    mv libcudart.so libcudarX.so.13
    mv libcublas.so libcublaX.so.13
    mv libcudnn.so "$WHEELS/cudnn/lib/libcudnX.so.9"
    cd "$ROOT"
}

# The device opens before the data are read, which are not there.
assert_opens() {
    run_hpac train configs/improved.yaml --device cuda --dry-run --set data.labels="$TMP/none.csv"
    assert_exit 3
    assert_error_has "none.csv: cannot open"
}

@test "libraries that are nowhere are named, with the places" {
    run_hpac train configs/improved.yaml --device cuda --dry-run
    assert_exit 4
    assert_error_has "libcudarX.so.13: cannot open shared object file"
    assert_error_has "HPAC_CUDA_LIBRARIES"
}

@test "they are found in a Python environment's nvidia wheels" {
    VIRTUAL_ENV=$TMP/place assert_opens
    CONDA_PREFIX=$TMP/place assert_opens
    ln -s place "$TMP/a [b] *?\\c" # a name, and not a pattern
    VIRTUAL_ENV="$TMP/a [b] *?\\c" assert_opens
    mv "$TMP/place" "$TMP/home"
    mkdir "$TMP/home/.local"
    mv "$TMP/home/lib" "$TMP/home/.local"
    assert_opens
}

@test "they are found in HPAC_CUDA_LIBRARIES" {
    HPAC_CUDA_LIBRARIES=/nonexistent:$WHEELS/cu13/lib:$WHEELS/cudnn/lib assert_opens
}

@test "they are found in a toolkit" {
    mkdir "$TMP/toolkit"
    mv "$WHEELS/cudnn/lib/"* "$WHEELS/cu13/lib"
    mv "$WHEELS/cu13/lib" "$TMP/toolkit/lib64"
    CUDA_HOME=$TMP/toolkit assert_opens
}

@test "they are found beside libhpac_cuda.so" {
    mv "$WHEELS"/*/lib/* "$TMP/lib/hpac"
    assert_opens
}
