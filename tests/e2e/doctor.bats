# hpac doctor: what it reports about the devices, and its exit codes.

load helpers

# The program alone in a directory: there is no libhpac_cuda.so that it could find beside it.
copy_program_alone() {
    mkdir -p "$TMP/alone/bin"
    cp "$HPAC" "$TMP/alone/bin/hpac"
    HPAC=$TMP/alone/bin/hpac
}

# A value of the report: python's expression of `report`.
json_value() {
    python3 -c 'import json, sys
report = json.load(sys.stdin)
print(eval(sys.argv[1]))' "$1" <<<"$output"
}

@test "doctor checks the CPU and passes" {
    run_hpac doctor --device cpu
    assert_exit 0
    assert_output_has "cpu: "
    assert_output_has "libraries: oneDNN"
    assert_output_has "conv2d 3 x 3, 16 to 32 channels, relu"
    assert_output_has "adadelta"
    refute_output_has "FAILS"
    assert_output_has "GB/s"
    assert_output_has "GFLOP/s"
    refute_output_has "cuda"
    [[ ${lines[-1]} == "verdict: cpu: ready to train" ]]
}

@test "doctor and run.json name the CPU path that HPAC_CPU selects" {
    "$HPAC" synth --count 12 --size 64 --balance --out "$TMP/data" --quiet
    DATA=$TMP/data small_config >"$TMP/small.yaml"
    local path
    for path in $(cpu_paths); do
        HPAC_CPU=$path run_hpac train "$TMP/small.yaml" --device cpu --quiet --set train.epochs=1 \
            --set train.batch_size=4 --out "$TMP/$path"
        assert_exit 0
        grep -q "\"cpu_path\": \"$path\"" "$TMP/$path/run.json"
    done
    HPAC_CPU=portable run_hpac doctor --device cpu
    assert_exit 0
    assert_output_has "CPU path: portable"
    assert_output_has "threads, portable"
    HPAC_CPU=portable run_hpac doctor --device cpu --json
    [[ $(json_value 'report["cpu_path"]') == portable ]]
}

@test "an HPAC_CPU that is unknown, or that the processor lacks, is refused with the accepted values" {
    local command
    for command in doctor "train configs/demo.yaml --dry-run" "help"; do
        # shellcheck disable=SC2086 # words
        HPAC_CPU=sse run_hpac $command
        assert_exit 2
        assert_error_has 'HPAC_CPU: "sse", expected one of those this processor has: portable'
        assert_no_output
    done
}

@test "OMP_NUM_THREADS lowers the number of compute threads, device.threads decides" {
    "$HPAC" synth --count 12 --size 64 --balance --out "$TMP/data" --quiet
    DATA=$TMP/data small_config >"$TMP/small.yaml"
    OMP_NUM_THREADS=1 run_hpac train "$TMP/small.yaml" --device cpu --dry-run
    assert_output_has ", 1 thread,"
    OMP_NUM_THREADS=1 run_hpac train "$TMP/small.yaml" --device cpu --dry-run --set device.threads=3
    assert_output_has ", 3 threads,"
}

