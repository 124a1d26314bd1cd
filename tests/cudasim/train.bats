# Whole trainings on the test bed: what only it can show or provoke. The bed ends a program that
# leaks with exit code 96, and one that does what would go wrong on a GPU with 97 or more.

load ../e2e/helpers

setup_file() {
    export DATA=$BATS_FILE_TMPDIR/data
    "${HPAC:-build/hpac}" synth --count 24 --size 64 --seed 3 --balance --out "$DATA"
}

train() {
    local folder=$1
    shift
    run_hpac train configs/improved.yaml --device cuda --out "$folder" --quiet \
        --set data.labels="$DATA/train.csv" --set data.images="$DATA/train" \
        --set 'data.image={rows: 64, cols: 64}' --set 'data.scale={rows: 4, cols: 4}' \
        --set data.workers=1 --set train.batch_size=4 --set train.epochs=3 "$@"
}

assert_same_training() {
    local file
    for file in losses.csv batch_losses.csv batch_counts.csv class_metrics.csv predictions.csv; do
        assert_same "$1/$file" "$2/$file"
    done
}

@test "a training is the same in lazy mode and in ten random orders, and leaks nothing" {
    train "$TMP/lazy"
    assert_exit 0
    for seed in 1 2 3 4 5 6 7 8 9 10; do
        CUDASIM_MODE=random CUDASIM_SEED=$seed train "$TMP/random$seed"
        assert_exit 0
        assert_same_training "$TMP/lazy" "$TMP/random$seed"
    done
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

@test "a data set that does not fit stays on the host" {
    train "$TMP/whole"
    assert_exit 0
    CUDASIM_MEMORY_MIB=48 train "$TMP/run"
    assert_exit 0
    assert_same_training "$TMP/whole" "$TMP/run"
}
