# Trainings as cuDNN and cuBLAS can make them: with calls that fail, without the algorithms wanted,
# with sums in another order every time, with TF32. Whatever fails, the program ends with exit code 4
# and one line that names the call, and has given everything back: the simulator would end a program that
# leaks with 96.

load ../e2e/helpers

setup_file() {
    local simulator=${CUDASIM:-$BATS_TEST_DIRNAME/../../build/cudasim}
    export LD_LIBRARY_PATH=$simulator${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    small_data --count 24 --seed 3
}

# 16 x 16 pixels; four steps per epoch, and an evaluation.
train() {
    run_hpac train configs/improved.yaml --device cuda --out "$TMP/run" --force \
        --set data.labels="$DATA/train.csv" --set data.images="$DATA/train" \
        --set 'data.image={rows: 64, cols: 64}' --set data.workers=1 --set train.batch_size=4 \
        --set train.epochs=2 "$@"
}

# fails_clearly CALL[:TIME] [ARGUMENT...]
fails_clearly() {
    local call=$1
    shift
    CUDASIM_FAIL=$call train --quiet "$@"
    assert_exit 4 || fail_with "when $call fails"
    [[ ${#stderr_lines[@]} -eq 1 ]] || fail_with "$call: expected one line in stderr"
    assert_error_has "${call%:*}"
}

# tests/unit/test_cuda_network.c lets every call fail; here, what the program makes of it: while it
# opens, in the first step, in the recording of a graph, and beside one.
@test "a call of cuDNN or cuBLAS that fails ends the program clearly" {
    fails_clearly cudnnCreate
    fails_clearly cublasGemmEx
    fails_clearly cudnnConvolutionBackwardData:2
    fails_clearly cublasGemmEx:9 --set device.graph=off
}

# ---- algorithms ----------------------------------------------------------------------------------

# says TEXT...: a training that worked has these texts in its log.
says() {
    local text
    assert_exit 0
    for text in "$@"; do
        grep -qF "$text" "$TMP/run/train.log" || fail_with "expected in train.log: $text"
    done
}

@test "where an algorithm is not there the next one is taken, and named" {
    CUDASIM_CUDNN_REFUSE=fwd1 train --set device.image_layout=nhwc
    says "nhwc fwd IMPLICIT_GEMM"
    CUDASIM_CUDNN_REFUSE=fwd1,fwd0,bwddata1,bwdfilter1 train --set device.image_layout=nchw
    says "nchw fwd GEMM" "bwd data FFT_TILING" "bwd filter FFT_TILING"
}

@test "where none is left that repeats its bits, the training is refused and says what allows more" {
    CUDASIM_CUDNN_REFUSE=bwdfilter1 train --quiet --set device.image_layout=nhwc
    assert_exit 4
    assert_error_has "no deterministic algorithm for the backward filter pass"
    assert_error_has "device.deterministic: false"
    CUDASIM_CUDNN_REFUSE=bwdfilter1 train --set device.image_layout=nhwc \
        --set device.deterministic=false
    says "bwd filter ALGO_0"
}

@test "where cuDNN has no convolution with bias and ReLU in one the result is the same" {
    train --quiet
    assert_exit 0
    mv "$TMP/run" "$TMP/fused"
    CUDASIM_CUDNN_REFUSE=biasact train
    says "bias and ReLU are not fused"
    # Each of the two convolutions is found out once, in training and in evaluation.
    [[ $(grep -c "are not fused" <<<"$stderr") -le 4 ]] || fail_with "fused calls are tried again"
    paste -d, <(cut -d, -f2 "$TMP/fused/batch_losses.csv") <(cut -d, -f2 "$TMP/run/batch_losses.csv") |
        awk -F, 'NR > 1 && !($2 > 0 && ($1 - $2) ^ 2 <= (1e-5 * $2) ^ 2) { print; bad = 1 }
                 END { exit bad || NR < 8 }'
}

# The simulator's cuDNN lists the algorithms first whose sums are in another order every time: who took one
# of them by mistake would not get the same training twice.
@test "trainings repeat bit for bit, and do not where device.deterministic is false" {
    local run
    for run in one two; do
        train --quiet --set device.image_layout=nchw
        assert_exit 0
        mv "$TMP/run" "$TMP/$run"
    done
    assert_same "$TMP/one/batch_losses.csv" "$TMP/two/batch_losses.csv"
    for run in three four; do
        train --set device.image_layout=nchw --set device.deterministic=false
        says "bwd data ALGO_0" "bwd filter ALGO_0"
        mv "$TMP/run" "$TMP/$run"
    done
    if cmp -s "$TMP/three/batch_losses.csv" "$TMP/four/batch_losses.csv"; then
        fail_with "the orders of sums did not show"
    fi
}

# ---- precision -----------------------------------------------------------------------------------

# kept_losses NAME ARGUMENT...: trains, and keeps the losses as $TMP/NAME.
kept_losses() {
    local name=$1
    shift
    train --quiet "$@"
    assert_exit 0
    mv "$TMP/run/batch_losses.csv" "$TMP/$name"
}

# cuDNN computes in TF32 by default, cuBLAS does not; an environment
# variable forbids it to both.
@test "fp32 is float32 in every product, and tf32 is TF32 where it may be" {
    kept_losses fp32 --set device.precision=fp32
    kept_losses tf32 --set device.precision=tf32
    export NVIDIA_TF32_OVERRIDE=0
    kept_losses fp32-forbidden --set device.precision=fp32
    kept_losses tf32-forbidden --set device.precision=tf32
    unset NVIDIA_TF32_OVERRIDE
    assert_same "$TMP/fp32" "$TMP/fp32-forbidden"
    assert_same "$TMP/fp32" "$TMP/tf32-forbidden"
    if cmp -s "$TMP/fp32" "$TMP/tf32"; then
        fail_with "tf32 does not show"
    fi
}
