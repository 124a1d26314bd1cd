# Trainings that start from model files: their layers, their weights.

load helpers

setup_file() { small_data --count 60 --test-count 7 --seed 3; }

# Images of the size of the models in tests/golden: 10 x 9, two channels.
setup() {
    helpers_setup
    cat >"$TMP/file.yaml" <<END
data:
  labels: $DATA/train.csv
  images: $DATA/train
  targets: [Nucleoplasm, Cytosol, Plasma membrane]
  channels: 2
  image: {rows: 10, cols: 9}
  scale: {rows: 1, cols: 1}
model: {file: $TMP/model.keras}
train: {epochs: 2, batch_size: 8, optimizer: {type: sgd}}
END
    cp tests/golden/keras3_graph.keras "$TMP/model.keras"
}

# assert_predictions_close A B: up to rounding.
assert_predictions_close() {
    python3 - "$1" "$2" <<'END'
import csv, sys
a, b = (list(csv.DictReader(open(path))) for path in sys.argv[1:])
assert len(a) == len(b) > 0 and a[0].keys() == b[0].keys()
for one, other in zip(a, b):
    for key in one:
        if key == "Id":
            assert one[key] == other[key]
        else:
            assert abs(float(one[key]) - float(other[key])) < 1e-6, (key, one, other)
END
}

train() {
    run_hpac train "$TMP/file.yaml" --device cpu --quiet "$@"
}

@test "the model of a file is trained, planned and shown like any other" {
    run_hpac train "$TMP/file.yaml" --device cpu --dry-run
    assert_exit 0
    assert_output_has "model.2                           {type: rescale, mean: [0.5, 0.25]"
    assert_output_has "train.initial_model               $TMP/model.keras"
    assert_output_has "memory: "
    train --out "$TMP/run"
    assert_exit 0
    grep -q "weights: from $TMP/model.keras" "$TMP/run/train.log"
    run_hpac info "$TMP/run/model.h5"
    assert_exit 0
    assert_output_has "of encoder_re_lu, residual_conv"
}

@test "a run of a model file continues and predicts without it" {
    train --out "$TMP/whole"
    assert_exit 0
    train --out "$TMP/run" --set train.epochs=1
    assert_exit 0
    rm "$TMP/model.keras"
    train --out "$TMP/run" --resume
    assert_exit 2
    assert_error_has "file.yaml:8: model.file: $TMP/model.keras: cannot open"
    run_hpac train "$TMP/run/config.yaml" --device cpu --quiet --out "$TMP/run" --resume \
        --set train.epochs=2
    assert_exit 0
    assert_same_training "$TMP/whole" "$TMP/run"
    run_hpac predict "$TMP/run" --images "$DATA/test" --ids "$DATA/sample_submission.csv" \
        --device cpu --out "$TMP/predicted"
    assert_exit 0
}

@test "a run of a model file equals one of its layers and weights" {
    train --out "$TMP/a"
    assert_exit 0
    run_hpac train "$TMP/a/config.yaml" --device cpu --quiet --out "$TMP/b"
    assert_exit 0
    assert_same_training "$TMP/a" "$TMP/b"
    # and differs from one that draws its weights
    train --out "$TMP/c" --set train.initial_model=none
    assert_exit 0
    assert_differ "$TMP/a/losses.csv" "$TMP/c/losses.csv"
}

@test "a sweep over model files has them as a column" {
    cp tests/golden/keras3_graph.h5 "$TMP/other.h5"
    cat >"$TMP/sweep.yaml" <<END
config: $TMP/file.yaml
set: {train.epochs: 1}
grid: {model.file: [$TMP/model.keras, $TMP/other.h5]}
END
    run_hpac sweep "$TMP/sweep.yaml" --device cpu --quiet --out "$TMP/sweep"
    assert_exit 0
    [[ $(head -n 1 "$TMP/sweep/sweep.csv") == *model.file* ]]
    grep -q "$TMP/other.h5" "$TMP/sweep/sweep.csv"
}

# Of start_keras2.h5: head has 5 outputs; the means of its normalization are not read.
weights_config() {
    cat >"$TMP/weights.yaml" <<END
data:
  labels: $DATA/train.csv
  images: $DATA/train
  targets: [Nucleoplasm, Cytosol, Plasma membrane]
  channels: [red, green, blue, yellow]
  image: {rows: 64, cols: 64}
  scale: {rows: 4, cols: 4}
model:
  - {type: zero_pad, padding: 1}
  - {type: conv2d, filters: 6, kernel: 3, strides: 2, name: stem_conv}
  - {type: batch_norm, scale: false, name: stem/bn}
  - {type: conv2d, filters: 6, kernel: 3, padding: same, bias: false, name: encoder/conv}
  - {type: batch_norm, name: encoder/bn}
  - {type: relu}
  - {type: conv2d, filters: 6, kernel: 1, name: extra}
  - {type: global_avgpool}
  - {type: dense, units: classes, activation: sigmoid, name: head}
train:
  epochs: 2
  batch_size: 8
  optimizer: {type: sgd}
  initial_weights: tests/golden/start_keras2.h5
END
}

