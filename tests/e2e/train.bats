# hpac train: the run directory, its guarantees, and what is refused.

load helpers

setup_file() { small_data --count 60 --test-count 7 --seed 3; }

setup() {
    helpers_setup
    small_config > "$TMP/small.yaml"
}

train() {
    run_hpac train "$TMP/small.yaml" --device cpu --quiet "$@"
}

@test "train leaves the files of a run" {
    train --out "$TMP/run"
    assert_exit 0
    assert_output_has "$TMP/run"
    assert_file "$TMP"/run/{config.yaml,run.json,train.log,model.h5,best.h5,resume.h5}
    assert_line_count 4 "$TMP/run/losses.csv"        # header, 3 epochs
    assert_line_count 16 "$TMP/run/batch_losses.csv" # 40 images, batches of 8, 3 epochs
    assert_line_count 16 "$TMP/run/batch_counts.csv"
    assert_line_count 4 "$TMP/run/metrics.csv"
    assert_line_count 10 "$TMP/run/class_metrics.csv"
    assert_line_count 21 "$TMP/run/predictions.csv"
    assert_no_file "$TMP"/run/*.tmp.* "$TMP/run/submission.csv"
    [[ $(head -n 1 "$TMP/run/predictions.csv") == "Id,Nucleoplasm,Cytosol,Plasma membrane" ]]
    grep -q '"state": "finished"' "$TMP/run/run.json"
}

@test "a test set gives a submission in its order, with all 28 columns" {
    train --out "$TMP/run" --set data.test.images="$DATA/test" \
        --set data.test.ids="$DATA/sample_submission.csv"
    assert_exit 0
    assert_line_count 8 "$TMP/run/submission.csv"
    diff <(cut -d, -f1 "$DATA/sample_submission.csv") <(cut -d, -f1 "$TMP/run/submission.csv")
    diff <(cut -d, -f1 "$DATA/sample_submission.csv") <(cut -d, -f1 "$TMP/run/submission_proba.csv")
    awk -F, 'NF != 29 || (NR > 1 && $3 != "0") || (NR > 1 && !($2 > 0 && $2 < 1)) {exit 1}' \
        "$TMP/run/submission_proba.csv"
}

@test "an image has the same prediction as a validation row and as a test image" {
    run_hpac split --labels "$DATA/train.csv" --out "$TMP/folds"
    train --out "$TMP/run" --set data.test.images="$DATA/train" \
        --set data.test.ids="$TMP/folds/fold0_validation.csv"
    assert_exit 0
    assert_line_count 21 "$TMP/run/submission_proba.csv"
    # Class order is not the order of the targets: Nucleoplasm 0, Plasma membrane 21, Cytosol 25.
    diff <(cut -d, -f1-4 "$TMP/run/predictions.csv") \
        <(awk -F, '{print $1 "," $2 "," $27 "," $23}' "$TMP/run/submission_proba.csv")
}

@test "the same seed gives the same bits for any number of workers" {
    train --out "$TMP/a" --set data.workers=1
    assert_exit 0
    train --out "$TMP/b" --set data.workers=3 --set data.cache_mib=0
    assert_exit 0
    assert_same_training "$TMP/a" "$TMP/b"
    train --out "$TMP/c" --set train.seed=1
    assert_exit 0
    assert_differ "$TMP/a/losses.csv" "$TMP/c/losses.csv"
}

@test "a finished run is left alone, --force trains it again" {
    train --out "$TMP/run"
    assert_exit 0
    cp -r "$TMP/run" "$TMP/before"
    run_hpac train "$TMP/small.yaml" --device cpu --out "$TMP/run"
    assert_exit 0
    assert_error_has "already finished"
    assert_same "$TMP/run/run.json" "$TMP/before/run.json"
    train --out "$TMP/run" --force --set train.epochs=1
    assert_exit 0
    assert_line_count 2 "$TMP/run/losses.csv"
}

@test "a finished run is not used for another configuration" {
    train --out "$TMP/run" --set train.epochs=1
    assert_exit 0
    cp -r "$TMP/run" "$TMP/before"
    local options=(--set train.epochs=1 --set train.batch_size=4 --set model.4.rate=0.125)
    for quiet in "" --quiet --json --resume; do
        # shellcheck disable=SC2086
        run_hpac train "$TMP/small.yaml" --device cpu --out "$TMP/run" $quiet "${options[@]}"
        assert_exit 2
        assert_error_has "train.batch_size ("
        assert_error_has ", now 4), model.4 ({"
        assert_error_has "rate: 0.125})"
        refute_error_has train.epochs
        assert_no_output
    done
    diff -r "$TMP/before" "$TMP/run" >&2
}

@test "without --out, a run of another configuration has a directory of its own" {
    cd "$TMP"
    mkdir other
    sed 's/batch_size: [0-9]*/batch_size: 7/' small.yaml > other/small.yaml
    local options=(--device cpu --set train.epochs=1 --no-report)
    # choose CODE DIRECTORY ARG...: trains, or finds the finished run, and prints its directory
    choose() {
        run_hpac train "${options[@]}" "${@:3}"
        assert_exit "$1"
        [[ $output == "$2" ]]
    }
    choose 0 runs/small small.yaml
    choose 0 runs/small-2 other/small.yaml
    assert_error_has "runs/small has a run of another configuration: train.batch_size ("
    assert_error_has "now 7). The directory of this run: runs/small-2"
    choose 0 runs/small-3 small.yaml --set train.seed=5
    # Each belongs to its own.
    cp -r runs before
    choose 0 runs/small small.yaml
    choose 0 runs/small-2 other/small.yaml
    choose 0 runs/small-3 small.yaml --set train.seed=5
    choose 0 runs/small-3 small.yaml --set train.seed=5 --resume
    diff -r before runs >&2
    # Nothing of this configuration to continue; more epochs are.
    choose 2 "" small.yaml --set train.seed=6 --resume
    assert_error_has "runs/small: the run was started with another configuration: train.seed (0, now 6)"
    choose 0 runs/small-2 other/small.yaml --set train.epochs=2 --resume
    assert_line_count 3 runs/small-2/losses.csv
    # --force deletes no run of another configuration.
    choose 0 runs/small-4 small.yaml --set train.seed=6 --force
    choose 0 runs/small-3 small.yaml --set train.seed=5 --force
    for directory in small small-3; do
        assert_same runs/$directory/losses.csv before/$directory/losses.csv
    done
    assert_no_file runs/small-5
    # A cross-validation and a run do not share a directory.
    choose 0 runs/small-5 small.yaml --set data.split.folds=2 --fold all
    assert_error_has "runs/small has a single run"
    choose 0 runs/small-5 small.yaml --set data.split.folds=2 --fold all
    assert_file runs/small-5/fold1/model.h5
    choose 0 runs/small-6 small.yaml --set data.split.folds=2
    # Nor do a sweep and a run.
    mkdir runs/other
    printf 'config: ../small.yaml\ngrid: {train.seed: [1, 2]}\n' > other/other.yaml
    run_hpac sweep other/other.yaml --device cpu --set train.epochs=1
    assert_exit 0
    cp -r runs/other before/
    cp small.yaml other.yaml
    choose 0 runs/other-2 other.yaml --force
    assert_error_has "runs/other has a sweep. The directory of this run: runs/other-2"
    diff -r before/other runs/other >&2
}

