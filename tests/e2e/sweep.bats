# hpac sweep: many trainings from one file, and what it keeps of them.

load helpers

setup_file() { small_data --count 60 --test-count 7 --seed 3; }

setup() {
    helpers_setup
    mkdir "$TMP/configs"
    small_config | sed "/^model:/i \\  test: {images: $DATA/test, ids: $DATA/sample_submission.csv}" \
        > "$TMP/configs/small.yaml"
    # A grid of four.
    cat > "$TMP/configs/four.yaml" <<'EOF'
config: small.yaml
set: {train.optimizer.learning_rate: 0.5}
grid:
  train.batch_size: [8, 20]
  train.epochs: [1, 2]
EOF
}

sweep() {
    run_hpac sweep "$1" --device cpu --quiet "${@:2}"
}

# sweep.csv without its two columns of time.
without_times() {
    awk -F, 'NR == 1 {for (i = 1; i <= NF; i++) if ($i ~ /^(elapsed_s|train_images_per_s)$/) time[i] = 1}
        {gsub(/,epochs=/, ";epochs="); n = split($0, cell, ",")
         for (i = 1; i <= n; i++) if (!(i in time)) printf "%s,", cell[i]; print ""}' "$1"
}

@test "each run of a grid equals the same run of train alone" {
    sweep "$TMP/configs/four.yaml" --out "$TMP/out"
    assert_exit 0
    [[ $(cut -d '"' -f 2 "$TMP/out/sweep.csv" | sed 1d) == $'batch_size=8,epochs=1\nbatch_size=8,epochs=2\nbatch_size=20,epochs=1\nbatch_size=20,epochs=2' ]]
    assert_same "$TMP/out/sweep.yaml" "$TMP/configs/four.yaml"
    local batch epochs run
    for batch in 8 20; do
        for epochs in 1 2; do
            run=batch_size=$batch,epochs=$epochs
            run_hpac train "$TMP/configs/small.yaml" --device cpu --quiet \
                --out "$TMP/alone/$run" --set train.batch_size=$batch --set train.epochs=$epochs \
                --set train.optimizer.learning_rate=0.5
            assert_exit 0
            assert_same_training "$TMP/out/$run" "$TMP/alone/$run"
            assert_same "$TMP/out/$run/config.yaml" "$TMP/alone/$run/config.yaml"
        done
    done
}

@test "sweep.csv has what the metrics.csv of the runs have" {
    sweep "$TMP/configs/four.yaml" --out "$TMP/out" --set train.epochs=4 2>&1
    assert_exit 2 # epochs are swept: now two runs each would be the same
    assert_error_has "are the same configuration"
    printf 'config: small.yaml\ngrid: {train.epochs: [1, 4], train.seed: [0, 5]}\n' > "$TMP/configs/s.yaml"
    sweep "$TMP/configs/s.yaml" --out "$TMP/out"
    assert_exit 0
    assert_line_count 5 "$TMP/out/sweep.csv"
    local run
    for run in epochs=1,seed=0 epochs=1,seed=5 epochs=4,seed=0 epochs=4,seed=5; do
        # Every column of metrics.csv that sweep.csv has, of the last row and of the lowest val_loss.
        sed 's/"[^"]*"/-/' "$TMP/out/sweep.csv" > "$TMP/plain.csv"
        awk -F, -v wanted="$(awk -F '"' -v run="$run" '$2 == run {print NR}' "$TMP/out/sweep.csv")" '
            function same(a, b) {return a != "" && b != "" && a - b <= 1e-12 && b - a <= 1e-12}
            function check(name, is, should) {
                checked++
                if (!same(is, should)) {print name ": " is ", expected " should; bad = 1}
            }
            NR == FNR && FNR == 1 {for (i = 1; i <= NF; i++) column[i] = $i; columns = NF; next}
            NR == FNR {
                for (i = 1; i <= NF; i++) {last[column[i]] = $i; if (column[i] == "val_loss") loss = $i}
                if (FNR == 2 || loss < lowest) {lowest = loss; for (i = 1; i <= NF; i++) best[column[i]] = $i}
                slow += 1 / last["train_images_per_s"]; epochs++
                next
            }
            FNR == 1 {for (i = 1; i <= NF; i++) name[i] = $i; next}
            FNR == wanted {
                for (i = 1; i <= NF; i++) {
                    if (name[i] ~ /^final_/) check(name[i], $i, last[substr(name[i], 7)])
                    if (name[i] ~ /^best_[tv]/) check(name[i], $i, best[substr(name[i], 6)])
                    if (name[i] == "steps") check(name[i], $i, last["step"])
                    if (name[i] == "best_epoch") check(name[i], $i, best["epoch"])
                    if (name[i] == "train_images_per_s") check(name[i], $i, epochs / slow)
                    if (name[i] ~ /^(elapsed_s|val_prior_loss|val_all_zero_accuracy)$/) check(name[i], $i, last[name[i]])
                }
            }
            END {exit bad || checked != 30}' "$TMP/out/$run/metrics.csv" "$TMP/plain.csv" >&2 ||
            fail_with "sweep.csv and $run/metrics.csv differ"
    done
    head -n 1 "$TMP/out/sweep.csv" | grep -q '^run,state,configuration,classes,epochs,batch_size,dropout,learning_rate,train.seed,steps,elapsed_s,'
    grep -q '^"epochs=4,seed=5",finished,small,3,4,8,0.25/0.5,1,5,20,' "$TMP/out/sweep.csv"
}