@test "without CUDA, --device auto describes the CPU and prints why not CUDA; as JSON, too" {
    copy_program_alone
    run_hpac doctor --json
    assert_exit 0
    [[ $(json_value 'report["well"]') == True ]]
    [[ $(json_value '[d["name"] for d in report["devices"]]') == "['cpu', 'cuda']" ]]
    [[ $(json_value 'report["devices"][0]["usable"]') == True ]]
    [[ $(json_value 'report["devices"][0]["failed_cases"]') == 0 ]]
    [[ $(json_value 'all(c["error"] <= c["tolerance"] and c["ms"] >= 0
        for c in report["devices"][0]["cases"])') == True ]]
    [[ $(json_value 'report["devices"][0]["speeds"]["conv2d_forward_gflop_per_s"] > 0') == True ]]
    [[ $(json_value 'report["devices"][1]["usable"]') == False ]]
    [[ $(json_value 'report["devices"][1]["reason"]') == *libhpac_cuda.so* ]]
    [[ $(json_value 'report["verdict"]') == "cpu: ready to train; cuda: not usable"* ]]
    run_hpac doctor
    assert_exit 0
    assert_output_has "cuda: not usable: training uses the cpu. The reason, which matters only with an NVIDIA GPU:
  no libhpac_cuda.so beside hpac"
    [[ ${lines[-1]} == "verdict: cpu: ready to train; cuda: not usable, nor needed" ]]
}

@test "a libhpac_cuda.so that cannot be loaded is not reported as missing" {
    copy_program_alone
    echo text >"$TMP/alone/bin/libhpac_cuda.so"
    run_hpac doctor --device cuda
    assert_exit 4
    assert_output_has "bin/libhpac_cuda.so: "
    assert_output_has "LD_LIBRARY_PATH, "
    refute_output_has "make builds it"
}

@test "--device cuda without CUDA lists all that is missing and exits 4" {
    copy_program_alone
    run_hpac doctor --device cuda
    assert_exit 4
    assert_output_has "cuda: not usable: no libhpac_cuda.so beside hpac, in ../lib or in the library path; make builds it"
    [[ ${lines[-1]} == "verdict: cuda: not usable: "* ]]
    refute_output_has "ready to train"
    assert_error_has "hpac: cuda"
    if ! ldconfig -p | grep -q libcuda.so.1; then
        assert_output_has "no NVIDIA driver"
    fi
    if ! grep -qs 0x10de /sys/bus/pci/devices/*/vendor; then
        assert_output_has "no NVIDIA GPU"
    fi
}

@test "a libhpac_cuda.so that does not load is named" {
    copy_program_alone
    echo "not a library" >"$TMP/alone/bin/libhpac_cuda.so"
    run_hpac doctor --device cuda:1
    assert_exit 4
    assert_output_has "cuda:1: not usable: $TMP/alone/bin/libhpac_cuda.so: "
}

@test "an unknown device is refused" {
    run_hpac doctor --device gpu
    assert_exit 2
    assert_error_has "expected auto, cpu, cuda"
    assert_no_output
    run_hpac doctor cpu
    assert_exit 2
    run_hpac doctor --precision fp16
    assert_exit 2
    assert_error_has '--precision: expected fp32, tf32 or bf16, not "fp16"'
}

@test "doctor passes for the CUDA device on the CUDA simulator" {
    cuda_simulator_or_skip
    run_hpac doctor --device cuda --json
    assert_exit 0
    [[ $(json_value '[d["name"] for d in report["devices"]]') == "['cpu', 'cuda']" ]]
    [[ $(json_value '[d["failed_cases"] for d in report["devices"]]') == "[0, 0]" ]]
    [[ $(json_value 'report["devices"][1]["description"]') == "cuda:0: "*"compute capability"* ]]
    [[ $(json_value 'report["devices"][1]["libraries"]') == CUDA*driver*cuDNN*cuBLAS* ]]
    [[ $(json_value 'report["devices"][1]["free_bytes"] > 2**30') == True ]]
    [[ $(json_value 'report["devices"][1]["speeds"]["copy_gb_per_s"] > 0') == True ]]
    [[ $(json_value 'report["verdict"]') == "cpu: ready to train; cuda: ready to train" ]]
}

@test "a GPU that opens, but cannot be described, is not usable; the CPU is checked" {
    cuda_simulator_or_skip
    export CUDASIM_FAIL=cudaMemGetInfo:1
    run_hpac doctor --json
    assert_exit 0
    [[ $(json_value 'report["devices"][0]["failed_cases"]') == 0 ]]
    [[ $(json_value 'report["devices"][1]["usable"]') == False ]]
    [[ $(json_value 'report["devices"][1]["reason"]') == "cudaMemGetInfo: cudaErrorOperatingSystem"* ]]
    run_hpac doctor --device cuda
    assert_exit 4
    [[ ${lines[-1]} == "verdict: cuda: not usable: cudaMemGetInfo: "* ]]
}

@test "a missing GPU is named" {
    cuda_simulator_or_skip
    run_hpac doctor --device cuda:5
    assert_exit 4
    assert_output_has "cuda:5: not usable: no GPU 5"
}