@test "without --out, --force leaves a run alone whose configuration cannot be read" {
    cd "$TMP"
    run_hpac train small.yaml --device cpu --set train.epochs=1
    assert_exit 0
    echo 'newer: {key: 1}' >>runs/small/config.yaml
    cp -r runs/small before
    local force
    for force in "" --force; do
        # shellcheck disable=SC2086
        run_hpac train small.yaml --device cpu --set train.epochs=1 $force
        assert_exit 0
        assert_error_has "runs/small has a run whose config.yaml cannot be read. The directory of this run: runs/small-2"
    done
    diff -r before runs/small >&2
    # Killed before it had one, it is this one's.
    rm runs/small/config.yaml
    sed -i 's/"finished"/"running"/' runs/small/run.json
    run_hpac train small.yaml --device cpu --set train.epochs=1 --force
    assert_exit 0
    [[ $output == runs/small ]] || fail_with "expected the directory of the killed run"
}

@test "--resume without --out continues what was interrupted, not a finished run with fewer epochs" {
    cd "$TMP"
    run_hpac train small.yaml --device cpu --set train.epochs=1
    assert_exit 0
    cp -r runs/small before
    start_paused batch:12 train small.yaml --device cpu --set train.epochs=3
    signal_paused INT
    assert_exit 130
    assert_error_has "The directory of this run: runs/small-2"
    run_hpac train small.yaml --device cpu --set train.epochs=3 --resume
    assert_exit 0
    [[ $output == runs/small-2 ]] || fail_with "expected the interrupted run"
    assert_line_count 4 runs/small-2/losses.csv
    # Nor is one that is finished: it has a message of its own.
    run_hpac train small.yaml --device cpu --set train.epochs=3 --resume
    assert_exit 0
    [[ $output == runs/small-2 ]] || fail_with "expected the finished run"
    diff -r before runs/small >&2
    run_hpac train small.yaml --device cpu --set train.epochs=4 --resume
    assert_exit 0
    [[ $output == runs/small ]] || fail_with "expected the first that can have more epochs"
    assert_line_count 5 runs/small/losses.csv
}

@test "a finished run continues with --resume and more epochs, bit for bit" {
    train --out "$TMP/run" --set data.test='{images: '"$DATA/test, ids: $DATA/sample_submission.csv}"
    assert_exit 0
    cp -r "$TMP/run" "$TMP/before"
    sed -i "s|^  targets|  test: {images: $DATA/test, ids: $DATA/sample_submission.csv}\n  targets|" "$TMP/small.yaml"
    # Only when asked to, and not without something to go on from.
    run_hpac train "$TMP/small.yaml" --device cpu --out "$TMP/run" --set train.epochs=7
    assert_exit 2
    assert_error_has "finished after 3 epochs, not 7; --resume continues it"
    train --out "$TMP/run" --resume --set train.epochs=7 --set train.batch_size=4
    assert_exit 2
    assert_error_has "batch_size"
    mv "$TMP/run/resume.h5" "$TMP/resume.h5"
    train --out "$TMP/run" --resume --set train.epochs=7
    assert_exit 2
    assert_error_has "resume.h5"
    mv "$TMP/resume.h5" "$TMP/run/resume.h5"
    diff -r "$TMP/before" "$TMP/run" >&2
    train --out "$TMP/run" --resume --set train.epochs=2 # fewer than there are
    assert_exit 2
    assert_error_has "train.epochs (3, now 2)"
    train --out "$TMP/run" --resume
    assert_exit 0
    diff -r "$TMP/before" "$TMP/run" >&2
    train --out "$TMP/run" --resume --set train.epochs=7
    assert_exit 0
    grep -q '"state": "finished"' "$TMP/run/run.json"
    train --out "$TMP/whole" --set train.epochs=7
    assert_exit 0
    assert_same_training "$TMP/run" "$TMP/whole"
    local file
    for file in config.yaml model.h5; do
        assert_same "$TMP/run/$file" "$TMP/whole/$file"
    done
    assert_differ "$TMP/run/model.h5" "$TMP/before/model.h5"
}

# Its learning rates depend on where the training ends.
@test "a finished run whose schedule has ended is continued by another run" {
    local cosine=(--set 'train.schedule={type: cosine}' --set train.epochs=2)
    run_hpac train "$TMP/small.yaml" --device cpu --out "$TMP/run" "${cosine[@]}"
    assert_exit 0
    [[ ${stderr_lines[-1]} == "to train on: another run, with --set train.initial_model=$TMP/run/model.h5" ]]
    train --out "$TMP/run" --resume "${cosine[@]}" --set train.epochs=4
    assert_exit 2
    assert_error_has "train.epochs (2, now 4) (its schedule depends on train.epochs); start"
    train --out "$TMP/more" "${cosine[@]}" --set train.initial_model="$TMP/run/model.h5"
    assert_exit 0
}

@test "a run killed after its last epoch has predictions of all validation rows when resumed" {
    train --out "$TMP/whole"
    assert_exit 0
    start_paused epoch:3 train "$TMP/small.yaml" --device cpu --out "$TMP/broken"
    signal_paused KILL
    assert_line_count 4 "$TMP/broken/losses.csv"
    train --out "$TMP/broken" --resume
    assert_exit 0
    assert_same_training "$TMP/broken" "$TMP/whole"
    assert_same "$TMP/broken/model.h5" "$TMP/whole/model.h5"
}

@test "a finished run that is stopped while it continues can be resumed again" {
    train --out "$TMP/broken"
    assert_exit 0
    start_paused batch:17 train "$TMP/small.yaml" --device cpu --set train.epochs=400 --out "$TMP/broken" --resume
    signal_paused KILL
    resume_and_compare
}

@test "a run that stopped early does not continue, unless its patience is longer" {
    local stop=(--set train.early_stopping.min_delta=10)
    run_hpac train "$TMP/small.yaml" --device cpu --out "$TMP/run" --set train.epochs=5 \
        --set train.early_stopping.patience=2 "${stop[@]}"
    assert_exit 0
    [[ ${stderr_lines[-1]} == "to continue: the same command with --resume --set train.early_stopping.patience=4" ]]
    assert_line_count 4 "$TMP/run/losses.csv"
    cp -r "$TMP/run" "$TMP/before"
    train --out "$TMP/run" --resume --set train.epochs=9 --set train.early_stopping.patience=2 "${stop[@]}"
    assert_exit 0
    diff -r "$TMP/before" "$TMP/run" >&2
    train --out "$TMP/run" --resume --set train.epochs=9 --set train.early_stopping.patience=4 "${stop[@]}"
    assert_exit 0
    train --out "$TMP/whole" --set train.epochs=9 --set train.early_stopping.patience=4 "${stop[@]}"
    assert_same_training "$TMP/run" "$TMP/whole"
    assert_line_count 6 "$TMP/run/losses.csv"
}