@test "runs with long names are distinct in the tables" {
    cp "$DATA/train.csv" "$TMP/labels_of_the_first_reading.csv"
    cp "$DATA/train.csv" "$TMP/labels_of_the_second_reading.csv"
    cat > "$TMP/configs/s.yaml" <<EOF
config: small.yaml
set: {train.epochs: 1}
grid:
  data.labels: [$TMP/labels_of_the_first_reading.csv, $TMP/labels_of_the_second_reading.csv]
  train.optimizer.learning_rate: [1, 0.001]
EOF
    (cd "$TMP" && sed -i "s#$TMP/##g" configs/s.yaml && "$HPAC" sweep configs/s.yaml --device cpu \
        --no-report --quiet --out out) > "$TMP/table" || fail_with "the sweep fails"
    [[ $(awk 'NR > 2 {print $1}' "$TMP/table" | sort | uniq -d) == '' ]] || fail_with "$(<"$TMP/table")"
    [[ $(awk 'NR > 2 {print $1}' "$TMP/table" | wc -l) -eq 4 ]]
    [[ $(wc -L < "$TMP/table") -le 120 ]]
}

@test "the best come first, in 120 columns; --json prints the rows of sweep.csv" {
    sweep "$TMP/configs/four.yaml" --out "$TMP/out"
    assert_exit 0
    [[ $(wc -L <<< "$output") -le 120 ]]
    local expected
    expected=$(sed 's/"[^"]*"/-/' "$TMP/out/sweep.csv" | awk -F, 'NR == 1 {for (i = 1; i <= NF; i++) at[$i] = i; next}
        {print NR - 1, $at["final_val_f1_mean"], $at["final_val_loss"]}' |
        LC_ALL=C sort -k2,2gr -k3,3g | while read -r number _; do
            sed -n "$((number + 1))p" "$TMP/out/sweep.csv" | cut -d '"' -f 2
        done)
    [[ $(sed -n 2p <<< "$output" | tr -s ' ') == " run steps time s loss val loss best prior accuracy F1 min max std" ]]
    [[ $(sed 1,2d <<< "$output" | awk '{print $1}') == "$expected" ]] || fail_with "expected the order $expected"
    sweep "$TMP/configs/four.yaml" --out "$TMP/out" --json
    assert_exit 0
    [[ $(grep -c '"run": "batch_size=' <<< "$output") -eq 4 ]]
    assert_output_has '"final_val_loss": '
}

