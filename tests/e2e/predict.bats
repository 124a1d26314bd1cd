# hpac predict: the submission of a test set; and train --fold all, whose models it averages.

load helpers

setup_file() { small_models 2 --count 60 --test-count 11 --seed 6; }

setup() {
    helpers_setup
    IDS=$DATA/sample_submission.csv IMAGES=$DATA/test
    RUN=$MADE/run
}

# predict MODEL ARG...: into $TMP/out, whatever it has
predict() {
    run_hpac predict "$1" --images "$IMAGES" --ids "$IDS" --out "$TMP/out" --force --device cpu "${@:2}"
}

# Cytosol, Nucleoplasm, Plasma membrane of submission_proba.csv.
columns() {
    cut -d, -f1,2,23,27 "$1/submission_proba.csv"
}

@test "predict writes the same files as the training" {
    predict "$RUN"
    assert_exit 0
    [[ $output == "$TMP/out" ]] || fail_with "expected the directory alone on stdout"
    assert_error_has "to submit: $TMP/out/submission.csv (11 images"
    assert_same "$RUN/submission_proba.csv" "$TMP/out/submission_proba.csv"
    assert_same "$RUN/submission.csv" "$TMP/out/submission.csv"
    [[ $(find "$TMP/out" -type f | wc -l) -eq 2 ]]
    diff <(cut -d, -f1 "$IDS") <(cut -d, -f1 "$TMP/out/submission.csv")
}

@test "the order is that of the Ids, and a prediction does not depend on its neighbors" {
    local file
    for file in "$IDS" "$RUN/submission_proba.csv"; do
        { head -n 1 "$file"; tail -n +2 "$file" | tac; } > "$TMP/${file##*/}"
    done
    IDS=$TMP/sample_submission.csv
    local size
    for size in 1 64; do
        predict "$RUN/model.h5" --batch-size $size --workers 3
        assert_exit 0
        assert_same "$TMP/submission_proba.csv" "$TMP/out/submission_proba.csv"
    done
}

# A list of 1, 2, 3, 7, 8 and 64 images, which then stand at other positions than in the training's
# validation, with any batch size: the same bits as there.
@test "validation, evaluate and predict give the same bits on every CPU path" {
    local path count sizes=(1 2 3 7 8 64)
    for path in $(cpu_paths); do
        export HPAC_CPU=$path
        run_hpac train "$MADE/small.yaml" --device cpu --quiet --out "$TMP/$path" \
            --set data.split.fold=1 --set train.batch_size=7
        assert_exit 0
        run_hpac evaluate "$TMP/$path" --labels "$DATA/train.csv" --images "$DATA/train" \
            --device cpu --batch-size 3 --out "$TMP/ev-$path"
        assert_exit 0
        assert_same "$TMP/$path/predictions.csv" "$TMP/ev-$path/evaluation_predictions.csv"
        run_hpac evaluate "$TMP/$path" --labels "$DATA/train.csv" --images "$DATA/train" \
            --device cpu --all --out "$TMP/all-$path"
        assert_exit 0
        local all=$TMP/all-$path/evaluation_predictions.csv
        diff <(tail -n +2 "$TMP/$path/predictions.csv" | sort) \
            <(grep -Ff <(tail -n +2 "$TMP/$path/predictions.csv" | cut -d, -f1) "$all" | sort)
        IMAGES=$DATA/train
        for count in "${sizes[@]}"; do
            IDS=$TMP/ids.csv
            { echo Id && tail -n +4 "$DATA/train.csv" | cut -d, -f1 | head -n "$count" | tac; } > "$IDS"
            predict "$TMP/$path" --batch-size "$count"
            assert_exit 0
            diff <(columns "$TMP/out" | tail -n +2 | sort) \
                <(awk -F, -v OFS=, "{print \$1, \$3, \$4, \$2}" "$all" | grep -Ff <(tail -n +2 "$IDS") | sort)
        done
    done
}