@test "weights are taken by names, and what was taken is reported" {
    weights_config
    run_hpac train "$TMP/weights.yaml" --device cpu --dry-run
    assert_exit 0
    assert_output_has "weights: from tests/golden/start_keras2.h5: 4 of 6 layers"
    assert_output_has "  from channels [red, green, blue] to [red, green, blue, yellow]: stem_conv"
    assert_output_has "  drawn, with 3 outputs for the file's 5: head"
    assert_output_has "  drawn, since the file does not have them: extra"
    assert_output_has "  not used of the file: normalization, encoder_depthwise"
    # also in the log, and in run.json, where it stays
    run_hpac train "$TMP/weights.yaml" --device cpu --quiet --out "$TMP/run" --set train.epochs=1
    assert_exit 0
    grep -q "weights: from tests/golden/start_keras2.h5: 4 of 6 layers" "$TMP/run/train.log"
    run_hpac train "$TMP/weights.yaml" --device cpu --quiet --out "$TMP/run" --resume
    assert_exit 0
    python3 - "$TMP/run/run.json" <<'END'
import json, sys
assert json.load(open(sys.argv[1]))["initial_weights"] == {
    "file": "tests/golden/start_keras2.h5",
    "loaded": ["stem_bn", "encoder_conv", "encoder_bn"],
    "converted": ["stem_conv"],
    "new_head": ["head"],
    "drawn": ["extra"],
    "unused": ["normalization", "encoder_depthwise"],
    "channels": ["red", "green", "blue"],
}
END
}

# With weights that do not change, and images whose channels are in another order, a run predicts
# what that of the file predicted.
@test "the order of the channels of a file is given, or that of the run that wrote it" {
    weights_config
    start() { # OUT ARGUMENTS...
        run_hpac train "$TMP/weights.yaml" --device cpu --quiet --out "$TMP/$1" \
            --set train.optimizer.learning_rate=1e-30 --set train.epochs=1 \
            --set train.batch_norm_frozen=true "${@:2}"
    }
    start rgb --set 'data.channels=[red, green, blue]'
    assert_exit 0
    start swapped --set 'data.channels=[blue, red, green]' \
        --set train.initial_weights="$TMP/rgb/model.h5"
    assert_exit 0
    grep -qF "from channels [red, green, blue] to [blue, red, green]: stem_conv" \
        "$TMP/swapped/train.log"
    assert_predictions_close "$TMP/rgb/predictions.csv" "$TMP/swapped/predictions.csv"
    # What is given goes first.
    start given --set 'data.channels=[blue, red, green]' \
        --set train.initial_weights="$TMP/rgb/model.h5" \
        --set 'train.initial_channels=[blue, red, green]'
    assert_exit 0
    [[ $(<"$TMP/given/train.log") != *"from channels"* ]]
    assert_differ "$TMP/rgb/predictions.csv" "$TMP/given/predictions.csv"
    start bad --set 'train.initial_channels=[red]'
    assert_exit 3
    assert_error_has "layer 2, stem_conv (conv2d): reads 3 channels in the file, expected 1, as train.initial_channels or the configuration in the file names"
    start bad --set 'train.initial_channels=[red]' --set model.2.name=other
    assert_exit 3
    assert_error_has "train.initial_channels: has no effect, since no convolution that reads the image is from the file"
    assert_no_file "$TMP/bad"
}

@test "numbers of a rescale of the file are for its channels" {
    train --out "$TMP/first" --set train.epochs=1
    assert_exit 0
    run_hpac train "$TMP/first/config.yaml" --device cpu --out "$TMP/second" \
        --set train.initial_model="$TMP/first/model.h5" --set 'data.channels=[blue, green]'
    assert_exit 3
    assert_error_has "layer 2, rescale: has numbers for the channels [green, blue] of the file, data.channels is [blue, green]; give data.channels in the file's order"
}