@test "each file is decoded once for all runs; without memory for it nothing else changes" {
    run_hpac sweep "$TMP/configs/four.yaml" --device cpu --out "$TMP/out"
    assert_exit 0
    assert_error_has "data: 67 image files decoded"
    assert_error_has "60 images prepared"
    run_hpac sweep "$TMP/configs/four.yaml" --device cpu --out "$TMP/anew" --set data.cache_mib=0
    assert_exit 0
    refute_error_has "images prepared"
    # Two runs of 1 and of 2 epochs; batches of 8 of 40 images leave out none, 60 per epoch, 7 to test.
    assert_error_has "data: $((6 * 60 + 4 * 7)) image files decoded"
    assert_same_training "$TMP/out/batch_size=8,epochs=2" "$TMP/anew/batch_size=8,epochs=2"
}

@test "other images have another cache" {
    cat > "$TMP/configs/s.yaml" <<'EOF'
config: small.yaml
grid: {data.channels: [1, 2], train.epochs: [1, 2]}
EOF
    run_hpac sweep "$TMP/configs/s.yaml" --device cpu --out "$TMP/out"
    assert_exit 0
    assert_error_has "data: $((67 + 2 * 67)) image files decoded"
}

@test "a run with another device configuration opens its own device" {
    cat > "$TMP/configs/s.yaml" <<'EOF'
config: small.yaml
set: {train.epochs: 1}
grid: {device.threads: [1, 2, 3]}
EOF
    sweep "$TMP/configs/s.yaml" --out "$TMP/out"
    assert_exit 0
    local threads
    for threads in 1 2 3; do
        grep -Eq "\"device\": \"cpu.* $threads threads?," "$TMP/out/threads=$threads/run.json" ||
            fail_with "threads=$threads: $(grep '"device"' "$TMP/out/threads=$threads/run.json")"
    done
    # The CPU computes in fp32 alone: a device that is open already must not serve these.
    sed -i 's/^grid.*/grid: {device.precision: [fp32, tf32]}/' "$TMP/configs/s.yaml"
    sweep "$TMP/configs/s.yaml" --out "$TMP/precise"
    assert_exit 4
    assert_error_has "run precision=tf32: device.precision: the cpu device computes in fp32"
    assert_no_file "$TMP/precise/precision=fp32"
}

# stop_with SIGNAL EPOCHS ARG...: a sweep of three runs, stopped after three epochs of the second.
stop_with() {
    printf 'config: small.yaml\ngrid: {train.seed: [1, 2, 3], train.epochs: [%s]}\n' "$2" > "$TMP/configs/long.yaml"
    start_paused epoch:$(($2 + 3)) sweep "$TMP/configs/long.yaml" --device cpu --out "$TMP/broken" "${@:3}"
    grep -q '^seed=1,finished,' "$TMP/broken/sweep.csv"
    grep -q '^seed=2,missing,' "$TMP/broken/sweep.csv"
    assert_line_count 4 "$TMP/broken/seed=2/losses.csv"
    signal_paused "$1"
}

go_on_and_compare() {
    cp "$TMP/broken/seed=1/run.json" "$TMP/first.json"
    touch "$TMP/broken/sweep.csv.tmp.12345"
    run_hpac sweep "$TMP/configs/long.yaml" --device cpu --out "$TMP/broken"
    assert_exit 0
    assert_error_has "run 1 of 3: seed=1: already finished"
    assert_error_has "run 2 of 3: seed=2: continuing"
    assert_error_has "resuming after"
    assert_same "$TMP/broken/seed=1/run.json" "$TMP/first.json"
    assert_no_file "$TMP"/broken/*.tmp.* "$TMP"/broken/*/*.tmp.*
    sweep "$TMP/configs/long.yaml" --out "$TMP/whole"
    assert_exit 0
    local seed
    for seed in 1 2 3; do
        assert_same_training "$TMP/broken/seed=$seed" "$TMP/whole/seed=$seed"
    done
    diff <(without_times "$TMP/broken/sweep.csv") <(without_times "$TMP/whole/sweep.csv")
}

@test "a killed sweep continues with the same command to the same results" {
    stop_with KILL 6
    assert_exit 137
    grep -q '^seed=1,finished,' "$TMP/broken/sweep.csv"
    grep -q '^seed=2,missing,small,3,6,8,0.25/0.5,1,1*2,,,,' "$TMP/broken/sweep.csv"
    go_on_and_compare
}