@test "thresholds come from the command line, the model, or are 0.5" {
    local least
    least=$(tail -n +2 "$RUN/submission_proba.csv" | cut -d, -f2 | sort -g | head -n 1)
    predict "$RUN" --threshold 0
    assert_exit 0
    awk -F, 'NR > 1 && $2 != "0 21 25" {exit 1}' "$TMP/out/submission.csv"
    # In the order of the targets: Nucleoplasm's, a little above the least of the eleven.
    predict "$RUN" --threshold "1,$(awk -v p="$least" 'BEGIN {print p + 1e-5}'),1"
    assert_exit 0
    [[ $(grep -cE ',0$' "$TMP/out/submission.csv") -eq 10 ]]
    predict "$RUN" --threshold 1
    awk -F, 'NR > 1 && $2 != "" {exit 1}' "$TMP/out/submission.csv"
    # Tuned ones are in the file.
    cp -r "$RUN" "$TMP/tuned"
    run_hpac evaluate "$TMP/tuned" --labels "$DATA/train.csv" --images "$DATA/train" --device cpu \
        --tune-thresholds --out "$TMP/ev"
    assert_exit 0
    predict "$TMP/tuned"
    assert_exit 0
    cp "$TMP/out/submission.csv" "$TMP/own.csv"
    predict "$RUN" --threshold "$(tail -n +2 "$TMP/ev/class_evaluation.csv" | cut -d, -f13 | paste -sd,)"
    assert_same "$TMP/own.csv" "$TMP/out/submission.csv"
    predict "$TMP/tuned" --threshold 0.5
    assert_same "$RUN/submission.csv" "$TMP/out/submission.csv"
}

