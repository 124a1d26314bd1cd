# Messages go to stderr and are held back by --quiet; results go to stdout, and --json makes one value
# of JSON of them.
load helpers

setup_file() { small_models 1 --count 30 --seed 3 --test-count 3 --quiet >/dev/null; }

# quiet_result COMMAND...: with --quiet it says nothing but its result.
quiet_result() {
    run_hpac "$@" --quiet
    assert_exit 0
    [[ -z $stderr ]] || fail_with "$1 --quiet: expected nothing on stderr"
    [[ -n $output ]] || fail_with "$1 --quiet: expected a result"
}

json_result() {
    run_hpac "$@" --json
    assert_exit 0
    python3 -c 'import json, sys; assert json.loads(sys.argv[1])' "$output" ||
        fail_with "$1 --json: expected one value of JSON on stdout"
}

@test "--quiet leaves the result alone, --json is JSON and nothing else" {
    local labels=$DATA/train.csv images=$DATA/train
    quiet_result train "$MADE/small.yaml" --device cpu --out "$TMP/run"
    [[ $output == "$TMP/run" ]] || fail_with "expected the folder's name"
    quiet_result evaluate "$TMP/run" --labels "$labels" --images "$images"
    json_result train "$MADE/small.yaml" --device cpu --out "$TMP/run" # as it is finished already
    [[ $(grep -c final_val_f1_mean <<< "$output") -eq 1 ]]
    json_result evaluate "$TMP/run" --labels "$labels" --images "$images"
    quiet_result predict "$TMP/run" --images "$DATA/test" --out "$TMP/predicted" \
        --ids "$DATA/sample_submission.csv"
    quiet_result preprocess --images "$images" --ids "$labels" --out "$TMP/small"
    quiet_result explore --labels "$labels" --images "$images" --no-plots --out "$TMP/explored"
    json_result explore --labels "$labels"
    json_result split --labels "$labels"
    json_result info "$TMP/run/model.h5"
    # These say nothing but their result.
    run_hpac split --labels "$labels"
    [[ -z $stderr && -n $output ]] || fail_with "split: expected its result alone"
    run_hpac info "$TMP/run/model.h5"
    [[ -z $stderr && -n $output ]] || fail_with "info: expected its result alone"
}

@test "messages are no part of the result" {
    run_hpac train "$MADE/small.yaml" --device cpu --out "$TMP/run"
    assert_exit 0
    assert_error_has "epoch 2/2"
    [[ $output == "$TMP/run" ]] || fail_with "expected the folder's name, and nothing else"
    run_hpac evaluate "$TMP/missing.h5" --labels "$DATA/train.csv" --images "$DATA/train" --json
    assert_exit 3
    assert_error_has "missing.h5"
    assert_no_output
}

@test "a command that has --json has --quiet, or says nothing that --quiet could hold back" {
    local command
    for command in $("$HPAC" help | awk '/^commands:/ {on = 1; next} on && !NF {exit} on && /^  [a-z]/ {print $1}'); do
        run_hpac help "$command"
        [[ $output != *"  --json "* || $output == *"  --quiet "* || " split info " == *" $command "* ]] ||
            fail_with "$command has --json, but no --quiet"
    done
}