@test "SIGINT saves and exits 130; the same command continues the sweep" {
    stop_with INT 6
    assert_exit 130
    assert_error_has "interrupted in run seed=2"
    assert_error_has "the same command"
    grep -q '^seed=2,missing,' "$TMP/broken/sweep.csv"
    grep -q '"state": "interrupted"' "$TMP/broken/seed=2/run.json"
    go_on_and_compare
}

@test "--force removes all runs before the first: killed, it mixes none" {
    printf 'config: small.yaml\ngrid: {train.seed: [1, 2, 3], train.epochs: [6]}\n' > "$TMP/configs/long.yaml"
    sweep "$TMP/configs/long.yaml" --out "$TMP/broken"
    assert_exit 0
    cp "$TMP/broken/seed=3/run.json" "$TMP/third.json"
    echo old > "$TMP/broken/report.html"
    stop_with KILL 6 --force
    assert_exit 137
    assert_no_file "$TMP/broken/seed=3/run.json" "$TMP/broken/seed=3/model.h5" "$TMP/broken/report.html"
    grep -q '^seed=3,missing,' "$TMP/broken/sweep.csv"
    go_on_and_compare
    refute_error_has "seed=3: already finished"
}

@test "--force, stopped, continues without it" {
    printf 'config: small.yaml\ngrid: {train.seed: [1, 2, 3], train.epochs: [6]}\n' > "$TMP/configs/long.yaml"
    sweep "$TMP/configs/long.yaml" --out "$TMP/broken" --set train.batch_size=20
    assert_exit 0
    stop_with INT 6 --force
    assert_exit 130
    assert_error_has "continue with the same command without --force"
    go_on_and_compare
}

@test "--force, killed while it removes the runs, is needed again" {
    sweep "$TMP/configs/four.yaml" --out "$TMP/out"
    assert_exit 0
    start_paused cleared:2 sweep "$TMP/configs/four.yaml" --device cpu --out "$TMP/out" --force
    signal_paused KILL
    assert_file "$TMP/out/batch_size=20,epochs=2/model.h5" # of the earlier sweep
    sweep "$TMP/configs/four.yaml" --out "$TMP/out"
    assert_exit 2
    assert_error_has "has files, but no sweep.yaml of an earlier sweep"
    sweep "$TMP/configs/four.yaml" --out "$TMP/out" --force
    assert_exit 0
}

@test "--force removes nothing before everything is checked" {
    sweep "$TMP/configs/four.yaml" --out "$TMP/out"
    assert_exit 0
    cp -r "$TMP/out" "$TMP/before"
    sweep "$TMP/configs/four.yaml" --out "$TMP/out" --force --set data.labels="$TMP/nowhere.csv"
    assert_exit 3
    diff -r "$TMP/before" "$TMP/out" >&2
}

@test "a directory that a killed program left without a file is reused" {
    mkdir -p "$TMP/out"
    touch "$TMP/out/sweep.yaml.tmp.99" "$TMP/out/.hpac-probe-Ab12cD"
    sweep "$TMP/configs/four.yaml" --out "$TMP/out"
    assert_exit 0
    rm -r "$TMP/out/batch_size=8,epochs=1"
    mkdir "$TMP/out/batch_size=8,epochs=1"
    touch "$TMP/out/batch_size=8,epochs=1/run.json.tmp.99"
    sweep "$TMP/configs/four.yaml" --out "$TMP/out"
    assert_exit 0
    [[ -z $(find "$TMP/out" -name '*.tmp.99' -o -name '.hpac-probe*') ]]
}