@test "predict says which thresholds it uses, and which of them are noise" {
    local options=(--labels "$DATA/train.csv" --images "$DATA/train" --device cpu)
    predict "$RUN"
    assert_error_has "thresholds: 0.5 for every class ($RUN"
    cp -r "$RUN" "$TMP/tuned"
    run_hpac evaluate "$TMP/tuned" "${options[@]}" --threshold 0.5 --out "$TMP/all"
    assert_exit 0
    run_hpac evaluate "$TMP/tuned" "${options[@]}" --tune-thresholds --out "$TMP/half"
    assert_exit 0
    predict "$TMP/tuned"
    assert_error_has "thresholds: tuned, from $TMP/tuned/model.h5: Cytosol "
    # The images of the class that are in the half on which it was tuned: of all, not of the other.
    local name count few=""
    while IFS=, read -r name count; do
        ((count >= 10)) || few+="${few:+, }$name ($count)"
    done < <(paste -d, "$TMP/all/class_evaluation.csv" "$TMP/half/class_evaluation.csv" | awk -F, '
        NR == 1 {for (i = NF / 2; i > 0; i--) at[$i] = i}
        NR > 1 {print $at["class"] "," $at["support"] - $(at["support"] + NF / 2)}')
    [[ -n $few ]]
    assert_error_has "tuned on fewer than 10 positive images are mostly noise: $few; --threshold 0.5"
    run_hpac info "$TMP/tuned/model.h5"
    count=${few##*(}
    assert_output_has "(tuned on ${count%)} positive images)"
    predict "$TMP/tuned" --threshold 0.5
    refute_error_has "thresholds"
}

@test "the fewest images that a threshold was tuned on count, in any model of a cross-validation" {
    local fold
    cp -r "$MADE/folds" "$TMP/"
    for fold in 0 1 2; do
        run_hpac evaluate "$TMP/folds/fold$fold" --labels "$DATA/train.csv" --images "$DATA/train" \
            --device cpu --tune-thresholds
        assert_exit 0
        run_hpac info "$TMP/folds/fold$fold/model.h5" --json
        printf '%s\n' "$output" >"$TMP/fold$fold.json"
    done
    python3 - "$TMP"/fold{0,1,2}.json >"$TMP/expected" <<'END'
import json, sys
folds = [json.load(open(path))["classes"] for path in sys.argv[1:]]
fewest = [(c[0]["name"], min(row["tuned_on_positives"] for row in c)) for c in zip(*folds)]
assert any(row["tuned_on_positives"] > n for row, (_, n) in zip(folds[0], fewest)), "nothing to tell apart"
print(", ".join("%s (%d)" % c for c in fewest if c[1] < 10))
END
    predict "$TMP/folds"
    assert_error_has "are mostly noise: $(<"$TMP/expected"); --threshold 0.5"
}

@test "--empty argmax predicts the most probable class where no class reaches its threshold" {
    predict "$RUN" --threshold 1 --empty argmax
    assert_exit 0
    awk -F, 'NR > 1 {c = 0; if ($23 > $2) c = 21; if ($27 > $2 && $27 > $23) c = 25; print $1 "," c}' \
        "$TMP/out/submission_proba.csv" > "$TMP/expected"
    diff "$TMP/expected" <(tail -n +2 "$TMP/out/submission.csv")
    predict "$RUN" --empty zero
    assert_exit 2
}

@test "all missing images are listed, and nothing is written" {
    cp -r "$DATA/test" "$TMP/images"
    IMAGES=$TMP/images
    local ids
    mapfile -t ids < <(sed -n '3p;4p;12p' "$DATA/sample_submission.csv" | cut -d, -f1)
    rm "$TMP/images/${ids[0]}_green.png" "$TMP/images/${ids[1]}_blue.png"
    head -c 900 "$DATA/test/${ids[2]}_blue.png" > "$TMP/images/${ids[2]}_blue.png"
    predict "$RUN"
    assert_exit 3
    assert_error_has "${ids[0]}_green.png"
    assert_error_has "${ids[1]}_blue.png"
    assert_no_file "$TMP/out"
    # Cut short inside: found while predicting.
    cp "$DATA/test/${ids[0]}_green.png" "$DATA/test/${ids[1]}_blue.png" "$TMP/images"
    predict "$RUN" --batch-size 2
    assert_exit 3
    assert_error_has "${ids[2]}_blue.png"
    [[ -z $(ls "$TMP/out") ]]
}

@test "--on-bad-image skip leaves empty cells, and every row where it was" {
    cp -r "$DATA/test" "$TMP/images"
    IMAGES=$TMP/images
    local rows=(2 3 7 12) row id
    for row in "${rows[@]}"; do
        id=$(sed -n "${row}p" "$IDS" | cut -d, -f1)
        rm "$TMP/images/${id}_blue.png"
    done
    predict "$RUN" --on-bad-image skip --batch-size 2 --empty argmax --threshold 0.5
    assert_exit 0
    assert_error_has "4 of 11 images are unreadable"
    diff <(cut -d, -f1 "$IDS") <(cut -d, -f1 "$TMP/out/submission.csv")
    for row in "${rows[@]}"; do
        id=$(sed -n "${row}p" "$IDS" | cut -d, -f1)
        assert_error_has "${id}_blue.png"
        [[ $(sed -n "${row}p" "$TMP/out/submission.csv") == "$id," ]]
        [[ $(sed -n "${row}p" "$TMP/out/submission_proba.csv") =~ ^$id,{28}$ ]]
    done
    sed '2d;3d;7d;12d' "$RUN/submission_proba.csv" > "$TMP/expected.csv"
    sed -i '2d;3d;7d;12d' "$TMP/out/submission_proba.csv"
    assert_close_csv "$TMP/expected.csv" "$TMP/out/submission_proba.csv"
    rm "$TMP"/images/*
    predict "$RUN" --on-bad-image skip
    assert_exit 3
    IMAGES=$TMP/nowhere
    predict "$RUN" --on-bad-image skip
    assert_exit 3
    assert_error_has "$TMP/nowhere"
}

@test "wrong Ids are refused" {
    local text
    IDS=$TMP/ids.csv
    for text in '' 'Id,Predicted\n' 'Name,Predicted\na,0\n' 'Id\n../x\n'; do
        # shellcheck disable=SC2059
        printf "$text" > "$IDS"
        predict "$RUN"
        assert_exit 3
        assert_error_has "$IDS"
    done
    cat "$DATA/sample_submission.csv" <(sed -n 3p "$DATA/sample_submission.csv") > "$IDS"
    predict "$RUN"
    assert_exit 3
    assert_error_has "$IDS:13"
    assert_no_file "$TMP/out"
}

@test "wrong models are refused" {
    head -c 5000 "$RUN/model.h5" > "$TMP/short.h5"
    : > "$TMP/empty.h5"
    mkdir "$TMP/directory"
    local model
    for model in "$TMP/short.h5" "$TMP/empty.h5" "$TMP/none.h5" "$TMP/directory" /dev/null \
        "$DATA/train.csv"; do
        predict "$model"
        assert_exit 3
        assert_error_has "$model"
    done
    predict "$ROOT/tests/golden/keras3_sequential.h5"
    assert_exit 2
    assert_error_has "--classes"
    assert_no_file "$TMP/out"
    predict "$ROOT/tests/golden/keras3_sequential.h5" --classes 3,4,5
    assert_exit 0
    awk -F, 'NR > 1 && ($2 != "0" || !($5 > 0 && $6 > 0 && $7 > 0) || $8 != "0") {exit 1}' \
        "$TMP/out/submission_proba.csv"
}

@test "an existing submission is replaced only with --force" {
    local file
    for file in submission_proba.csv submission.csv; do
        mkdir "$TMP/out"
        echo old > "$TMP/out/$file"
        run_hpac predict "$RUN" --images "$IMAGES" --ids "$IDS" --out "$TMP/out" --device cpu
        assert_exit 2
        assert_no_output
        assert_error_has "$file"
        assert_error_has "--force"
        [[ $(ls "$TMP/out") == "$file" && $(cat "$TMP/out/$file") == old ]]
        predict "$RUN"
        assert_exit 0
        assert_same "$RUN/$file" "$TMP/out/$file"
        rm -r "$TMP/out"
    done
    # Into the current directory, if no other is named; a run's own is safe too.
    run bash -c 'cd "$1" && "${@:2}"' - "$TMP" "$HPAC" predict "$RUN" --images "$IMAGES" --ids "$IDS"
    assert_exit 0
    assert_same "$RUN/submission.csv" "$TMP/submission.csv"
    run_hpac predict "$RUN" --images "$IMAGES" --ids "$IDS" --out "$RUN"
    assert_exit 2
}

@test "an earlier submission is kept until the new one is complete" {
    mkdir "$TMP/out"
    echo old > "$TMP/out/submission.csv"
    IDS=$TMP/none.csv
    predict "$RUN"
    assert_exit 3
    [[ $(cat "$TMP/out/submission.csv") == old ]]
}

@test "an unwritable directory is refused" {
    run_hpac predict "$RUN" --images "$IMAGES" --ids "$IDS" --out /proc/out --device cpu
    assert_exit 2
    assert_error_has "/proc/out"
}

@test "a full disk leaves no file" {
    small_disk_or_skip 4
    run_hpac predict "$RUN" --images "$IMAGES" --ids "$IDS" --out "$SMALL_DISK/out" --device cpu
    [[ $status -eq 2 || $status -eq 3 ]]
    [[ -z $(find "$SMALL_DISK" -mindepth 1) ]] || fail_with "expected nothing: $(find "$SMALL_DISK")"
}

@test "interrupted it leaves no file and exits 130" {
    # Many names of one image: several batches.
    local id n channel signal
    id=$(sed -n 2p "$DATA/sample_submission.csv" | cut -d, -f1)
    mkdir "$TMP/images"
    echo Id > "$TMP/ids.csv"
    for ((n = 0; n < 200; n++)); do
        echo "many$n" >> "$TMP/ids.csv"
        for channel in green blue; do
            ln -s "$DATA/test/${id}_$channel.png" "$TMP/images/many${n}_$channel.png"
        done
    done
    for signal in INT TERM; do
        start_paused inference-batch predict "$RUN" --images "$TMP/images" --out "$TMP/out" \
            --ids "$TMP/ids.csv" --device cpu --batch-size 1
        compgen -G "$TMP/out/*.tmp.*" > /dev/null || fail_with "expected files that are begun"
        signal_paused "$signal"
        assert_exit 130
        assert_error_has "nothing was written"
        if [[ $signal == INT ]]; then
            assert_no_file "$TMP/out"
            mkdir "$TMP/out" # not ours
        else
            [[ -z $(ls "$TMP/out") ]] || fail_with "expected an empty directory"
        fi
    done
}

@test "a cross-validation is averaged" {
    predict "$MADE/folds" --batch-size 4
    assert_exit 0
    local fold
    for fold in 0 1 2; do columns "$MADE/folds/fold$fold" > "$TMP/$fold"; done
    paste -d, "$TMP/0" "$TMP/1" "$TMP/2" <(columns "$TMP/out") | awk -F, 'NR > 1 {
        for (i = 2; i <= 4; i++) {
            d = ($i + $(i + 4) + $(i + 8)) / 3 - $(i + 12)
            if (d > 2e-7 || d < -2e-7) exit 1
        }
        rows++
    } END {exit rows != 11}'
    # They differ, so a mean is not one of them.
    assert_differ "$TMP/0" "$TMP/1"
    assert_differ "$TMP/0" <(columns "$TMP/out")
}

# The same files under other names: yellow as green, green as blue.
@test "the channels of the configuration are read in their order, when predicting too" {
    local file id
    for directory in train test; do
        mkdir -p "$TMP/renamed/$directory"
        for file in "$DATA/$directory"/*_green.png; do
            id=${file##*/}
            id=${id%_green.png}
            ln -s "${file%_green.png}_yellow.png" "$TMP/renamed/$directory/${id}_green.png"
            ln -s "$file" "$TMP/renamed/$directory/${id}_blue.png"
        done
    done
    run_hpac train "$MADE/small.yaml" --device cpu --quiet --out "$TMP/listed" \
        --set data.channels='[yellow, green]'
    assert_exit 0
    run_hpac train "$MADE/small.yaml" --device cpu --quiet --out "$TMP/counted" \
        --set data.channels=2 --set data.images="$TMP/renamed/train" \
        --set data.test.images="$TMP/renamed/test"
    assert_exit 0
    assert_same "$TMP/counted/losses.csv" "$TMP/listed/losses.csv"
    assert_same "$TMP/counted/submission_proba.csv" "$TMP/listed/submission_proba.csv"
    grep -qx '  channels: \[yellow, green\]' "$TMP/listed/config.yaml"
    grep -qx '  channels: 2' "$TMP/counted/config.yaml"
    predict "$TMP/listed"
    assert_exit 0
    assert_close_csv "$TMP/listed/submission_proba.csv" "$TMP/out/submission_proba.csv"
    run_hpac info "$TMP/listed/model.h5"
    assert_output_has "channels: yellow, green"
    run_hpac info "$TMP/counted/model.h5" --json
    assert_output_has '"channel_names": "green, blue"'
    # As many channels, but others.
    run_hpac train "$MADE/small.yaml" --device cpu --quiet --out "$TMP/listed" --resume \
        --set data.channels='[green, yellow]' --set train.epochs=4
    assert_exit 2
    assert_error_has "data.channels ([yellow, green], now [green, yellow])"
    cp -r "$MADE/folds" "$TMP/folds"
    run_hpac train "$MADE/small.yaml" --device cpu --quiet --out "$TMP/other" --fold 1 \
        --set data.channels='[blue, green]' --set train.epochs=1
    cp "$TMP/other/model.h5" "$TMP/folds/fold1/model.h5"
    predict "$TMP/folds"
    assert_exit 2
    assert_error_has "different channels"
}

@test "models that do not belong together are not averaged" {
    cp -r "$MADE/folds" "$TMP/folds"
    run_hpac train "$MADE/small.yaml" --device cpu --quiet --out "$TMP/other" --fold 1 \
        --set data.targets='[Cytosol, Plasma membrane, Nucleoplasm]' --set train.epochs=1
    assert_exit 0
    cp "$TMP/other/model.h5" "$TMP/folds/fold1/model.h5"
    predict "$TMP/folds"
    assert_exit 2
    assert_error_has "different classes"
    run_hpac train "$MADE/small.yaml" --device cpu --quiet --out "$TMP/wide" --fold 1 \
        --set data.channels=1 --set train.epochs=1
    cp "$TMP/wide/model.h5" "$TMP/folds/fold1/model.h5"
    predict "$TMP/folds"
    assert_exit 2
    assert_error_has "different channels"
    rm "$TMP/folds/fold1/model.h5" "$TMP/folds/fold2/model.h5"
    predict "$TMP/folds"
    assert_exit 3
    assert_error_has "fold1/model.h5"
    assert_error_has "fold2/model.h5"
    # Thresholds of one fold alone are no thresholds of all.
    cp -r "$MADE/folds" "$TMP/half"
    run_hpac evaluate "$TMP/half/fold0" --labels "$DATA/train.csv" --images "$DATA/train" \
        --device cpu --tune-thresholds
    assert_exit 0
    predict "$TMP/half"
    assert_exit 2
    assert_error_has "--threshold"
    assert_no_file "$TMP/out"
    predict "$TMP/half" --threshold 0.5
    assert_exit 0
}

@test "train --fold all makes one run per fold, and their mean" {
    local folds=$MADE/folds fold
    for fold in 0 1 2; do
        assert_file "$folds/fold$fold"/{model.h5,predictions.csv,metrics.csv,submission.csv}
        grep -q "fold: $fold" "$folds/fold$fold/config.yaml"
        grep -q '"state": "finished"' "$folds/fold$fold/run.json"
    done
    assert_no_file "$folds/fold3"
    # The same as the folds trained one by one.
    run_hpac train "$MADE/small.yaml" --device cpu --quiet --fold 1 --out "$TMP/one"
    assert_exit 0
    assert_same "$TMP/one/predictions.csv" "$folds/fold1/predictions.csv"
    assert_line_count 4 "$folds/folds.csv"
    local last
    last=$(tail -n 1 "$folds/fold2/losses.csv")
    [[ $(tail -n 1 "$folds/folds.csv") == "2,$last,"* ]]
    # Mean and standard deviation (n - 1) of the validation losses, by awk.
    local expected
    expected=$(awk -F, 'NR > 1 {n++; s += $4; q += $4 * $4}
        END {m = s / n; printf "val_loss %.4f +- %.4f", m, sqrt((q - n * m * m) / (n - 1))}' "$folds/folds.csv")
    grep -qF -- "$expected" "$folds/train.log"
}

@test "the folds decode each file once, in one epoch, too, with the same results" {
    run_hpac train "$MADE/small.yaml" --device cpu --fold all --set train.epochs=1 --out "$TMP/shared"
    assert_exit 0
    local channels
    channels=$(awk '$1 == "channels:" {print $2; exit}' "$TMP/shared/fold0/config.yaml")
    assert_error_has "data: $(((60 + 11) * channels)) image files decoded for 3 folds"
    run_hpac train "$MADE/small.yaml" --device cpu --fold all --set train.epochs=1 \
        --set data.cache_mib=0 --out "$TMP/anew"
    assert_exit 0
    assert_error_has "data: $(((60 + 11) * channels * 3)) image files decoded for 3 folds"
    assert_same "$TMP/shared/fold2/predictions.csv" "$TMP/anew/fold2/predictions.csv"
    assert_same "$TMP/shared/fold2/submission_proba.csv" "$TMP/anew/fold2/submission_proba.csv"
}

@test "finished folds are left alone, others continue" {
    cp -r "$MADE/folds" "$TMP/folds"
    rm -r "$TMP/folds/fold2" "$TMP/folds/folds.csv"
    cp "$TMP/folds/fold0/run.json" "$TMP/run0.json"
    run_hpac train "$MADE/small.yaml" --device cpu --fold all --out "$TMP/folds"
    assert_exit 0
    assert_error_has "fold0: already finished"
    assert_same "$TMP/run0.json" "$TMP/folds/fold0/run.json"
    assert_same "$MADE/folds/fold2/predictions.csv" "$TMP/folds/fold2/predictions.csv"
    # folds.csv again, the times apart.
    diff <(cut -d, -f1-11 "$MADE/folds/folds.csv") <(cut -d, -f1-11 "$TMP/folds/folds.csv")
    # One that was cut short wants --resume.
    sed -i 's/"finished"/"interrupted"/' "$TMP/folds/fold1/run.json"
    run_hpac train "$MADE/small.yaml" --device cpu --fold all --out "$TMP/folds"
    assert_exit 2
    assert_error_has "fold1"
    run_hpac train "$MADE/small.yaml" --device cpu --fold all --out "$TMP/folds" --resume
    assert_exit 0
    assert_same "$MADE/folds/fold1/predictions.csv" "$TMP/folds/fold1/predictions.csv"
}

@test "an interrupted cross-validation continues with --resume" {
    start_paused epoch:12 train "$MADE/small.yaml" --device cpu --fold all --out "$TMP/cut" --set train.epochs=10
    signal_paused INT
    assert_exit 130
    assert_error_has "--resume"
    assert_no_file "$TMP/cut/folds.csv" "$TMP/cut/fold2"
    run_hpac train "$MADE/small.yaml" --device cpu --fold all --out "$TMP/cut" --set train.epochs=10 --resume
    assert_exit 0
    assert_line_count 4 "$TMP/cut/folds.csv"
}

@test "a cross-validation whose directory another program used meanwhile changes nothing there" {
    start_paused create train "$MADE/small.yaml" --device cpu --fold all --out "$TMP/folds" --set train.seed=9
    cp -r "$MADE/folds" "$TMP/folds"
    signal_paused CONT
    assert_exit 2
    assert_error_has "files were added to this directory since it was checked"
    diff -r "$MADE/folds" "$TMP/folds" >&2
}

# Starts all folds again over those of $TMP/folds and stops them within fold 1.
force_and_stop() {
    start_paused epoch:12 train "$MADE/small.yaml" --device cpu --fold all --out "$TMP/folds" --force \
        --set train.epochs=10 "${@:2}"
    signal_paused "$1"
}

@test "--force removes all folds before the first, once everything is checked" {
    cp -r "$MADE/folds" "$TMP/folds"
    echo old > "$TMP/folds/report.html"
    cp -r "$TMP/folds" "$TMP/before"
    run_hpac train "$MADE/small.yaml" --device cpu --fold all --out "$TMP/folds" --force \
        --set data.labels="$TMP/nowhere.csv"
    assert_exit 3
    diff -r "$TMP/before" "$TMP/folds" >&2
    force_and_stop KILL --set train.seed=9
    assert_exit 137
    assert_no_file "$TMP/folds/fold2/run.json" "$TMP/folds/folds.csv" "$TMP/folds/report.html"
    run_hpac train "$MADE/small.yaml" --device cpu --fold all --out "$TMP/folds" --resume \
        --set train.epochs=10 --set train.seed=9
    assert_exit 0
    grep -q 'seed: 9' "$TMP/folds/fold2/config.yaml"
    cut -d, -f2 "$TMP/folds/folds.csv" | sed 1d | sort -u | diff - <(echo 10)
    force_and_stop INT
    assert_exit 130
    assert_error_has "continue with --resume in place of --force"
}

@test "--force, killed while it removes the folds, is needed again" {
    cp -r "$MADE/folds" "$TMP/folds"
    start_paused cleared:2 train "$MADE/small.yaml" --device cpu --fold all --out "$TMP/folds" --force
    signal_paused KILL
    assert_file "$TMP/folds/fold2/model.h5" # of the earlier folds
    run_hpac train "$MADE/small.yaml" --device cpu --fold all --out "$TMP/folds" --resume
    assert_exit 2
    assert_error_has "has files, but no fold of an earlier cross-validation"
    run_hpac train "$MADE/small.yaml" --device cpu --fold all --out "$TMP/folds" --force
    assert_exit 0
}

@test "a fold of another configuration is an error" {
    cp -r "$MADE/folds" "$TMP/folds"
    rm -r "$TMP/folds/fold2"
    cp -r "$TMP/folds" "$TMP/before"
    local way
    for way in "" --resume; do
        run_hpac train "$MADE/small.yaml" --device cpu --fold all --out "$TMP/folds" --set train.seed=9 $way
        assert_exit 2
        assert_error_has 'train.seed (0, now 9)'
        diff -r "$TMP/before" "$TMP/folds" >&2
    done
    # Other epochs are another configuration too, unless they are to be gone on to.
    run_hpac train "$MADE/small.yaml" --device cpu --fold all --out "$TMP/folds" --set train.epochs=4
    assert_exit 2
    assert_error_has "continue with --resume"
    diff -r "$TMP/before" "$TMP/folds" >&2
}

@test "finished folds continue for more epochs, each file decoded once" {
    cp -r "$MADE/folds" "$TMP/folds"
    run_hpac train "$MADE/small.yaml" --device cpu --fold all --out "$TMP/folds" --set train.epochs=4 --resume
    assert_exit 0
    local channels
    channels=$(awk '$1 == "channels:" {print $2; exit}' "$TMP/folds/fold0/config.yaml")
    assert_error_has "data: $(((60 + 11) * channels)) image files decoded for 3 folds"
    run_hpac train "$MADE/small.yaml" --device cpu --fold all --out "$TMP/whole" --set train.epochs=4
    assert_exit 0
    diff <(cut -d, -f1-11 "$TMP/whole/folds.csv") <(cut -d, -f1-11 "$TMP/folds/folds.csv")
    assert_same "$TMP/whole/fold1/predictions.csv" "$TMP/folds/fold1/predictions.csv"
    # Errors are reported before the first fold continues.
    cp -r "$TMP/folds" "$TMP/before"
    run_hpac train "$MADE/small.yaml" --device cpu --fold all --out "$TMP/folds" --set train.epochs=5 --resume \
        --set train.initial_model="$TMP/nowhere.h5"
    assert_exit 2
    diff -r "$TMP/before" "$TMP/folds" >&2
}

@test "train --fold all --json prints the rows of folds.csv" {
    cp -r "$MADE/folds" "$TMP/folds"
    run_hpac train "$MADE/small.yaml" --device cpu --quiet --fold all --json --out "$TMP/folds"
    assert_exit 0
    [[ $(grep -c '"fold": ' <<< "$output") -eq 3 ]] || fail_with "expected three rows"
    local column=1 name
    for name in $(head -n 1 "$TMP/folds/folds.csv" | tr , ' '); do
        paste <(grep -Eo "\"$name\": [^,}]+" <<< "$output" | cut -d ' ' -f 2) \
            <(sed 1d "$TMP/folds/folds.csv" | cut -d, -f $column) |
            awk '$1 + 0 != $2 + 0 || NF != 2 {bad = 1} END {exit bad || NR != 3}' || fail_with "$name differs"
        column=$((column + 1))
    done
    [[ $column -eq 14 ]]
}

@test "folds do not mix with other things" {
    run_hpac train "$MADE/small.yaml" --device cpu --fold all --out "$RUN"
    assert_exit 2
    assert_error_has "single run"
    mkdir "$TMP/mine"
    echo precious > "$TMP/mine/thesis"
    run_hpac train "$MADE/small.yaml" --device cpu --fold all --out "$TMP/mine"
    assert_exit 2
    [[ $(ls "$TMP/mine") == thesis ]]
    run_hpac train "$MADE/small.yaml" --device cpu --out "$MADE/folds"
    assert_exit 2
    local bad
    for bad in 3 -1 every 1.5 ''; do
        run_hpac train "$MADE/small.yaml" --device cpu --fold "$bad" --out "$TMP/run"
        assert_exit 2
    done
    run_hpac train "$MADE/small.yaml" --device cpu --fold all --dry-run --out "$TMP/dry"
    assert_exit 0
    assert_no_file "$TMP/dry" "$TMP/run"
}

@test "the real test images are predicted" {
    real_data_or_skip
    run_hpac train configs/improved.yaml --device cpu --quiet --out "$TMP/real" \
        --set data.labels="$REAL_DATA/train_sample.csv" --set data.images="$REAL_DATA/train" \
        --set data.scale='{rows: 16, cols: 16}' --set train.epochs=1 --set train.batch_size=16
    assert_exit 0
    IMAGES=$REAL_DATA/test IDS=$REAL_DATA/sample_submission_sample.csv
    predict "$TMP/real"
    assert_exit 0
    diff <(cut -d, -f1 "$IDS") <(cut -d, -f1 "$TMP/out/submission.csv")
    # Of the whole list most images are missing.
    IDS=$REAL_DATA/sample_submission.csv
    predict "$TMP/real"
    assert_exit 3
    assert_error_has _green.png
}
