# Whole trainings on the CUDA device, beside the CPU's. They run wherever a device opens as
# HPAC_TEST_DEVICE (cuda): on the CUDA simulator (make test-cudasim) or on a GPU (make test-gpu).

load ../e2e/helpers

# Five steps per epoch: 40 of 60 images, batches of 8.
setup_file() { small_data --count 60 --test-count 7 --seed 3; }

setup() {
    helpers_setup
    DEVICE=${HPAC_TEST_DEVICE:-cuda}
}

# train CONFIGURATION DEVICE DIRECTORY [ARGUMENT...]: a configuration of the project, scaled down: twenty
# steps or a few more, the batches of `improved` smaller than those of the others.
train() {
    local configuration=$1 device=$2 directory=$3 batch=8 epochs=4
    shift 3
    [[ $configuration != improved ]] || batch=5 epochs=3
    run_hpac train "configs/$configuration.yaml" --device "$device" --out "$directory" --quiet \
        --set data.labels="$DATA/train.csv" --set data.images="$DATA/train" \
        --set 'data.image={rows: 64, cols: 64}' --set data.workers=1 --set device.threads=1 \
        --set train.batch_size=$batch --set train.epochs=$epochs "$@"
}

# assert_losses_agree FILE FILE RELATIVE ROWS: the first ROWS rows of losses.
assert_losses_agree() {
    paste -d, <(tail -n +2 "$1" | cut -d, -f2) <(tail -n +2 "$2" | cut -d, -f2) | head -n "$4" |
        awk -F, -v allowed="$3" -v rows="$4" '
            { apart = ($1 - $2) / $2; apart = apart < 0 ? -apart : apart }
            !(apart <= allowed) { print "row " NR ": " $1 " and " $2; bad = 1 }
            END { if (NR != rows) { print NR " rows, expected " rows; bad = 1 } exit bad }'
}

final_loss() { tail -n 1 "$1/losses.csv" | cut -d, -f"$(loss_column "$1")"; }
loss_column() { head -n 1 "$1/losses.csv" | tr , '\n' | grep -nx train_loss | cut -d: -f1; }

# The final loss lies among those of five seeds on the CPU.
assert_within_seeds() {
    local seed losses=()
    for seed in 0 1 2 3 4; do
        train "$1" cpu "$TMP/$1-$seed" --set train.epochs=8 --set train.seed="$seed"
        assert_exit 0
        losses+=("$(final_loss "$TMP/$1-$seed")")
    done
    train "$1" "$DEVICE" "$TMP/$1-device" --set train.epochs=8 --set train.seed=0
    assert_exit 0
    printf '%s\n' "$(final_loss "$TMP/$1-device")" "${losses[@]}" | awk -v name="$1" '
        NR == 1 { own = $1; next }
        NR == 2 { low = high = $1 }
        { low = $1 < low ? $1 : low; high = $1 > high ? $1 : high }
        END { slack = 1e-3 * high
              if (!(own >= low - slack && own <= high + slack)) {
                  print name ": " own " is not within " low " .. " high; exit 1 } }'
}

@test "the final losses lie within the spread of five seeds" {
    for configuration in baseline improved improved_batch128 improved_nodropout; do
        assert_within_seeds $configuration
    done
}

@test "the same bits with and without graphs, resident or not, in batches that are not full" {
    local sets=(--set train.shuffle=true --set train.drop_last=false)
    train improved "$DEVICE" "$TMP/auto" "${sets[@]}"
    assert_exit 0
    grep -q "stay in the device's memory" "$TMP/auto/train.log"
    for switch in graph resident; do
        train improved "$DEVICE" "$TMP/no-$switch" "${sets[@]}" --set device.$switch=off
        assert_exit 0
        assert_same_training "$TMP/auto" "$TMP/no-$switch"
    done
    train improved "$DEVICE" "$TMP/on" "${sets[@]}" --set device.graph=on --set device.resident=on
    assert_exit 0
    assert_same_training "$TMP/auto" "$TMP/on"
}

# With a shuffle and the last batch dropped, some rows are first seen late.
@test "the same bits resident or not when rows are dropped and shuffled" {
    local sets=(--set train.shuffle=true --set train.drop_last=true --set train.batch_size=7)
    train improved "$DEVICE" "$TMP/resident" "${sets[@]}"
    assert_exit 0
    train improved "$DEVICE" "$TMP/uploaded" "${sets[@]}" --set device.resident=off
    assert_exit 0
    assert_same_training "$TMP/resident" "$TMP/uploaded"
}

# Trajectories part at near ties; step by step, tests/unit/test_network_parity.c compares.
@test "both layouts, and other precisions, train" {
    train improved "$DEVICE" "$TMP/fp32"
    assert_exit 0
    for layout in nhwc nchw; do
        train improved "$DEVICE" "$TMP/$layout" --set device.image_layout=$layout
        assert_exit 0
        assert_losses_agree "$TMP/$layout/batch_losses.csv" "$TMP/fp32/batch_losses.csv" 5e-2 20
        for precision in tf32 bf16; do
            train improved "$DEVICE" "$TMP/$precision-$layout" --set device.precision=$precision \
                --set device.image_layout=$layout
            [[ $stderr != *"needs compute capability"* ]] || skip "the GPU has no $precision"
            assert_exit 0
            assert_losses_agree "$TMP/$precision-$layout/batch_losses.csv" \
                "$TMP/fp32/batch_losses.csv" 5e-2 20
        done
    done
}

@test "the same bits resident or not when a bad image is skipped" {
    local sets=(--set train.shuffle=true --set data.on_bad_image=skip --set data.images="$TMP/bad")
    cp -r "$DATA/train" "$TMP/bad"
    local bad
    bad=$(find "$TMP/bad" -name '*_green.png' | sort | sed -n 7p)
    truncate -s 100 "$bad"
    train improved "$DEVICE" "$TMP/resident" "${sets[@]}"
    assert_exit 0
    assert_error_has "$(basename "$bad")"
    train improved "$DEVICE" "$TMP/uploaded" "${sets[@]}" --set device.resident=off
    assert_exit 0
    assert_same_training "$TMP/resident" "$TMP/uploaded"
}

# A run that is stopped with a signal in its third epoch.
stop_with() {
    start_paused batch:18 train configs/improved.yaml --device "$DEVICE" --out "$TMP/broken" \
        --set data.labels="$DATA/train.csv" --set data.images="$DATA/train" \
        --set 'data.image={rows: 64, cols: 64}' --set data.workers=1 --set device.threads=1 \
        --set train.batch_size=5 --set train.epochs=400
    signal_paused "$1"
}

resume_and_compare() {
    local epochs=$(($(grep -c . "$TMP/broken/losses.csv") + 2))
    train improved "$DEVICE" "$TMP/broken" --resume --set train.epochs=$epochs
    assert_exit 0
    train improved "$DEVICE" "$TMP/whole" --set train.epochs=$epochs
    assert_exit 0
    assert_same_training "$TMP/broken" "$TMP/whole"
}

@test "an interrupted run resumes to the same bits" {
    stop_with INT
    assert_exit 130
    resume_and_compare
}

@test "a killed run resumes to the same bits" {
    stop_with KILL
    resume_and_compare
}

@test "a GPU that is not there is an error, with exit code 4" {
    train improved cuda:97 "$TMP/run"
    assert_exit 4
    assert_error_has "97"
    assert_no_file "$TMP/run"
}

@test "a run says which algorithms it computes with" {
    train improved "$DEVICE" "$TMP/run"
    assert_exit 0
    grep -q "PRECOMP_GEMM\|IMPLICIT_GEMM" "$TMP/run/train.log"
}