@test "finished runs are left alone, those of another configuration are an error, --force trains again" {
    sweep "$TMP/configs/four.yaml" --out "$TMP/out"
    assert_exit 0
    cp -r "$TMP/out" "$TMP/before"
    # Keys that change nothing may change; a run more may come.
    sed 's/\[1, 2\]/[1, 2, 3]/' "$TMP/configs/four.yaml" > "$TMP/configs/six.yaml"
    sweep "$TMP/configs/six.yaml" --out "$TMP/out" --set data.workers=1
    assert_exit 0
    assert_line_count 7 "$TMP/out/sweep.csv"
    assert_same "$TMP/out/batch_size=8,epochs=2/run.json" "$TMP/before/batch_size=8,epochs=2/run.json"
    sweep "$TMP/configs/four.yaml" --out "$TMP/out" --set train.seed=7 --set data.split.fold=1
    assert_exit 2
    assert_error_has "4 problems"
    assert_error_has 'run batch_size=20,epochs=2: '
    assert_error_has 'data.split.fold (0, now 1), train.seed (0, now 7)'
    assert_same "$TMP/out/batch_size=8,epochs=2/run.json" "$TMP/before/batch_size=8,epochs=2/run.json"
    sweep "$TMP/configs/four.yaml" --out "$TMP/out" --set train.seed=7 --force
    assert_exit 0
    grep -q 'seed: 7' "$TMP/out/batch_size=20,epochs=1/config.yaml"
    assert_line_count 5 "$TMP/out/sweep.csv"
}

@test "a finished run of a given name continues for more epochs, bit for bit, and back to none" {
    printf 'config: small.yaml\nruns: [{name: one, train.epochs: 2}, {name: two, train.epochs: 1}]\n' > "$TMP/configs/s.yaml"
    sweep "$TMP/configs/s.yaml" --out "$TMP/out"
    assert_exit 0
    cp -r "$TMP/out/two" "$TMP/two"
    sed -i 's/epochs: 2/epochs: 5/' "$TMP/configs/s.yaml"
    run_hpac sweep "$TMP/configs/s.yaml" --device cpu --out "$TMP/out"
    assert_exit 0
    assert_error_has "run 1 of 2: one: continuing"
    sweep "$TMP/configs/s.yaml" --out "$TMP/whole"
    assert_exit 0
    assert_same_training "$TMP/out/one" "$TMP/whole/one"
    assert_same "$TMP/out/one/model.h5" "$TMP/whole/one/model.h5"
    diff <(without_times "$TMP/out/sweep.csv") <(without_times "$TMP/whole/sweep.csv")
    diff -r "$TMP/two" "$TMP/out/two" >&2
    cp -r "$TMP/out" "$TMP/before"
    sed -i 's/epochs: 5/epochs: 3/' "$TMP/configs/s.yaml"
    sweep "$TMP/configs/s.yaml" --out "$TMP/out"
    assert_exit 2
    assert_error_has 'train.epochs (5, now 3)'
    diff -r "$TMP/before" "$TMP/out" >&2
}

@test "a run with more epochs than configured is refused before the first step" {
    stop_with INT 6
    assert_exit 130
    printf 'config: small.yaml\nruns: [{name: new}, {name: "seed=2", train.seed: 2, train.epochs: 1}]\n' > "$TMP/configs/s.yaml"
    sweep "$TMP/configs/s.yaml" --out "$TMP/broken"
    assert_exit 2
    assert_error_has "run seed=2: train.epochs: 1, but $TMP/broken/seed=2/resume.h5 has"
    assert_no_file "$TMP/broken/new"
}

@test "a run that stopped early counts as finished" {
    printf 'config: small.yaml\nset: {train.early_stopping: {patience: 2, min_delta: 10}}\nruns: [{name: one, train.epochs: 5}]\n' > "$TMP/configs/s.yaml"
    sweep "$TMP/configs/s.yaml" --out "$TMP/out"
    assert_exit 0
    cp -r "$TMP/out/one" "$TMP/one"
    sed -i 's/epochs: 5/epochs: 9/' "$TMP/configs/s.yaml"
    sweep "$TMP/configs/s.yaml" --out "$TMP/out"
    assert_exit 0
    diff -r "$TMP/one" "$TMP/out/one" >&2
    sweep "$TMP/configs/s.yaml" --out "$TMP/out" --set train.early_stopping.patience=1
    assert_exit 2
    assert_error_has "patience"
}