@test "the validation loss and its prior are those of train.loss and of the positive weights" {
    local k losses=('{type: focal, gamma: 1.5, alpha: 0.25}' '{type: asymmetric, label_smoothing: 0.1}' '{type: bce}')
    for k in 0 1 2; do
        train --out "$TMP/run$k" --set "train.loss=${losses[k]}" --set 'train.positive_weights=[2, 0.5, 3]'
        assert_exit 0
        grep -q "guessing the best constants: " "$TMP/run$k/train.log"
    done
    # From the probabilities of the validation images, and a grid of constant ones.
    python3 - "$TMP" "$DATA/train.csv" << 'END'
import csv, math, sys
weights, classes = (2, 0.5, 3), {"Nucleoplasm": 0, "Cytosol": 25, "Plasma membrane": 21}
formulas = ((1.5, 1.5, 0, 0.25, 0), (1, 4, 0.05, 0, 0.1), (0, 0, 0, 0, 0))  # pos, neg, clip, alpha, smoothing
labels = {row["Id"]: {int(t) for t in row["Target"].split()} for row in csv.DictReader(open(sys.argv[2]))}

def loss(formula, weight, p, label):
    pos, neg, clip, alpha, smoothing = formula
    y = label * (1 - smoothing) + smoothing / 2
    n = min(1 - p + clip, 1)
    a = y * alpha + (1 - y) * (1 - alpha) if alpha else 1
    u = 1 - y * p - (1 - y) * n
    return -a * u ** (y * pos + (1 - y) * neg) * (weight * y * math.log(p) + (1 - y) * math.log(n))

def mean(values):
    return sum(values) / len(values)

for i, formula in enumerate(formulas):
    rows = list(csv.DictReader(open(f"{sys.argv[1]}/run{i}/predictions.csv")))
    ids = {row["Id"] for row in rows}
    val_loss, prior = [], []
    for weight, (name, number) in zip(weights, classes.items()):
        val_loss += [loss(formula, weight, float(row[name]), number in labels[row["Id"]]) for row in rows]
        p = mean([number in labels[id] for id in labels if id not in ids])
        q = mean([number in labels[id] for id in ids])
        best = min([1e-7] + [k / 4000 for k in range(1, 4000)],
                   key=lambda c: p * loss(formula, weight, c, 1) + (1 - p) * loss(formula, weight, c, 0))
        prior.append(q * loss(formula, weight, best, 1) + (1 - q) * loss(formula, weight, best, 0))
    last = list(csv.DictReader(open(f"{sys.argv[1]}/run{i}/metrics.csv")))[-1]
    for got, expected in ((last["val_loss"], mean(val_loss)), (last["val_prior_loss"], mean(prior))):
        assert abs(float(got) - expected) <= 1e-3 * expected, (i, got, expected)
END
}

