# Whole trainings on the CUDA simulator: what only it can show or provoke. The simulator ends a program that
# leaks with exit code 96, and one that does what would go wrong on a GPU with 97 or more.

load ../e2e/helpers

setup_file() { small_data --count 24 --seed 3; }

train() {
    local directory=$1
    shift
    run_hpac train configs/improved.yaml --device cuda --out "$directory" --quiet \
        --set data.labels="$DATA/train.csv" --set data.images="$DATA/train" \
        --set 'data.image={rows: 64, cols: 64}' --set 'data.scale={rows: 4, cols: 4}' \
        --set data.workers=1 --set train.batch_size=4 --set train.epochs=3 "$@"
}

# same_in_every_order ARGUMENT...: a training in lazy mode, and in four random orders.
same_in_every_order() {
    train "$TMP/lazy" "$@"
    assert_exit 0
    for seed in 1 2 3 4; do
        CUDASIM_MODE=random CUDASIM_SEED=$seed train "$TMP/random" --force "$@"
        assert_exit 0
        assert_same_training "$TMP/lazy" "$TMP/random"
    done
}

@test "a training is the same in lazy mode and in four random orders, and leaks nothing" {
    same_in_every_order
}

@test "so it is call by call and uploaded, shuffled, with a last batch that is not full" {
    same_in_every_order --set device.graph=off --set device.resident=off \
        --set train.shuffle=true --set train.drop_last=false --set train.batch_size=5
}

@test "so it is resident, with rows that are first seen late" {
    same_in_every_order --set train.shuffle=true --set train.batch_size=5
}

@test "so it is in bf16, and in NHWC" {
    same_in_every_order --set device.precision=bf16
    rm -r "$TMP/lazy" "$TMP/random"
    same_in_every_order --set device.image_layout=nhwc
}

@test "a training is the same when blocks and threads run in reverse, and eagerly" {
    train "$TMP/lazy"
    assert_exit 0
    CUDASIM_REVERSE=1 train "$TMP/reverse"
    assert_exit 0
    assert_same_training "$TMP/lazy" "$TMP/reverse"
    CUDASIM_MODE=eager train "$TMP/eager"
    assert_exit 0
    assert_same_training "$TMP/lazy" "$TMP/eager"
}

@test "a sticky error ends the run with exit code 4, and the last checkpoint goes on" {
    train "$TMP/whole"
    assert_exit 0
    CUDASIM_FAIL_KERNEL=150 train "$TMP/broken" --set device.graph=off
    assert_exit 4
    assert_error_has "cudaErrorIllegalAddress"
    grep -q '"state": "failed"' "$TMP/broken/run.json"
    assert_file "$TMP/broken/resume.h5"
    run_hpac info "$TMP/broken/resume.h5"
    assert_exit 0
    train "$TMP/broken" --resume --set device.graph=off
    assert_exit 0
    assert_same_training "$TMP/whole" "$TMP/broken"
}

@test "memory that runs out is an error that says how much, and what to lower" {
    CUDASIM_MEMORY_MIB=48 train "$TMP/run" --set train.batch_size=8 \
        --set 'data.scale={rows: 1, cols: 1}' --set 'data.image={rows: 256, cols: 256}'
    assert_exit 4
    assert_error_has "MiB"
    assert_error_has "train.batch_size"
}

# The first is of the device itself; the last ones make room for the data set.
@test "an allocation that fails ends the run clearly, or leaves the data set on the host" {
    local n failed=0 without=0
    train "$TMP/whole"
    assert_exit 0
    for n in 1 5 {10..40}; do
        CUDASIM_FAIL=cudaMalloc:$n train "$TMP/run" --force
        if [[ $status -eq 4 ]]; then
            assert_error_has "MiB of GPU memory"
            failed=$((failed + 1))
            continue
        fi
        assert_exit 0
        assert_same_training "$TMP/whole" "$TMP/run"
        [[ $stderr == *"uploaded for each batch"* ]] || break
        without=$((without + 1))
    done
    [[ $n -lt 40 && $failed -ge 3 && $without -ge 3 ]] ||
        fail_with "$n allocations, $failed refused, $without went on without the data set"
}

@test "a data set that does not fit stays on the host" {
    train "$TMP/whole"
    assert_exit 0
    CUDASIM_MEMORY_MIB=9 train "$TMP/run"
    assert_exit 0
    grep -q "do not fit the device's memory" "$TMP/run/train.log"
    assert_same_training "$TMP/whole" "$TMP/run"
}