@test "a non-finite run fails, the others continue, and the exit code is 5" {
    cat > "$TMP/configs/s.yaml" <<'EOF'
config: small.yaml
runs:
  - {name: good}
  - {name: wild, train.optimizer.learning_rate: 1.0e+30}
  - {name: after, train.seed: 4}
EOF
    sweep "$TMP/configs/s.yaml" --out "$TMP/out"
    assert_exit 5
    assert_error_has "run wild failed: "
    assert_error_has "1 of 3 runs failed"
    assert_output_has "wild (failed)"
    grep -q '^good,finished,' "$TMP/out/sweep.csv"
    grep -q '^after,finished,' "$TMP/out/sweep.csv"
    grep -Eq '^wild,failed,small,3,3,8,0.25/0.5,1e\+30,0,,+$' "$TMP/out/sweep.csv"
    cp "$TMP/out/good/run.json" "$TMP/good.json"
    sweep "$TMP/configs/s.yaml" --out "$TMP/out"
    assert_exit 5
    assert_same "$TMP/out/good/run.json" "$TMP/good.json"
}

@test "other errors end the sweep and are reported with their run" {
    cp -r "$DATA" "$TMP/data"
    local id
    id=$(sed -n 5p "$TMP/data/train.csv" | cut -d, -f1)
    head -c 200 "$TMP/data/train/${id}_green.png" > "$TMP/cut" && cp "$TMP/cut" "$TMP/data/train/${id}_green.png"
    sweep "$TMP/configs/four.yaml" --out "$TMP/out" --set data.images="$TMP/data/train"
    assert_exit 3
    assert_error_has "run batch_size=8,epochs=1: "
    assert_error_has "${id}_green.png"
    assert_no_file "$TMP/out/batch_size=8,epochs=2"
    grep -q '^"batch_size=8,epochs=1",failed,' "$TMP/out/sweep.csv"
    # The file mended, the sweep goes on.
    cp "$DATA/train/${id}_green.png" "$TMP/data/train/"
    sweep "$TMP/configs/four.yaml" --out "$TMP/out" --set data.images="$TMP/data/train"
    assert_exit 0
    [[ $(grep -c ,finished, "$TMP/out/sweep.csv") -eq 4 ]]
}

@test "everything is checked before the first step" {
    cat > "$TMP/configs/s.yaml" <<EOF
config: small.yaml
runs:
  - {train.epochs: 1}
  - {data.labels: $TMP/nowhere.csv}
  - {train.batch_size: 41}
  - {data.images: $DATA/test}
EOF
    sweep "$TMP/configs/s.yaml" --out "$TMP/out"
    assert_exit 3
    assert_error_has "3 problems"
    assert_error_has "nowhere.csv"
    assert_error_has "run batch_size=41: train.batch_size: 41 is larger than the training set of 40 images"
    assert_error_has "$DATA/test: bad images: 60 problems"
    assert_no_file "$TMP/out/epochs=1" "$TMP/out/sweep.csv"
}

@test "--dry-run checks, lists runs and steps, and writes nothing" {
    run_hpac sweep "$TMP/configs/four.yaml" --out "$TMP/out" --device cpu --dry-run
    assert_exit 0
    [[ $(wc -l <<< "$output") -eq 6 && $(wc -L <<< "$output") -le 120 ]]
    [[ $(awk '$1 == "batch_size=20,epochs=2" {print $2, $4, $5, $NF}' <<< "$output") == "missing 2 20 4" ]]
    assert_no_file "$TMP/out"
    sweep "$TMP/configs/four.yaml" --out "$TMP/out" --dry-run --json --set train.drop_last=false
    assert_exit 0
    [[ $(grep -c '"steps"' <<< "$output") -eq 4 ]]
    assert_output_has '"train_images": 40'
}

