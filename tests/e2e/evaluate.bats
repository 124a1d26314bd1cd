# hpac evaluate: rows, thresholds, and what is refused. The measures themselves are held against
# scikit-learn's by the unit tests.

load helpers

setup_file() { small_models 1 --count 90 --test-count 1 --seed 5; }

setup() {
    helpers_setup
    cp -r "$MADE/run" "$MADE/folds" "$TMP/"
}

evaluate() {
    run_hpac evaluate "$@" --labels "$DATA/train.csv" --images "$DATA/train" --device cpu
}

# cell FILE ROW COLUMN: of a CSV without quotes, the column by its name.
cell() {
    awk -F, -v row="$2" -v name="$3" 'NR == 1 {for (i = 1; i <= NF; i++) if ($i == name) c = i}
        NR == row + 1 {print $c}' "$1"
}

# assert_near A B
assert_near() {
    awk -v a="$1" -v b="$2" 'BEGIN {d = a - b; exit !(a != "" && b != "" && d < 2e-7 && d > -2e-7)}' ||
        fail_with "expected equal numbers: $1 and $2"
}

@test "evaluating the model's own fold gives the training's metrics" {
    evaluate "$TMP/run" --out "$TMP/out"
    assert_exit 0
    assert_output_has "validation rows of fold 0 of 3: 30 images"
    assert_close_csv "$TMP/run/predictions.csv" "$TMP/out/evaluation_predictions.csv"
    local whole=$TMP/out/evaluation.csv metrics=$TMP/run/metrics.csv pair
    for pair in loss:val_loss prior_loss:val_prior_loss accuracy:val_accuracy f1_min:val_f1_min \
        all_zero_accuracy:val_all_zero_accuracy f1_mean:val_f1_mean f1_std:val_f1_std; do
        assert_near "$(cell "$whole" 1 "${pair%:*}")" "$(cell "$metrics" 2 "${pair#*:}")"
    done
    assert_line_count 4 "$TMP/out/class_evaluation.csv"
    [[ $(cell "$TMP/out/class_evaluation.csv" 1 class) == Cytosol ]] # the order of the targets
    diff <(tail -n 3 "$TMP/run/class_metrics.csv" | cut -d, -f2-6) \
        <(tail -n 3 "$TMP/out/class_evaluation.csv" | cut -d, -f1-5)
}

@test "an existing evaluation is replaced only with --force" {
    evaluate "$TMP/run" --out "$TMP/out"
    assert_exit 0
    cp -r "$TMP/out" "$TMP/before"
    rm "$TMP/out/evaluation.csv"
    evaluate "$TMP/run" --all --out "$TMP/out"
    assert_exit 2
    assert_no_output
    assert_error_has "class_evaluation.csv"
    assert_error_has "--force"
    evaluate "$TMP/run" --out "$TMP/out" --force
    assert_exit 0
    diff -r "$TMP/before" "$TMP/out" >&2
}

@test "--force needs --out" {
    evaluate "$TMP/run" --force
    assert_exit 2
    assert_error_has "--force needs --out"
    assert_no_output
}

@test "a model file and its run directory give the same metrics at any batch size" {
    evaluate "$TMP/run" --out "$TMP/a"
    evaluate "$TMP/run/model.h5" --out "$TMP/b" --batch-size 7 --workers 2
    assert_exit 0
    assert_close_csv "$TMP/a/evaluation_predictions.csv" "$TMP/b/evaluation_predictions.csv"
    assert_close_csv "$TMP/a/class_evaluation.csv" "$TMP/b/class_evaluation.csv"
}

@test "rows the model was trained on give a warning" {
    evaluate "$TMP/run" --all
    assert_exit 0
    assert_output_has "all rows: 90 images"
    assert_error_has "trained on 60 of these 90 images"
    evaluate "$TMP/run" --fold 1
    assert_exit 0
    assert_output_has "fold 1 of 3"
    assert_error_has "trained on 30 of these 30 images"
    evaluate "$TMP/run" --folds 2 --fold 0 --seed 4
    assert_exit 0
    assert_output_has "validation rows of fold 0 of 2: 45 images"
    evaluate "$TMP/run"
    refute_error_has "trained on"
}

@test "--json has the values of the tables" {
    evaluate "$TMP/run" --json --quiet --out "$TMP/out"
    assert_exit 0
    assert_output_has '"images": 30,'
    [[ $(grep -c '"average_precision":' <<< "$output") == 3 ]]
    local loss
    loss=$(sed -n 's/.*"loss": \([0-9.e-]*\),.*/\1/p' <<< "$output")
    assert_near "$loss" "$(cell "$TMP/out/evaluation.csv" 1 loss)"
}

@test "tuned thresholds are saved, and never evaluated on the rows they were tuned on" {
    evaluate "$TMP/run" --tune-thresholds --out "$TMP/tuned"
    assert_exit 0
    assert_error_has "thresholds saved"
    assert_output_has "(evaluation half)"
    local evaluated
    evaluated=$(cell "$TMP/tuned/evaluation.csv" 1 images)
    [[ $evaluated -gt 0 && $evaluated -lt 30 ]]
    assert_error_has "tuned on $((30 - evaluated)) images, evaluated on the other $evaluated"
    # A later evaluation uses the same rows and the same thresholds.
    evaluate "$TMP/run" --out "$TMP/later"
    assert_exit 0
    assert_error_has "$((30 - evaluated)) images of the tuning half are excluded"
    assert_same "$TMP/tuned/class_evaluation.csv" "$TMP/later/class_evaluation.csv"
    # A class without an image in the tuning half keeps 0.5.
    sed 1d "$TMP/later/class_evaluation.csv" | cut -d, -f13 | grep -vqx 0.5 || fail_with "no tuned threshold"
    # The same half of all rows: the fold of a row does not decide whether it is evaluated.
    evaluate "$TMP/run" --all --out "$TMP/all"
    comm -13 <(cut -d, -f1 "$TMP/all/evaluation_predictions.csv" | sort) \
        <(cut -d, -f1 "$TMP/later/evaluation_predictions.csv" | sort) > "$TMP/extra"
    [[ ! -s $TMP/extra ]]
    # With given thresholds all rows are evaluated.
    evaluate "$TMP/run" --threshold 0.5
    assert_exit 0
    assert_output_has ": 30 images"
    # The weights are what they were.
    run_hpac info "$TMP/run/model.h5"
    assert_exit 0
    assert_output_has "p > 0."
    evaluate "$TMP/run" --threshold 0.5 --out "$TMP/half"
    assert_close_csv "$TMP/run/predictions.csv" "$TMP/half/evaluation_predictions.csv"
    # Tuning again replaces them by the same.
    cp "$TMP/run/model.h5" "$TMP/before.h5"
    evaluate "$TMP/run" --tune-thresholds --out "$TMP/again"
    assert_same "$TMP/tuned/class_evaluation.csv" "$TMP/again/class_evaluation.csv"
}

@test "--tune-thresholds is refused before the work where thresholds cannot be saved" {
    chmod 555 "$TMP/run"
    run_hpac_without_privilege evaluate "$TMP/run" --labels "$DATA/train.csv" \
        --images "$TMP/no-images" --device cpu --tune-thresholds
    chmod 755 "$TMP/run"
    assert_exit 2
    assert_error_has "--tune-thresholds: $TMP/run/model.h5: "
    assert_error_has "Permission denied"
}

@test "one tuned threshold serves all classes" {
    evaluate "$TMP/run" --tune-thresholds --one-threshold --out "$TMP/tuned"
    assert_exit 0
    assert_error_has "thresholds saved"
    local threshold
    threshold=$(cell "$TMP/tuned/class_evaluation.csv" 1 threshold)
    [[ $(cut -d, -f13 "$TMP/tuned/class_evaluation.csv" | tail -n +2 | sort -u) == "$threshold" ]]
    [[ $threshold != 0.5 ]]
    evaluate "$TMP/run" --out "$TMP/later" # it is in the file, and kept apart as others are
    assert_exit 0
    assert_error_has "images of the tuning half are excluded"
    assert_same "$TMP/tuned/class_evaluation.csv" "$TMP/later/class_evaluation.csv"
    evaluate "$TMP/folds" --tune-thresholds --one-threshold
    assert_exit 0
    evaluate "$TMP/run" --one-threshold
    assert_exit 2
    assert_error_has "--tune-thresholds"
}

@test "thresholds are not tuned on rows the model was trained on" {
    local before
    before=$(sha256sum < "$TMP/run/model.h5")
    evaluate "$TMP/run" --tune-thresholds --all
    assert_exit 2
    assert_error_has "trained on 60 of these 90 images"
    evaluate "$TMP/run" --tune-thresholds --fold 2
    assert_exit 2
    evaluate "$TMP/run" --tune-thresholds --threshold 0.3
    assert_exit 2
    [[ $(sha256sum < "$TMP/run/model.h5") == "$before" ]]
}

@test "training rows in another label file are recognized" {
    run_hpac split --labels "$DATA/train.csv" --out "$TMP/split"
    local side
    for side in train validation; do
        grep -F -f "$TMP/split/fold0_$side.csv" "$DATA/train.csv" > "$TMP/$side.csv"
    done
    run_hpac evaluate "$TMP/run" --labels "$TMP/train.csv" --images "$DATA/train" --device cpu \
        --all --tune-thresholds
    assert_exit 2
    assert_error_has "trained on 60 of these 60 images"
    run_hpac evaluate "$TMP/run" --labels "$TMP/validation.csv" --images "$DATA/train" --device cpu \
        --all --tune-thresholds
    assert_exit 0
    refute_error_has "trained on"
}

@test "a training whose label file is gone is not checked, with the reason" {
    cp "$DATA/train.csv" "$TMP/mine.csv"
    run_hpac train "$MADE/small.yaml" --device cpu --quiet --out "$TMP/mine" \
        --set data.labels="$TMP/mine.csv" --set train.epochs=1
    assert_exit 0
    evaluate "$TMP/mine" --all
    refute_error_has "cannot check"
    rm "$TMP/mine.csv"
    evaluate "$TMP/mine" --all
    assert_exit 0
    assert_error_has "cannot check whether the model was trained on these images: the label file of its training: $TMP/mine.csv: cannot open: No such file"
}

@test "a training does not inherit thresholds" {
    evaluate "$TMP/run" --tune-thresholds
    run_hpac train "$MADE/small.yaml" --device cpu --quiet --out "$TMP/next" \
        --set train.initial_model="$TMP/run/model.h5" --set train.epochs=1
    assert_exit 0
    run_hpac info "$TMP/next/model.h5"
    refute_output_has "p > 0."
}

@test "a cross-validation is evaluated fold by fold, each row once" {
    evaluate "$TMP/folds" --out "$TMP/out"
    assert_exit 0
    assert_output_has "3 folds, each evaluated by the model not trained on it: 90 images"
    refute_error_has "trained on"
    { head -n 1 "$TMP/folds/fold0/predictions.csv"
        tail -qn +2 "$TMP"/folds/fold{0,1,2}/predictions.csv; } > "$TMP/expected.csv"
    assert_close_csv "$TMP/expected.csv" "$TMP/out/evaluation_predictions.csv"
    [[ $(cut -d, -f1 "$TMP/out/evaluation_predictions.csv" | sort -u | wc -l) -eq 91 ]]
    evaluate "$TMP/folds" --all
    assert_exit 2
    evaluate "$TMP/folds" --tune-thresholds
    assert_exit 0
    local fold
    for fold in 0 1 2; do assert_error_has "fold$fold/model.h5: thresholds saved"; done
}

@test "a file of Keras needs --classes and rows" {
    local model=$ROOT/tests/golden/keras3_sequential.h5
    evaluate "$model" --all
    assert_exit 2
    assert_error_has "--classes"
    evaluate "$model" --classes Nucleoplasm --all
    assert_exit 2
    assert_error_has "1 classes are given"
    evaluate "$model" --classes "Nucleoplasm, 25 ,Lysosomes" --all
    assert_exit 0
    assert_output_has "Lysosomes"
    assert_error_has "cannot check whether the model was trained on these images"
    evaluate "$model" --classes "0,25,10"
    assert_exit 2
    assert_error_has "--all"
    evaluate "$model" --classes "0,25,10" --folds 3 --fold 1
    assert_exit 0
    cp "$model" "$TMP/keras.h5"
    # Refused before the work, which would end at the missing images.
    run_hpac evaluate "$TMP/keras.h5" --labels "$DATA/train.csv" --images "$TMP/no-images" \
        --device cpu --classes "0,25,10" --all --tune-thresholds
    assert_exit 2
    assert_error_has "--tune-thresholds: $TMP/keras.h5: thresholds are stored in models of hpac only"
    assert_same "$model" "$TMP/keras.h5"
}

@test "what contradicts the model is refused" {
    evaluate "$TMP/run" --classes "Nucleoplasm,Cytosol,Plasma membrane" # another order
    assert_exit 2
    assert_error_has "other classes"
    evaluate "$TMP/run" --classes "Cytosol,Nucleoplasm,Plasma membrane"
    assert_exit 0
    evaluate "$TMP/run" --pixels float32
    assert_exit 2
    evaluate "$TMP/run" --threshold 0.1,0.2
    assert_exit 2
    assert_error_has "3 classes"
    evaluate "$TMP/run" --threshold 0.1,0.2,0.3
    assert_exit 0
}

@test "wrong options are refused" {
    local bad
    for bad in "--fold 3" "--fold 0 --all" "--folds 2" "--all --folds 2" "--threshold nan" \
        "--threshold 1.5" "--threshold 0.5," "--threshold x" "--classes Cytosole" "--classes 0,0,1" \
        "--classes 28" "--pixels bytes" "--on-bad-image maybe" "--batch-size 0" "--folds 91 --fold 0" \
        "--method round --fold 0"; do
        # shellcheck disable=SC2086
        evaluate "$TMP/run" $bad
        [[ $status -eq 2 ]] || fail_with "expected exit code 2 of: $bad"
        assert_no_output
    done
}

@test "wrong files are refused" {
    printf 'Id,Target\n' > "$TMP/empty.csv"
    { cat "$DATA/train.csv"; sed -n 2p "$DATA/train.csv"; } > "$TMP/twice.csv"
    local file
    for file in "$TMP/empty.csv" "$TMP/twice.csv" "$TMP/none.csv" "$DATA/sample_submission.csv"; do
        run_hpac evaluate "$TMP/run" --labels "$file" --images "$DATA/train" --device cpu --all
        assert_exit 3
        assert_error_has "$file"
    done
    head -c 3000 "$TMP/run/model.h5" > "$TMP/short.h5"
    mkdir "$TMP/nothing"
    for file in "$TMP/short.h5" "$TMP/none.h5" "$DATA/train.csv" "$TMP/nothing" "$MADE/small.yaml"; do
        evaluate "$file"
        assert_exit 3
        assert_error_has "$file"
    done
    rm "$TMP/folds/fold1/model.h5"
    evaluate "$TMP/folds"
    assert_exit 3
    assert_error_has "fold1/model.h5"
}

@test "a table that is not the training's has no fold of the model's own" {
    tac "$DATA/train.csv" | grep -v '^Id,' | { echo Id,Target; cat; } > "$TMP/other.csv"
    run_hpac evaluate "$TMP/run" --labels "$TMP/other.csv" --images "$DATA/train" --device cpu
    assert_exit 2
    assert_error_has "$TMP/other.csv"
    run_hpac evaluate "$TMP/run" --labels "$TMP/other.csv" --images "$DATA/train" --device cpu --all
    assert_exit 0
    assert_error_has "trained on 60 of these 90 images" # by their Ids, wherever they stand
    cp "$DATA/train.csv" "$TMP/copy.csv" # the same rows are
    run_hpac evaluate "$TMP/run" --labels "$TMP/copy.csv" --images "$DATA/train" --device cpu
    assert_exit 0
    refute_error_has "trained"
}

@test "bad images are listed, or skipped" {
    cp -r "$DATA/train" "$TMP/images"
    local ids
    mapfile -t ids < <(tail -n +2 "$TMP/run/predictions.csv" | cut -d, -f1 | sed -n '2p;5p')
    rm "$TMP/images/${ids[0]}_green.png" "$TMP/images/${ids[1]}_green.png"
    run_hpac evaluate "$TMP/run" --labels "$DATA/train.csv" --images "$TMP/images" --device cpu
    assert_exit 3
    assert_error_has "${ids[0]}_green.png"
    assert_error_has "${ids[1]}_green.png"
    assert_error_has "2 of 30 images have missing or bad files; --on-bad-image skip leaves them out"
    run_hpac evaluate "$TMP/run" --labels "$DATA/train.csv" --images "$TMP/images" --device cpu \
        --on-bad-image skip
    assert_exit 0
    assert_output_has ": 28 images"
    assert_error_has "2 unreadable images are not counted"
}

@test "a cross-validation lists the bad images of all folds before the first computes" {
    cp -r "$DATA/train" "$TMP/images"
    local fold ids=()
    for fold in 1 2; do
        ids+=("$(sed -n 3p "$TMP/folds/fold$fold/predictions.csv" | cut -d, -f1)")
        rm "$TMP/images/${ids[-1]}_green.png"
    done
    run_hpac evaluate "$TMP/folds" --labels "$DATA/train.csv" --images "$TMP/images" --device cpu
    assert_exit 3
    assert_error_has "2 problems"
    assert_error_has "${ids[0]}_green.png"
    assert_error_has "${ids[1]}_green.png"
    run_hpac evaluate "$TMP/folds" --labels "$DATA/train.csv" --images "$TMP/images" --device cpu \
        --on-bad-image skip
    assert_exit 0
    assert_output_has ": 88 images"
}

@test "--tune-thresholds lists the bad images of both halves before the work" {
    cp -r "$DATA/train" "$TMP/images"
    local id
    for id in $(tail -n +2 "$TMP/run/predictions.csv" | cut -d, -f1); do
        echo "<html>" > "$TMP/images/${id}_green.png"
    done
    run_hpac evaluate "$TMP/run" --labels "$DATA/train.csv" --images "$TMP/images" --device cpu \
        --tune-thresholds
    assert_exit 3
    assert_error_has "30 problems"
}

@test "the real sample is evaluated" {
    real_data_or_skip
    run_hpac train configs/improved.yaml --device cpu --quiet --out "$TMP/real" \
        --set data.labels="$REAL_DATA/train_sample.csv" --set data.images="$REAL_DATA/train" \
        --set data.scale='{rows: 16, cols: 16}' --set train.epochs=2 --set train.batch_size=16
    assert_exit 0
    run_hpac evaluate "$TMP/real" --labels "$REAL_DATA/train_sample.csv" --images "$REAL_DATA/train" \
        --device cpu --out "$TMP/out"
    assert_exit 0
    assert_output_has "validation rows of fold 0 of 3: 22 images"
    assert_close_csv "$TMP/real/predictions.csv" "$TMP/out/evaluation_predictions.csv"
}