@test "weights of another shape, and of no layer of the model, are an error" {
    weights_config
    run_hpac train "$TMP/weights.yaml" --device cpu --out "$TMP/run" --set model.2.filters=7 \
        --set model.4.filters=7
    assert_exit 3
    assert_error_has "train.initial_weights: tests/golden/start_keras2.h5: layer 2, stem_conv (conv2d): kernel (3, 3, 3, 6), expected (3, 3, 4, 7)"
    assert_no_file "$TMP/run"
    run_hpac train "$TMP/weights.yaml" --device cpu --out "$TMP/run" \
        --set train.initial_weights=tests/golden/keras2_sequential.h5
    assert_exit 3
    assert_error_has "no layer of the model has the name of one of the file (conv2d, dense, dense_1)"
}

@test "a run starts from another one with other targets and a larger image" {
    train --out "$TMP/first" --set train.epochs=1
    assert_exit 0
    run_hpac train "$TMP/file.yaml" --device cpu --dry-run --set data.targets=all \
        --set data.image.rows=24 --set train.initial_model="$TMP/first/model.h5"
    assert_exit 0
    assert_output_has "weights: from $TMP/first/model.h5: 5 of 6 layers"
    assert_output_has "  drawn, with 28 outputs for the file's 3: dense"
    # A new head may have another activation, the head of the file may not.
    local last
    last=$(grep -c '^  - {type: ' "$TMP/first/config.yaml")
    run_hpac train "$TMP/file.yaml" --device cpu --dry-run --set data.targets=all \
        --set model."$last".activation=softmax
    assert_exit 0
    run_hpac train "$TMP/file.yaml" --device cpu --dry-run --set model."$last".activation=softmax
    assert_exit 3
    assert_error_has "layer $last is dense 3, sigmoid, expected dense 3, softmax"
}

# With a step of next to nothing only the moving averages change, unless they are frozen.
@test "frozen batch normalization leaves the moving averages" {
    local still=(--set train.optimizer.learning_rate=1e-30 --set train.epochs=1)
    train --out "$TMP/first" "${still[@]}" --set train.batch_norm_frozen=true
    assert_exit 0
    train --out "$TMP/frozen" "${still[@]}" --set train.batch_norm_frozen=true \
        --set train.initial_model="$TMP/first/model.h5" --set train.seed=9
    assert_exit 0
    assert_same "$TMP/first/predictions.csv" "$TMP/frozen/predictions.csv"
    train --out "$TMP/moved" "${still[@]}"
    assert_exit 0
    assert_differ "$TMP/first/predictions.csv" "$TMP/moved/predictions.csv"
    run_hpac train "$TMP/file.yaml" --device cpu --dry-run --set train.batch_norm_frozen=true
    assert_exit 0
    assert_output_has "batch normalization: with moving averages, which stay as they are"
}

@test "a head behind a file that has none is trained, and the run continues without the file" {
    headless() { # ARGUMENTS...
        run_hpac train "$TMP/headless.yaml" --device cpu "$@"
    }
    cp tests/golden/start_headless.keras "$TMP"
    sed "s|^model: .*|model: {file: $TMP/start_headless.keras}|; s|channels: 2|channels: 4|" \
        "$TMP/file.yaml" >"$TMP/headless.yaml"
    headless --dry-run
    assert_exit 2
    assert_error_has "headless.yaml:8: model.file: $TMP/start_headless.keras: ends in add, expected a dense layer; give it one under model, behind file:
  layers:
  - {type: global_avgpool}
  - {type: dense, units: classes, activation: sigmoid}"
    sed -i "s|^model: .*|model:\n  file: $TMP/start_headless.keras\n  layers:\n  - {type: global_avgpool}\n  - {type: dense, units: classes, activation: sigmoid, name: top}|" "$TMP/headless.yaml"
    headless --dry-run
    assert_exit 0
    assert_output_has "weights: from $TMP/start_headless.keras: 5 of 6 layers"
    assert_output_has "  from channels [red, green, blue] to [green, blue, red, yellow]: stem_conv"
    assert_output_has "  drawn, since the file does not have them: top"
    headless --quiet --out "$TMP/whole"
    assert_exit 0
    python3 - "$TMP/whole/run.json" <<'END'
import json, sys
start = json.load(open(sys.argv[1]))["initial_weights"]
assert start["loaded"] == ["stem_bn", "encoder_conv", "encoder_bn", "encoder_depthwise"], start
assert start["converted"] == ["stem_conv"] and start["drawn"] == ["top"], start
END
    headless --quiet --out "$TMP/run" --set train.epochs=1
    assert_exit 0
    rm "$TMP/start_headless.keras"
    run_hpac train "$TMP/run/config.yaml" --device cpu --quiet --out "$TMP/run" --resume \
        --set train.epochs=2
    assert_exit 0
    assert_same_training "$TMP/whole" "$TMP/run"
}