@test "all problems are reported together, with lines and runs" {
    cat > "$TMP/configs/bad.yaml" <<'EOF'
config: small.yaml
set: {train.epoch: 3, train: {seed: x}}
grid:
  train.batch_size: [8, 0, 16]
  train.epochs: 5
runs:
  - {name: a/b, data.targets: [Nucleoplasm, Zytosol]}
  - {config: nowhere.yaml}
gird: {}
EOF
    sweep "$TMP/configs/bad.yaml" --out "$TMP/out" --set device.precision=fp7
    assert_exit 2
    local bad=$TMP/configs/bad.yaml
    assert_error_has "$bad: 9 problems"
    assert_error_has "$bad:5: grid: train.epochs: expected a list of values to try, not \"5\""
    assert_error_has "$bad:7: runs: name: \"a/b\" cannot name a directory"
    assert_error_has "$bad:9: \"gird\": unknown key; did you mean grid?"
    assert_error_has "$bad:2: train.epoch: unknown key; did you mean train.epochs? (run targets=Nucleoplasm+Zytosol,batch_size=8 and 2 more)"
    assert_error_has "$bad:4: train.batch_size: expected an integer in [1, 65536], not \"0\" (run targets=Nucleoplasm+Zytosol,batch_size=0)"
    assert_error_has "$bad:8: configuration: $TMP/configs/nowhere.yaml: cannot open"
    assert_no_file "$TMP/out"
}

@test "two sweeps in one directory: the second is refused" {
    start_paused epoch sweep "$TMP/configs/four.yaml" --device cpu --out "$TMP/out" --set data.split.folds=4
    sweep "$TMP/configs/four.yaml" --out "$TMP/out"
    assert_exit 2
    assert_error_has "another hpac"
    signal_paused CONT
    assert_exit 0
}

@test "a sweep touches no other directory" {
    mkdir "$TMP/mine"
    echo precious > "$TMP/mine/thesis"
    sweep "$TMP/configs/four.yaml" --out "$TMP/mine"
    assert_exit 2
    assert_error_has "has files, but no sweep.yaml"
    [[ $(ls "$TMP/mine") == thesis ]]
    run_hpac train "$TMP/configs/small.yaml" --device cpu --quiet --out "$TMP/run" --set train.epochs=1
    assert_exit 0
    sweep "$TMP/configs/four.yaml" --out "$TMP/run"
    assert_exit 2
    assert_error_has "directory of a single run"
    run_hpac_without_privilege sweep "$TMP/configs/four.yaml" --device cpu --out /proc/sweep
    assert_exit 2
}

@test "names with spaces, commas and letters of other scripts are kept" {
    cat > "$TMP/configs/s.yaml" <<'EOF'
config: small.yaml
set: {train.epochs: 1}
runs:
  - {name: "slow, first", train.optimizer.learning_rate: 0.1}
  - {name: 기준선}
EOF
    sweep "$TMP/configs/s.yaml" --out "$TMP/out"
    assert_exit 0
    assert_file "$TMP/out/slow, first/model.h5" "$TMP/out/기준선/model.h5"
    grep -q '^"slow, first",finished,' "$TMP/out/sweep.csv"
    grep -q '^기준선,finished,' "$TMP/out/sweep.csv"
}