# The 17th batch is the second of three that are accumulated, and of its epoch: what a checkpoint there
# has are gradients that no update was made of, the states of the optimizer, the average beside the weights.
@test "a run of any optimizer that is stopped, resumed and killed equals the unbroken one" {
    local recipe recipes=(
        'train.optimizer={type: sgd, momentum: 0.9, nesterov: true}' 'train.schedule={type: step, warm_up: 1}'
        'train.optimizer={type: adam}' 'train.schedule={type: cosine}'
        'train.optimizer={type: adamw}' 'train.schedule={type: one_cycle}'
        'train.optimizer={type: adadelta}' 'train.schedule={type: exponential}')
    local same=(--set train.accumulate=3 --set train.ema=0.9 --set train.clip_norm=0.5 --set train.l2=0.001
        --set 'train.layers=[{match: conv2d, trainable: false}, {match: dense, learning_rate_factor: 2}]'
        --set train.epochs=5)
    for ((recipe = 0; recipe < ${#recipes[@]}; recipe += 2)); do
        local options=("${same[@]}" --set "${recipes[recipe]}" --set "${recipes[recipe + 1]}")
        local whole=$TMP/whole$recipe broken=$TMP/broken$recipe file
        train --out "$whole" "${options[@]}"
        assert_exit 0
        start_paused batch:17 train "$TMP/small.yaml" --device cpu --out "$broken" "${options[@]}"
        signal_paused INT
        assert_exit 130
        start_paused epoch:1 train "$TMP/small.yaml" --device cpu --out "$broken" "${options[@]}" --resume
        signal_paused KILL
        train --out "$broken" "${options[@]}" --resume
        assert_exit 0
        assert_same_training "$whole" "$broken"
        for file in learning_rates.csv model.h5 best.h5; do
            assert_same "$whole/$file" "$broken/$file"
        done
    done
}

@test "a residual network with batch normalization, stopped, killed and resumed, equals the unbroken one" {
    cat "$TMP/small.yaml" - > "$TMP/residual.yaml" <<'YAML'
blocks:
  residual:
    layers:
    - {type: conv2d, filters: $filters, kernel: 3, padding: same, bias: false}
    - {type: batch_norm, momentum: 0.8}
    - {type: relu}
    - {type: conv2d, filters: $filters, kernel: 3, padding: same, bias: false}
    - {type: batch_norm, momentum: 0.8, name: main}
    - {type: add, inputs: [main, input]}
YAML
    local model='model=[{type: conv2d, filters: 8, kernel: 3, strides: 2, padding: same},
        {block: residual, filters: 8}, {type: relu, name: end}, {type: global_avgpool, name: mean},
        {type: global_maxpool, inputs: [end], name: peak}, {type: concat, inputs: [mean, peak]},
        {type: dense, units: classes, activation: sigmoid}]'
    local options=(--device cpu --set "$model" --set train.epochs=4 --set 'train.optimizer={type: adamw}'
        --set train.accumulate=2 --set train.ema=0.9)
    run_hpac train "$TMP/residual.yaml" "${options[@]}" --out "$TMP/whole"
    assert_exit 0
    start_paused batch:5 train "$TMP/residual.yaml" "${options[@]}" --out "$TMP/broken"
    signal_paused INT
    assert_exit 130
    start_paused epoch:1 train "$TMP/residual.yaml" "${options[@]}" --out "$TMP/broken" --resume
    signal_paused KILL
    run_hpac train "$TMP/residual.yaml" "${options[@]}" --out "$TMP/broken" --resume
    assert_exit 0
    assert_same_training "$TMP/whole" "$TMP/broken"
    assert_same "$TMP/whole/model.h5" "$TMP/broken/model.h5"
    run_hpac info --json "$TMP/whole/best.h5"
    assert_exit 0
    assert_output_has '"batch_norm"'
}

@test "a schedule that ends with the training keeps its epochs" {
    local cosine=(--set 'train.schedule={type: cosine}')
    train --out "$TMP/run" "${cosine[@]}"
    assert_exit 0
    train --out "$TMP/run" "${cosine[@]}" --resume --set train.epochs=9
    assert_exit 2
    assert_error_has "train.epochs"
}

@test "a rule of train.layers that matches no layer is an error" {
    train --out "$TMP/run" --set 'train.layers=[{match: conv3d, trainable: false}]'
    assert_exit 2
    assert_error_has "train.layers: conv3d matches no layer with weights"
    train --out "$TMP/run" --set 'train.layers=[{match: "*", trainable: false}]'
    assert_exit 2
    assert_error_has "all layers are frozen"
}

# interrupt_with DIRECTORY SIGNAL: in the fourth epoch, after two of its batches.
interrupt_with() {
    start_paused batch:17 train "$TMP/small.yaml" --device cpu --set train.epochs=400 --out "$1"
    signal_paused "$2"
}

# The epochs a stopped run has behind it, so that an unbroken one of the same length can be made.
resume_and_compare() {
    local epochs=$(($(grep -c . "$TMP/broken/losses.csv") + 3))
    train --out "$TMP/broken"
    assert_exit 2
    assert_error_has "--resume"
    train --out "$TMP/broken" --resume --set train.epochs=$epochs
    assert_exit 0
    train --out "$TMP/whole" --set train.epochs=$epochs
    assert_exit 0
    assert_same_training "$TMP/broken" "$TMP/whole"
}

@test "SIGINT saves and exits 130; the resumed run equals the unbroken one" {
    interrupt_with "$TMP/broken" INT
    assert_exit 130
    grep -q '"state": "interrupted"' "$TMP/broken/run.json"
    resume_and_compare
}

@test "SIGTERM saves and exits 130" {
    interrupt_with "$TMP/broken" TERM
    assert_exit 130
    resume_and_compare
}

@test "a killed run resumes and equals the unbroken one" {
    interrupt_with "$TMP/broken" KILL
    assert_exit 137
    resume_and_compare
}

@test "resuming with another configuration is refused, naming the key" {
    interrupt_with "$TMP/broken" INT
    train --out "$TMP/broken" --resume --set train.batch_size=4
    assert_exit 2
    assert_error_has "batch_size"
}

@test "a run continues with its data at another path" {
    cp -r "$DATA" "$TMP/here"
    sed "s|$DATA|$TMP/here|" "$TMP/small.yaml" > "$TMP/moved.yaml"
    run_hpac train "$TMP/moved.yaml" --device cpu --quiet --set train.epochs=1 --out "$TMP/run"
    assert_exit 0
    rm -r "$TMP/here"
    train --resume --out "$TMP/run"
    assert_exit 0
    train --out "$TMP/unbroken"
    assert_same_training "$TMP/unbroken" "$TMP/run"
}

@test "an initial model of other layers is refused, naming the first that differs" {
    train --out "$TMP/run" --set train.epochs=1
    assert_exit 0
    train --out "$TMP/other" --set train.initial_model="$TMP/run/model.h5" --set model.6.units=17
    assert_exit 3
    assert_error_has "model.h5: layer"
    assert_error_has "is dense 16, relu, expected dense 17, relu"
    assert_no_file "$TMP/other"
    train --out "$TMP/other" --set train.initial_model="$TMP/run/model.h5" --set data.channels=2
    assert_exit 3
    assert_error_has "model.h5: input of"
}

@test "an initial model of other channels is warned of, one of the same in any order is not" {
    train --out "$TMP/run" --set train.epochs=1 --set 'data.channels=[green, blue]'
    assert_exit 0
    train --out "$TMP/same" --set train.initial_model="$TMP/run/model.h5" --set data.channels=2
    assert_exit 0
    [[ $stderr != *"was trained with"* ]] || fail_with "a warning without a reason"
    train --out "$TMP/swapped" --set train.initial_model="$TMP/run/model.h5" \
        --set 'data.channels=[blue, green]'
    assert_exit 0
    [[ $stderr != *"was trained with"* ]] || fail_with "a warning without a reason"
    grep -qF "from channels [green, blue] to [blue, green]: conv2d" "$TMP/swapped/train.log"
    train --out "$TMP/other" --set train.initial_model="$TMP/run/model.h5" \
        --set 'data.channels=[red, green]'
    assert_exit 0
    assert_error_has "warning: $TMP/run/model.h5: was trained with data.channels [green, blue]"
    assert_error_has "this run has [red, green]"
}

@test "--resume without a checkpoint starts from the beginning" {
    run_hpac train "$TMP/small.yaml" --device cpu --no-report --out "$TMP/run" --resume
    assert_exit 0
    assert_error_has "$TMP/run: nothing to resume; starting from the beginning"
    assert_line_count 4 "$TMP/run/losses.csv"
}

@test "a directory with other files is not touched" {
    mkdir "$TMP/mine"
    echo precious > "$TMP/mine/model.h5"
    train --out "$TMP/mine"
    assert_exit 2
    assert_error_has "run.json"
    [[ $(cat "$TMP/mine/model.h5") == precious ]]
}

@test "the start fits a screen, an epoch a line; the end sums up and says what is next" {
    local test_set="data.test={images: $DATA/test, ids: $DATA/sample_submission.csv}" start
    run_hpac train "$TMP/small.yaml" --device cpu --out "$TMP/run" --set "$test_set"
    assert_exit 0
    start=$(grep -n "^epoch 1/3" <<< "$stderr" | cut -d: -f1)
    ((start <= 26)) || fail_with "expected at most 25 lines before the first epoch"
    awk 'length > 80 && /^epoch/ {exit 1}' <<< "$stderr" || fail_with "a line of an epoch is too long"
    [[ $(grep -cE "^epoch ./3  loss [0-9.]+  val_loss [0-9.]+\*? \(prior [0-9.]+\)  F1 [0-9.]+" <<< "$stderr") -eq 3 ]]
    refute_error_has "train.optimizer.rho"
    # train.log has all of it.
    grep -q "train.optimizer.rho " "$TMP/run/train.log"
    grep -q "epoch 3/3 .*accuracy .*F1 of a class" "$TMP/run/train.log"
    # The figures of the epoch with the lowest validation loss.
    python3 - "$TMP/run/metrics.csv" > "$TMP/expected" << 'END'
import csv, sys
best = min(csv.DictReader(open(sys.argv[1])), key=lambda row: float(row["val_loss"]))
print("best epoch: %s, val_loss %.4f (guessing the class frequencies: %.4f)"
      % (best["epoch"], float(best["val_loss"]), float(best["val_prior_loss"])))
print("  F1 %.3f, accuracy %.4f (all zero: %.4f)" % tuple(
      float(best[name]) for name in ("val_f1_mean", "val_accuracy", "val_all_zero_accuracy")))
END
    while IFS= read -r line; do assert_error_has "$line"; done < "$TMP/expected"
    assert_error_has "to submit: $TMP/run/submission.csv"
    assert_error_has "--resume --set train.epochs=6"
    run_hpac train "$TMP/small.yaml" --device cpu --out "$TMP/verbose" --set train.epochs=1 --verbose
    assert_error_has "train.optimizer.rho "
}

@test "a wide terminal has more of an epoch, a narrow one less" {
    # on_terminal COLUMNS: the last line of an epoch there
    on_terminal() {
        script -qec "stty cols $1; '$HPAC' train '$TMP/small.yaml' --device cpu --no-report \
            --out '$TMP/run$1'" /dev/null < /dev/null | tr -d '\r' | grep -o "epoch 3/3  .*"
    }
    require_tool script
    [[ $(on_terminal 200) == *" img/s"*"accuracy"*"F1 of a class"* ]]
    [[ $(on_terminal 60) == *"val_loss"*"(prior"* && $(on_terminal 50) != *" F1 "* ]]
}

@test "--dry-run checks and plans, and writes nothing" {
    run_hpac train "$TMP/small.yaml" --device cpu --dry-run --out "$TMP/run"
    assert_exit 0
    local line
    for line in "data: 60 images" "train.batch_size   " "memory, MiB" ", 3x3, relu"; do # the result, printed once
        assert_output_has "$line"
        refute_error_has "$line"
    done
    assert_no_file "$TMP/run"
    train --dry-run --out "$TMP/run" # with --quiet
    assert_exit 0
    [[ -z $output$stderr ]] || fail_with "expected nothing with --quiet"
}

@test "a trained model starts another training" {
    train --out "$TMP/first"
    assert_exit 0
    train --out "$TMP/second" --set train.initial_model="$TMP/first/model.h5" \
        --set train.optimizer.learning_rate=1e-30 --set train.epochs=1
    assert_exit 0
    # A step of next to nothing leaves the first run's predictions.
    assert_same "$TMP/first/predictions.csv" "$TMP/second/predictions.csv"
}

@test "early stopping ends a run whose validation loss does not improve" {
    train --out "$TMP/run" --set train.epochs=50 --set train.early_stopping.patience=2 \
        --set train.early_stopping.min_delta=10
    assert_exit 0
    assert_line_count 4 "$TMP/run/losses.csv" # the first is better than nothing, then two that are not
}

@test "positive weights raise the recall" {
    train --out "$TMP/plain" --set train.epochs=6
    train --out "$TMP/weighted" --set train.epochs=6 --set train.positive_weights='[50, 50, 50]'
    assert_exit 0
    local plain weighted
    plain=$(awk -F, 'NR > 1 && $1 == 6 {n += $4 + $5} END {print n}' "$TMP/plain/class_metrics.csv")
    weighted=$(awk -F, 'NR > 1 && $1 == 6 {n += $4 + $5} END {print n}' "$TMP/weighted/class_metrics.csv")
    [[ $weighted -gt $plain ]]
}

@test "all missing images are listed before the first step" {
    cp -r "$DATA" "$TMP/data"
    rm "$TMP"/data/train/0*_green.png
    local missing
    missing=$(comm -23 <(ls "$DATA/train") <(ls "$TMP/data/train"))
    [[ -n $missing ]]
    train --out "$TMP/run" --set data.images="$TMP/data/train"
    assert_exit 3
    local file
    for file in $missing; do assert_error_has "$file"; done
    assert_no_file "$TMP/run"
}

@test "a truncated image stops the run with its name, or is skipped and counted" {
    cp -r "$DATA" "$TMP/data"
    local id
    id=$(sed -n 5p "$DATA/train.csv" | cut -d, -f1)
    head -c 900 "$DATA/train/${id}_green.png" > "$TMP/data/train/${id}_green.png"
    train --out "$TMP/fails" --set data.images="$TMP/data/train"
    assert_exit 3
    assert_error_has "${id}_green.png"
    train --out "$TMP/skips" --set data.images="$TMP/data/train" --set data.on_bad_image=skip
    assert_exit 0
    assert_error_has "${id}_green.png"
    grep -q '"skipped_images": 1' "$TMP/skips/run.json"
}

@test "missing, empty and foreign files are skipped and counted, unless none is left" {
    cp -r "$DATA" "$TMP/data"
    local ids
    mapfile -t ids < <(sed -n '3p;5p;9p' "$DATA/train.csv" | cut -d, -f1)
    rm "$TMP/data/train/${ids[0]}_green.png"
    : >"$TMP/data/train/${ids[1]}_green.png"
    echo "<html>" >"$TMP/data/train/${ids[2]}_green.png"
    train --out "$TMP/fails" --set data.images="$TMP/data/train"
    assert_exit 3
    assert_error_has "3 problems"
    assert_error_has "not a PNG file, but an HTML page"
    [[ ${stderr_lines[-1]} == "$TMP/data/train: 3 of 60 images have missing or bad files; --set data.on_bad_image=skip leaves them out" ]]
    assert_no_file "$TMP/fails"
    train --out "$TMP/skips" --set data.images="$TMP/data/train" --set data.on_bad_image=skip
    assert_exit 0
    assert_error_has "3 of 60 images have missing or bad files"
    grep -q '"skipped_images": 3' "$TMP/skips/run.json"
    rm "$TMP/data/train/"*
    train --out "$TMP/none" --set data.images="$TMP/data/train" --set data.on_bad_image=skip
    assert_exit 3
    assert_error_has "$TMP/data/train: bad images: 60 problems"
    [[ ${stderr_lines[0]} == *"${stderr_lines[-2]}" && ${stderr_lines[-3]} == "and 50 more (all in /"* ]]
    # What may be behind it is the last line.
    [[ ${stderr_lines[-1]} == "$TMP/data/train: the directory is empty" ]]
    local id
    for id in a b c; do : > "$TMP/data/train/${id}_green.jpg"; done
    train --out "$TMP/none" --set data.images="$TMP/data/train"
    [[ ${stderr_lines[-1]} == *": the directory has 3 files, none named *_green.png; the first: a_green.jpg" ]]
    : > "$TMP/data/train/b_green.png"
    train --out "$TMP/none" --set data.images="$TMP/data/train"
    [[ ${stderr_lines[-1]} == *": the directory has 1 file named *_green.png, none with an Id of the table; the first: b_green.png" ]]
}

@test "of a directory that cannot be searched or listed nothing is claimed" {
    mkdir "$TMP/images"
    chmod 311 "$TMP/images"
    run_hpac_without_privilege train "$TMP/small.yaml" --dry-run --set data.images="$TMP/images"
    assert_exit 3
    assert_error_has "_green.png: cannot open: No such file or directory"
    refute_error_has "the directory"
    chmod 755 "$TMP/images"
    cp "$DATA"/train/*_green.png "$TMP/images"
    chmod 444 "$TMP/images"
    run_hpac_without_privilege train "$TMP/small.yaml" --dry-run --set data.images="$TMP/images"
    assert_exit 3
    assert_error_has "_green.png: cannot open: Permission denied"
    refute_error_has "the directory"
    chmod 755 "$TMP/images"
}

@test "what was skipped before a resume is counted and listed once, whatever comes after" {
    cp -r "$DATA" "$TMP/data"
    local ids id
    mapfile -t ids < <(sed -n '5p;9p' "$DATA/train.csv" | cut -d, -f1)
    for id in "${ids[@]}"; do
        head -c 900 "$DATA/train/${id}_green.png" >"$TMP/data/train/${id}_green.png"
    done
    sed -i "s|images: $DATA/train|images: $TMP/data/train\n  on_bad_image: skip|" "$TMP/small.yaml"
    interrupt_with "$TMP/run" KILL
    local listed
    listed=$(sed -n '/"skipped":/,/]/p' "$TMP/run/run.json" | tr -d ' \n')
    [[ $listed == '"skipped":["'${ids[0]}'","'${ids[1]}'"]'* ]] || fail_with "run.json: $listed"
    cp "$DATA/train/${ids[1]}_green.png" "$TMP/data/train/" # one is mended meanwhile
    train --out "$TMP/run" --resume --set train.epochs=$(($(grep -c . "$TMP/run/losses.csv") + 3))
    assert_exit 0
    grep -q '"skipped_images": 2' "$TMP/run/run.json"
    [[ $(sed -n '/"skipped":/,/]/p' "$TMP/run/run.json" | tr -d ' \n') == "$listed" ]]
    grep -q "skipped: 2" "$TMP/run/train.log"
}

@test "names and Ids need not be UTF-8" {
    local name=$'small\xff'
    cp "$TMP/small.yaml" "$TMP/$name.yaml"
    sed '2s/[^,]*/a\xff/' "$DATA/train.csv" >"$TMP/labels.csv" # without a file
    cd "$TMP"
    run_hpac train "$name.yaml" --device cpu --quiet --set data.labels=labels.csv \
        --set data.on_bad_image=skip --set train.epochs=1
    assert_exit 0
    [[ $output == "runs/$name" ]] || fail_with "another directory"
    grep -qF '"configuration": "small\\xff"' "runs/$name/run.json"
    grep -qF '"a\\xff"' "runs/$name/run.json"
    run_hpac info "runs/$name" --json
    assert_exit 0
    assert_output_has '"file": "runs/small\\xff/model.h5"'
    run_hpac train "$name.yaml" --device cpu --quiet --set data.labels=labels.csv \
        --set data.on_bad_image=skip --set train.epochs=2 --resume
    assert_exit 0
    grep -q '"skipped_images": 1' "runs/$name/run.json"
}

@test "a batch larger than the training set is refused" {
    train --out "$TMP/run" --set train.batch_size=41
    assert_exit 2
    assert_error_has "train.batch_size"
    assert_error_has "40 images"
    assert_no_file "$TMP/run"
    train --out "$TMP/run" --set train.batch_size=41 --set train.drop_last=false
    assert_exit 0
}

@test "batches that are accumulated until no update is left bring a warning" {
    local warning="warning: train.accumulate: 9 batches per update, but the training has 8; the weights stay as they are"
    train --out "$TMP/run" --set train.epochs=2 --set train.batch_size=10 --set train.accumulate=9
    assert_exit 0
    assert_error_has "$warning"
    train --out "$TMP/all" --set train.epochs=2 --set train.batch_size=10 --set train.accumulate=8
    assert_exit 0
    [[ $stderr != *warning* ]] || fail_with "a warning with one update"
}

@test "a softmax on images of several classes brings a warning" {
    local several=(awk -F, 'NR > 1 && split($2, a, " ") != 1' "$DATA/train.csv")
    [[ -n $("${several[@]}") ]]
    train --out "$TMP/run" --set data.targets=all --dry-run --set model.8.activation=softmax
    assert_exit 0
    assert_error_has "warning: model: softmax is for images of one class, but "
    awk -F, 'NR == 1 || split($2, a, " ") == 1' "$DATA/train.csv" >"$TMP/single.csv"
    train --out "$TMP/run" --set data.targets=all --dry-run --set model.8.activation=softmax \
        --set data.labels="$TMP/single.csv" --set train.batch_size=1
    assert_exit 0
    [[ $stderr != *warning* ]] || fail_with "a warning for images of one class"
}

@test "an unwritable run directory is refused before training" {
    train --out /proc/run
    assert_exit 2
    assert_error_has "/proc/run"
    touch "$TMP/file"
    train --out "$TMP/file/run"
    assert_exit 2
}

@test "a full disk ends the run with exit 3 and leaves complete files" {
    small_disk_or_skip 200
    train --out "$SMALL_DISK/run" --set train.epochs=3
    assert_exit 3
    run ! compgen -G "$SMALL_DISK/run/*.tmp.*"
}

@test "a loss that is not finite ends the run with exit 5 and the Ids of its batch" {
    train --out "$TMP/run" --set train.optimizer.learning_rate=1e38 --set train.shuffle=false
    assert_exit 5
    assert_error_has "not finite"
    grep -q '"state": "failed"' "$TMP/run/run.json"
    # The second batch at the latest: its Ids, or those of the first, all eight of them.
    run_hpac split --labels "$DATA/train.csv" --out "$TMP/folds"
    local batch found=0
    for batch in 2 10; do
        local all=1 id
        for id in $(tail -n +$batch "$TMP/folds/fold0_train.csv" | head -n 8); do
            grep -q "$id" "$TMP/run/train.log" || all=0
        done
        [[ $all -eq 0 ]] || found=1
    done
    [[ $found -eq 1 ]]
}

@test "a loss that is not finite ends a run of the default network's fused layers, too" {
    train --out "$TMP/run" --set train.optimizer.learning_rate=1e38 --set data.scale='{rows: 2, cols: 2}' \
        --set model='[{type: conv2d, filters: 16, kernel: 3, activation: relu}, {type: conv2d, filters: 32, kernel: 3, activation: relu}, {type: maxpool, size: 2}, {type: flatten}, {type: dense, units: classes, activation: sigmoid}]'
    assert_exit 5
    assert_error_has "not finite"
}

@test "a wrong directory is refused although bad images are skipped" {
    train --out "$TMP/run" --set data.on_bad_image=skip --set data.images="$TMP/nowhere"
    assert_exit 3
    assert_error_has "$TMP/nowhere"
    assert_no_file "$TMP/run"
}

@test "a run whose loader threads cannot be started ends with the reason" {
    # 256 stacks of 8 MiB do not fit into 1 GB of address space.
    run --separate-stderr bash -c 'ulimit -s 8192 -v 1000000; exec "$0" "$@"' "$HPAC" train \
        "$TMP/small.yaml" --device cpu --quiet --no-report --out "$TMP/run" --set data.workers=256
    assert_exit 1
    assert_error_has "cannot start loader thread"
}

@test "a bad test image is never left out of a submission" {
    cp -r "$DATA" "$TMP/data"
    local id
    id=$(sed -n 3p "$DATA/sample_submission.csv" | cut -d, -f1)
    head -c 900 "$DATA/test/${id}_green.png" > "$TMP/data/test/${id}_green.png"
    train --out "$TMP/run" --set data.on_bad_image=skip --set train.epochs=1 \
        --set data.test.images="$TMP/data/test" --set data.test.ids="$DATA/sample_submission.csv"
    assert_exit 3
    assert_error_has "${id}_green.png"
    refute_error_has "leaves them out"
    assert_no_file "$TMP/run/submission.csv"
}

@test "--force checks everything before it removes an old run" {
    train --out "$TMP/run" --set train.epochs=1
    assert_exit 0
    train --out "$TMP/run" --force --set train.initial_model="$TMP/none.h5"
    assert_exit 3
    assert_file "$TMP/run/model.h5"
    train --out "$TMP/run" --force --set train.epochs=1 --set train.initial_model="$TMP/run/model.h5"
    assert_exit 0
}

@test "resuming with changed labels is refused" {
    cp "$DATA/train.csv" "$TMP/train.csv"
    sed -i "s|$DATA/train.csv|$TMP/train.csv|" "$TMP/small.yaml"
    interrupt_with "$TMP/broken" INT
    assert_exit 130
    sed -i '2s/,.*/,3/' "$TMP/train.csv"
    train --out "$TMP/broken" --resume --set train.epochs=400
    assert_exit 3
    assert_error_has "train.csv"
}

@test "unknown keys, devices and files are refused" {
    train --out "$TMP/run" --set train.epoch=3
    assert_exit 2
    assert_error_has "train.epoch"
    run_hpac train "$TMP/small.yaml" --device gpu --out "$TMP/run"
    assert_exit 2
    run_hpac train "$TMP/none.yaml" --out "$TMP/run"
    assert_exit 2
    assert_error_has "none.yaml"
    assert_no_file "$TMP/run"
}

@test "--fold is a fold of the split, or all; it replaces that of the file" {
    small_config | sed 's/^  scale.*/&\n  split: {folds: 4, fold: 3}/' >"$TMP/small.yaml"
    local fold
    for fold in -1 4 x 1.5 "" 99999999999999999999; do
        train --dry-run --fold "$fold"
        assert_exit 2
        assert_error_has "hpac: --fold: expected all or an integer in [0, 3] (folds x repeats - 1), not \"$fold\""
    done
    run_hpac train "$TMP/small.yaml" --device cpu --dry-run --fold 2
    assert_output_has "(fold 2 of 4)"
    assert_output_has "data.split.fold "
    run_hpac train "$TMP/small.yaml" --device cpu --dry-run --fold 1 --set data.split.folds=2
    assert_output_has "(fold 1 of 2)"
}

@test "the real images are learned with any seed" {
    real_data_or_skip
    local seed
    for seed in 0 1 2; do
        train_real "$seed"
        assert_exit 0
        awk -F, 'END {exit !($2 < 0.15)}' "$TMP/run$seed/losses.csv"
    done
    assert_line_count 27 "$TMP/run0/submission.csv"
}

train_real() {
    run_hpac train configs/improved.yaml --device cpu --quiet --out "$TMP/run$1" \
        --set data.images="$REAL_DATA/train" --set data.labels="$REAL_DATA/train_sample.csv" \
        --set data.test.images="$REAL_DATA/test" \
        --set data.test.ids="$REAL_DATA/sample_submission_sample.csv" \
        --set train.epochs=30 --set train.batch_size=16 --set train.seed="$1"
}

@test "--profile reports time and bytes of every call, and changes nothing" {
    train --out "$TMP/plain" --set train.epochs=2
    assert_exit 0
    assert_no_file "$TMP/plain/profile.csv"
    run_hpac train "$TMP/small.yaml" --device cpu --profile --out "$TMP/profiled" \
        --set train.epochs=2
    assert_exit 0
    assert_same_training "$TMP/plain" "$TMP/profiled"
    assert_error_has "profile: 12 steps" # 5 to train on and 1 to validate, twice
    assert_error_has "GFLOP/s"
    local csv=$TMP/profiled/profile.csv call
    [[ $(head -n 1 "$csv") == call,calls,total_ms,mean_ms,share,bytes,gb_per_s,gflop,gflop_per_s ]]
    for call in "wait for the loader,12," "upload,10," "evaluate: upload,2," "forward 1: " "loss,10," "backward " \
        "update,10," "evaluate 1: " "evaluate: loss,2,"; do
        grep -q "^$call" "$csv" || fail_with "no row $call in $csv"
    done
    # Each row has its nine cells, a time, and a share of the whole that one call cannot exceed.
    awk -F, 'NF != 9 || (NR > 1 && !($3 >= 0 && $4 >= 0 && $5 <= 1)) {exit 1}' "$csv"
    # Two conv2d and two dense layers: their multiplications and additions are counted.
    [[ $(awk -F, '/^forward/ {n += $8} END {print (n > 0)}' "$csv") == 1 ]]
}

# With a profile the steps run call by call, without it they are repeated as graphs.
@test "on CUDA --profile changes nothing either, and reports calls for retained images" {
    cuda_simulator_or_skip
    local call device=(--device cuda --set train.epochs=2)
    run_hpac train "$TMP/small.yaml" "${device[@]}" --quiet --out "$TMP/plain"
    assert_exit 0
    run_hpac train "$TMP/small.yaml" "${device[@]}" --profile --out "$TMP/profiled"
    assert_exit 0
    assert_same_training "$TMP/plain" "$TMP/profiled"
    assert_error_has "profile: every call is timed; steps run call by call, not as a graph"
    for call in upload, retain, gather, "evaluate: upload," "evaluate: gather," "forward 1: pixels," loss, "backward " update, "evaluate 1: "; do
        grep -q "^$call" "$TMP/profiled/profile.csv" || fail_with "no row $call"
    done
}

@test "a --resume that is refused leaves the finished run as it was" {
    cp "$DATA/train.csv" "$TMP/train.csv"
    sed -i "s|labels: .*|labels: $TMP/train.csv|" "$TMP/small.yaml"
    train --out "$TMP/run"
    assert_exit 0
    cp -r "$TMP/run" "$TMP/before"
    sed -i '$d' "$TMP/train.csv"
    train --out "$TMP/run" --resume --set train.epochs=4
    assert_exit 3
    assert_error_has "rows differ from those the run was started with"
    diff -r "$TMP/before" "$TMP/run" >&2
    cp "$DATA/train.csv" "$TMP/train.csv"
    head -c 500 "$TMP/before/resume.h5" > "$TMP/run/resume.h5"
    train --out "$TMP/run" --resume --set train.epochs=4
    assert_exit 3
    assert_error_has "resume.h5"
    diff -r -x resume.h5 "$TMP/before" "$TMP/run" >&2
}

@test "run.json has the epochs of a continued run from its start" {
    train --out "$TMP/run"
    assert_exit 0
    start_paused batch train "$TMP/small.yaml" --device cpu --set train.epochs=400 --out "$TMP/run" --resume
    grep -q '"state": "running"' "$TMP/run/run.json"
    [[ $(sed -n 's/.*"epochs": \([0-9]*\).*/\1/p' "$TMP/run/run.json") -ge 3 ]] || fail_with "$(cat "$TMP/run/run.json")"
    signal_paused KILL
}

# Resumes the finished run $TMP/run and stops it in its fifth epoch.
stop_in_an_epoch() {
    start_paused batch:7 train "$TMP/small.yaml" --device cpu --set train.epochs=400 --out "$TMP/run" --resume
    signal_paused INT
    assert_exit 130
    [[ $stderr =~ "after 4 epochs and "[2-4] ]] || fail_with "expected the fifth epoch to be cut"
}

@test "a run interrupted in an epoch does not end in it, however few epochs are configured" {
    train --out "$TMP/run"
    assert_exit 0
    stop_in_an_epoch
    local done=4
    cp -r "$TMP/run" "$TMP/before"
    local epochs
    for epochs in "$done" 2; do
        train --out "$TMP/run" --resume --set train.epochs="$epochs"
        assert_exit 2
        assert_error_has "train.epochs: $epochs, but "
        diff -r "$TMP/before" "$TMP/run" >&2
    done
    # Early stopping ends the epoch under way first.
    train --out "$TMP/run" --resume --set train.epochs=400 --set train.early_stopping.patience=1 \
        --set train.early_stopping.min_delta=10
    assert_exit 0
    [[ $(tail -n 1 "$TMP/run/batch_losses.csv" | cut -d, -f1) == $((5 * ($(wc -l < "$TMP/run/losses.csv") - 1))) ]]
    train --out "$TMP/run" --resume --set train.epochs=$((done + 3))
    assert_exit 0
    train --out "$TMP/whole" --set train.epochs=$((done + 3))
    assert_same_training "$TMP/run" "$TMP/whole"
}

@test "images per second are those of the whole epoch, also of one that was stopped" {
    train --out "$TMP/run"
    assert_exit 0
    start_paused batch:2 train "$TMP/small.yaml" --device cpu --set train.epochs=400 --out "$TMP/run" --resume
    sleep 1 # of the epoch's time
    signal_paused INT
    assert_exit 130
    [[ $stderr =~ "epochs and "[2-4]" batches" ]] || fail_with "expected an epoch to be cut"
    local epochs
    epochs=$(sed -En 's/^hpac: interrupted after ([0-9]+) epochs?.*/\1/p' <<< "$stderr")
    train --out "$TMP/run" --resume --set train.epochs=$((epochs + 1))
    assert_exit 0
    # 40 images in a second and a bit.
    local rate
    rate=$(awk -F, 'NR == 1 {for (i = 1; i <= NF; i++) at[$i] = i} END {print $at["train_images_per_s"]}' "$TMP/run/metrics.csv")
    awk "BEGIN {exit !($rate > 0 && $rate < 40)}" || fail_with "expected 40 images in more than a second, got $rate a second"
}

@test "a continued run removes the files of its earlier end" {
    require_tool gnuplot
    REPORTS=yes
    sed -i "s|^  targets|  test: {images: $DATA/test, ids: $DATA/sample_submission.csv}\n  targets|" "$TMP/small.yaml"
    run_hpac train "$TMP/small.yaml" --device cpu --quiet --out "$TMP/run" --profile
    assert_exit 0
    local file ends=(predictions.csv submission.csv submission_proba.csv model.h5 profile.csv report.html plots)
    for file in "${ends[@]}"; do
        [[ -e $TMP/run/$file ]] || fail_with "expected $file"
    done
    cp -r "$TMP/run" "$TMP/copy"
    # To its new end, but without report and profile.
    run_hpac train "$TMP/small.yaml" --device cpu --quiet --out "$TMP/copy" --resume --set train.epochs=4 --no-report
    assert_exit 0
    assert_file "$TMP/copy/predictions.csv" "$TMP/copy/model.h5"
    assert_no_file "$TMP/copy/report.html" "$TMP/copy/plots" "$TMP/copy/profile.csv"
    # Stopped before it.
    stop_in_an_epoch
    for file in "${ends[@]}"; do
        assert_no_file "$TMP/run/$file"
    done
    # The weights are still to be had.
    run_hpac predict "$TMP/run/resume.h5" --images "$DATA/test" --ids "$DATA/sample_submission.csv" --out "$TMP/predicted"
    assert_exit 0
}

@test "--json prints the final metrics instead of the directory" {
    run_hpac train "$TMP/small.yaml" --device cpu --quiet --json --out "$TMP/run"
    assert_exit 0
    [[ -z $stderr ]]
    refute_output_has "$TMP/run"
    # Those of the last row of metrics.csv; JSON has digits that change no double.
    local name value
    for name in train_loss val_loss val_accuracy val_f1_mean val_f1_std; do
        value=$(awk -F, -v name=$name 'NR == 1 {for (i = 1; i <= NF; i++) if ($i == name) at = i} END {print $at}' "$TMP/run/metrics.csv")
        awk -v name="\"final_$name\":" -v value="$value" '$1 == name {found = $2 + 0 == value + 0} END {exit !found}' \
            <<< "$output" || fail_with "expected $value as $name"
    done
    [[ $(grep -Eo '"steps": [0-9]+' <<< "$output") == '"steps": 15' ]]
    train --json --dry-run --out "$TMP/other"
    assert_exit 2
    assert_error_has "--json"
    assert_no_output
}

@test "paths of the configuration may begin with ~ and have environment variables" {
    mkdir "$TMP/home"
    ln -s "$DATA" "$TMP/home/data"
    small_config | sed "s#$DATA#~/data#" > "$TMP/home.yaml"
    grep -q 'labels: ~' "$TMP/home.yaml"
    HOME=$TMP/home run_hpac train "$TMP/home.yaml" --device cpu --quiet --out "$TMP/run" \
        --set train.epochs=1
    assert_exit 0
    grep -q "labels: $TMP/home/data/train.csv" "$TMP/run/config.yaml"
    HPAC_DATA=$DATA run_hpac train "$TMP/home.yaml" --dry-run --device cpu \
        --set 'data.labels=${HPAC_DATA}/train.csv' --set 'data.images=$HPAC_DATA/train'
    assert_exit 0
    run_hpac train "$TMP/home.yaml" --dry-run --device cpu --set 'data.labels=${HPAC_NOT_SET}/train.csv'
    assert_exit 2
    assert_error_has 'the environment variable HPAC_NOT_SET is not set'
}
