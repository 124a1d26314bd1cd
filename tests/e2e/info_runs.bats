# hpac info of directories; and what predict and evaluate say to those without a model.
load helpers

setup_file() { small_models 1 --count 30 --test-count 1 --seed 4; }

@test "info of a directory: a run, finished, interrupted or killed, with its model" {
    local run=$MADE/run
    run_hpac info "$run"
    assert_exit 0
    assert_output_has "$run: a run"
    [[ $(tr -s ' ' <<<"$output") == *" run finished 2 2 "* ]] || fail_with "expected the state"
    assert_output_has "$run/model.h5: written by hpac"
    run_hpac info "$run" --json
    assert_exit 0
    [[ $(python3 -c 'import json, sys; r = json.load(sys.stdin); print(r["runs"][0]["state"],
r["runs"][0]["epochs_done"], len(r["layers"]), len(r["classes"]))' <<<"$output") == "finished 2 4 3" ]]

    start_paused batch:5 train "$MADE/small.yaml" --set train.epochs=3 --device cpu --out "$TMP/run"
    run_hpac info "$TMP/run"
    assert_exit 0
    [[ $(tr -s ' ' <<<"$output") == *" run running 2 3 "* ]] || fail_with "expected the state"
    cp -r "$TMP/run" "$TMP/killed" # nobody locks the copy
    signal_paused INT
    [[ $status -eq 130 ]]
    run_hpac info "$TMP/run"
    assert_exit 0
    [[ $(tr -s ' ' <<<"$output") == *" run interrupted 2 3 "* ]] || fail_with "expected the state"
    assert_output_has "$TMP/run/best.h5: written by hpac"
    run_hpac info "$TMP/killed"
    assert_exit 0
    [[ $(tr -s ' ' <<<"$output") == *" killed killed 2 3 "* ]] || fail_with "expected the state"

    # What predict and evaluate offer instead of the model that it does not have yet.
    local command
    for command in "evaluate $TMP/run --labels $DATA/train.csv" \
        "predict $TMP/run --ids $DATA/sample_submission.csv --out $TMP/out"; do
        # shellcheck disable=SC2086 # words
        run_hpac $command --images "$DATA/train"
        assert_exit 3
        assert_error_has "$TMP/run: the run is unfinished (2 epochs) and has no model.h5; train --resume finishes it"
        assert_error_has "is $TMP/run/best.h5"
    done
    run_hpac evaluate "$TMP/run/best.h5" --labels "$DATA/train.csv" --images "$DATA/train" --device cpu
    assert_exit 0
    rm "$TMP/run/best.h5"
    run_hpac evaluate "$TMP/run" --labels "$DATA/train.csv" --images "$DATA/train"
    assert_exit 3
    assert_error_has "$TMP/run: the run is unfinished and has no model yet"
}

@test "info of a cross-validation and of a sweep lists the runs" {
    run_hpac info "$MADE/folds"
    assert_exit 0
    assert_output_has "$MADE/folds: a cross-validation"
    [[ $(grep -c ' finished  *2 ' <<<"$output") -eq 3 ]] || fail_with "expected three folds"
    printf 'config: %s\nset: {train.epochs: 1}\ngrid: {train.seed: [1, 2]}\n' "$MADE/small.yaml" \
        >"$TMP/sweep.yaml"
    run_hpac sweep "$TMP/sweep.yaml" --device cpu --out "$TMP/sweep" --quiet
    assert_exit 0
    rm -r "$TMP/sweep/seed=2"
    run_hpac info "$TMP/sweep"
    assert_exit 0
    assert_output_has "$TMP/sweep: a sweep"
    [[ $(tr -s ' ' <<<"$output") == *" seed=1 finished 1 1 "*" seed=2 missing - "* ]] ||
        fail_with "expected both runs"
    # A directory that holds it, and others.
    run_hpac info "$TMP"
    assert_exit 0
    assert_output_has "$TMP: a directory of runs"
    [[ $(tr -s ' ' <<<"$output") == *" sweep/seed=1 finished 1 1 "*" sweep/seed=2 missing - "* ]] ||
        fail_with "expected the runs of the sweep"
    mkdir "$TMP/other" # nothing of ours
    cp -r "$MADE/folds" "$MADE/run" "$TMP"
    rm -r "$TMP/folds/fold2"
    mkdir "$TMP/others"
    mv "$TMP/folds" "$TMP/run" "$TMP/sweep" "$TMP/other" "$TMP/others"
    mkdir -p "$TMP/others/empty/fold0"
    run_hpac info "$TMP/others/"
    assert_exit 0
    [[ $(sed -n 's/^ *\([^ ]*\)  *finished .*/\1/p' <<<"$output" | paste -sd' ') == \
        "folds/fold0 folds/fold1 run sweep/seed=1" ]] || fail_with "expected all finished runs"
    rm -r "$TMP/others/empty"
    mv "$TMP/others/sweep" "$TMP"
    run_hpac evaluate "$TMP/sweep" --labels "$DATA/train.csv" --images "$DATA/train"
    assert_exit 3
    assert_error_has "directory of a sweep; expected one of its runs"
}