@test "reports are written at the end, of each run and of all" {
    require_tool gnuplot
    REPORTS=yes
    printf 'config: small.yaml\ngrid: {train.epochs: [1, 2]}\n' > "$TMP/configs/s.yaml"
    run_hpac sweep "$TMP/configs/s.yaml" --device cpu --quiet --out "$TMP/out"
    assert_exit 0
    assert_file "$TMP/out/report.html" "$TMP/out/epochs=1/report.html" "$TMP/out/epochs=2/report.html"
    local run
    for run in epochs=1 epochs=2; do # and none has anything to complain of
        [[ $(grep -c ' error ' "$TMP/out/$run/train.log") -eq 0 ]]
        [[ $(grep -c '>Warnings<' "$TMP/out/$run/report.html") -eq 0 ]]
    done
    # One whose speed is not known has none; it is no infinity.
    sed -i '$s/[^,]*\(,[^,]*\)$/0.0\1/' "$TMP/out/epochs=1/metrics.csv"
    sed -i '$s/[^,]*\(,[^,]*\)$/0.0\1/; 2s/[^,]*\(,[^,]*\)$/50.0\1/' "$TMP/out/epochs=2/metrics.csv"
    # A run that was finished without one gets it.
    rm "$TMP/out/epochs=1/report.html"
    run_hpac sweep "$TMP/configs/s.yaml" --device cpu --quiet --out "$TMP/out"
    assert_exit 0
    assert_file "$TMP/out/epochs=1/report.html"
    [[ $(sed 's/"[^"]*"/-/g' "$TMP/out/sweep.csv" | awk -F, 'NR == 1 {for (i = 1; i <= NF; i++) at[$i] = i; next}
        {print "(" $at["train_images_per_s"] ")"}') == $'()\n(50)' ]] || fail_with "$(cat "$TMP/out/sweep.csv")"
}

@test "the comparison of the reference notebooks is four schedules" {
    run_hpac sweep configs/sweep.yaml --device cpu --dry-run --out "$TMP/out" --set data.labels="$DATA/train.csv" \
        --set data.images="$DATA/train" --set data.image='{rows: 64, cols: 64}' --set train.drop_last=false
    assert_exit 0
    [[ $(sed 1,2d <<< "$output" | awk '{print $1, $3, $4, $5, $6}') == "improved 3 5 64 0.25/0.5
improved_batch128 3 10 128 0.25/0.5
improved_nodropout 3 10 128 none
baseline 28 1 200 0.25/0.5" ]]
}

@test "real images: the same as train alone, each decoded once" {
    real_data_or_skip
    local sets=(--set data.labels="$REAL_DATA/train_sample.csv" --set data.images="$REAL_DATA/train"
        --set 'data.scale={rows: 16, cols: 16}' --set train.batch_size=16)
    printf 'config: %s\ngrid: {train.epochs: [1, 2]}\n' "$ROOT/configs/improved.yaml" > "$TMP/real.yaml"
    run_hpac sweep "$TMP/real.yaml" --device cpu --out "$TMP/out" "${sets[@]}"
    assert_exit 0
    assert_error_has "data: 64 image files decoded"
    run_hpac train configs/improved.yaml --device cpu --quiet --out "$TMP/alone" \
        "${sets[@]}" --set train.epochs=2
    assert_exit 0
    assert_same "$TMP/out/epochs=2/predictions.csv" "$TMP/alone/predictions.csv"
    assert_same "$TMP/out/epochs=2/batch_losses.csv" "$TMP/alone/batch_losses.csv"
}

@test "a sweep that cannot begin leaves no directory, and no other than it made" {
    printf 'config: %s\ngrid: {data.images: [nowhere]}\n' "$TMP/configs/small.yaml" >"$TMP/bad.yaml"
    mkdir "$TMP/mine"
    local out
    for out in "$TMP/out" "$TMP/new/deeper/" "$TMP/mine/new"; do
        run_hpac sweep "$TMP/bad.yaml" --device cpu --out "$out"
        assert_exit 3
        assert_error_has "nowhere: no such directory"
    done
    assert_no_file "$TMP/out" "$TMP/new" "$TMP/mine/new"
    [[ -d $TMP/mine ]] || fail_with "removed a directory that was there before"
}

@test "--quiet --dry-run prints nothing; as JSON it does" {
    printf 'config: %s\ngrid: {train.seed: [1, 2]}\n' "$TMP/configs/small.yaml" >"$TMP/good.yaml"
    run_hpac sweep "$TMP/good.yaml" --device cpu --dry-run --quiet --out "$TMP/out"
    assert_exit 0
    [[ -z $output && -z $stderr ]] || fail_with "expected nothing"
    run_hpac sweep "$TMP/good.yaml" --device cpu --dry-run --quiet --json --out "$TMP/out"
    assert_exit 0
    assert_output_has '"seed=1"'
}

@test "a sweep leaves the directory that another one is about to use" {
    start_paused create sweep "$TMP/configs/four.yaml" --device cpu --out "$TMP/out"
    mkdir "$TMP/out"
    exec {lock}<"$TMP/out"
    flock "$lock"
    signal_paused CONT
    exec {lock}<&-
    assert_exit 2
    assert_error_has "another hpac is training into this directory"
    [[ -d $TMP/out ]] || fail_with "it removed the directory"
}
