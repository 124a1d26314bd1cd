# Run directories and model files of hpac 0.1.0, before networks were graphs and Adadelta had company.
#
# tests/golden/runs_0.1.0.tar.gz was made by that program (commit f07ca18) from the images and the
# configuration below: finished/, of two epochs; stopped/, interrupted after three batches of the second;
# predictions.csv and losses.csv of an unbroken run of three epochs; and submission_proba.csv, the
# predictions of finished/ for the test set.

load helpers

setup_file() { small_data --count 24 --test-count 2 --seed 5; }

setup() {
    helpers_setup
    tar -xzf tests/golden/runs_0.1.0.tar.gz -C "$TMP"
    cat > "$TMP/old.yaml" <<EOF
data:
  labels: $DATA/train.csv
  images: $DATA/train
  targets: [Nucleoplasm, Cytosol]
  image: {rows: 64, cols: 64}
  scale: {rows: 4, cols: 4}
model:
  - {type: conv2d, filters: 4, kernel: 3, activation: relu}
  - {type: maxpool, size: 2}
  - {type: dropout, rate: 0.25}
  - {type: flatten}
  - {type: dense, units: 8, activation: relu}
  - {type: dense, units: classes, activation: sigmoid}
train: {epochs: 2, batch_size: 4, shuffle: true}
EOF
}

@test "an old run that was stopped, and one that was finished, continue as their program would have" {
    local run
    for run in stopped finished; do
        run_hpac train "$TMP/old.yaml" --device cpu --quiet --resume --set train.epochs=3 --out "$TMP/$run"
        assert_exit 0
        assert_close_csv "$TMP/$run/predictions.csv" "$TMP/predictions.csv"
        assert_close_csv "$TMP/$run/losses.csv" "$TMP/losses.csv"
    done
}

@test "an old run is evaluated, predicts, and starts another training" {
    run_hpac evaluate "$TMP/finished" --labels "$DATA/train.csv" --images "$DATA/train" --device cpu
    assert_exit 0
    assert_output_has "loss       0.6656" # as its last epoch
    run_hpac predict "$TMP/finished" --images "$DATA/test" --ids "$DATA/sample_submission.csv" --device cpu \
        --out "$TMP/test"
    assert_exit 0
    assert_close_csv "$TMP/test/submission_proba.csv" "$TMP/submission_proba.csv"
    run_hpac train "$TMP/old.yaml" --device cpu --out "$TMP/run" --set train.initial_model="$TMP/finished/best.h5"
    assert_exit 0
}

@test "an old run is shown and reported" {
    local run
    for run in finished stopped; do
        run_hpac info "$TMP/$run"
        assert_exit 0
        assert_output_has "$run "
        run_hpac info "$TMP/$run/resume.h5"
        assert_exit 0
        assert_output_has "written by hpac 0.1.0-gf07ca18"
        assert_output_has "1634 total"
        assert_output_has "optimizer adadelta: learning rate 1, rho 0.95, epsilon 1e-07"
    done
    run_hpac report "$TMP/finished" "$TMP/stopped" --out "$TMP/report"
    assert_exit 0
    assert_file "$TMP/report/report.html"
}
