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

@test "layers beside the file of a model are an error with its line" {
    sed -i "s|^model: .*|model: {file: x.keras, layers: [{type: flatten}]}|" "$TMP/file.yaml"
    train --out "$TMP/run"
    assert_exit 2
    assert_error_has "file.yaml:8: model.layers: excludes model.file"
    assert_no_file "$TMP/run"
}
