# Messages go to stderr, warnings only with --quiet; results go to stdout, with --json as one JSON value.
# Vanished readers, closed descriptors, signals, terminals.
load helpers

setup_file() { small_models 1 --count 30 --seed 3 --test-count 3; }

# quiet_result COMMAND...: with --quiet it prints nothing but its result.
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
    [[ $output == "$TMP/run" ]] || fail_with "expected the run directory"
    quiet_result evaluate "$TMP/run" --labels "$labels" --images "$images"
    json_result train "$MADE/small.yaml" --device cpu --out "$TMP/run" # as it is finished already
    [[ $(grep -c final_val_f1_mean <<< "$output") -eq 1 ]]
    json_result evaluate "$TMP/run" --labels "$labels" --images "$images"
    quiet_result predict "$TMP/run" --images "$DATA/test" --out "$TMP/predicted" \
        --ids "$DATA/sample_submission.csv"
    quiet_result preprocess --images "$images" --ids "$labels" --out "$TMP/small"
    quiet_result explore --labels "$labels" --images "$images" --no-plots --out "$TMP/explored"
    [[ $output == "$TMP/explored/explore.html" ]] || fail_with "expected the page alone"
    quiet_result explore --labels "$labels"
    json_result explore --labels "$labels"
    json_result split --labels "$labels"
    json_result info "$TMP/run/model.h5"
    # These print nothing but their result.
    run_hpac split --labels "$labels"
    [[ -z $stderr && -n $output ]] || fail_with "split: expected its result alone"
    run_hpac info "$TMP/run/model.h5"
    [[ -z $stderr && -n $output ]] || fail_with "info: expected its result alone"
}

@test "messages are no part of the result" {
    run_hpac train "$MADE/small.yaml" --device cpu --out "$TMP/run"
    assert_exit 0
    assert_error_has "epoch 2/2"
    [[ $output == "$TMP/run" ]] || fail_with "expected the run directory, and nothing else"
    run_hpac evaluate "$TMP/missing.h5" --labels "$DATA/train.csv" --images "$DATA/train" --json
    assert_exit 3
    assert_error_has "missing.h5"
    assert_no_output
}

@test "a command that has --json has --quiet, or prints no messages" {
    local command
    for command in $("$HPAC" help | awk '/^commands:/ {on = 1; next} on && !NF {exit} on && /^  [a-z]/ {print $1}'); do
        run_hpac help "$command"
        [[ $output != *"  --json "* || $output == *" --quiet "* || " split info " == *" $command "* ]] ||
            fail_with "$command has --json, but no --quiet"
    done
}

# same_run RUN: equals the undisturbed one.
same_run() {
    assert_same_training "$MADE/run" "$1"
    assert_same "$MADE/run/model.h5" "$1/model.h5"
}

# Opens descriptor 5: a pipe whose reader has left, as `| head` and a killed `| tee log` leave it.
open_broken_pipe() {
    mkfifo "$TMP/pipe"
    # shellcheck disable=SC2094 # a pipe
    exec 4<>"$TMP/pipe" 5>"$TMP/pipe" 4<&-
}

# start_hpac, with both streams in the broken pipe.
start_unread() {
    touch "$TMP/stdout" "$TMP/stderr" # for wait_hpac
    env --default-signal=INT "$HPAC" "$@" >&5 2>&5 3>&- &
    HPAC_PID=$!
}

@test "a training whose output is closed by its reader continues to its end" {
    open_broken_pipe
    "$HPAC" train "$MADE/small.yaml" --device cpu --no-report --out "$TMP/run" >&5 2>&5
    same_run "$TMP/run"
    [[ $(grep -c ' info epoch ' "$TMP/run/train.log") -eq 2 ]] || fail_with "not all lines are in train.log"
}

@test "a training whose output is closed by its reader saves when it is interrupted" {
    open_broken_pipe
    start_unread train "$MADE/small.yaml" --device cpu --no-report --set train.epochs=1000000 --out "$TMP/run"
    wait_for_epochs "$TMP/run" 3
    kill -INT "$HPAC_PID"
    wait_hpac
    assert_exit 130
    grep -q '"state": "interrupted"' "$TMP/run/run.json"
}

# A program that ignores SIGPIPE for good would print an error, or go on for nobody.
@test "a result whose reader is gone ends the program quietly, as by SIGPIPE" {
    open_broken_pipe
    run --separate-stderr bash -c '"$@" >&5' - "$HPAC" explore --labels "$DATA/train.csv"
    assert_exit 141
    [[ -z $stderr ]] || fail_with "expected no message"
    run --separate-stderr bash -c 'trap "" PIPE; "$@" >&5' - "$HPAC" explore --labels "$DATA/train.csv"
    assert_exit 3 # where SIGPIPE is ignored, by convention an error
    assert_error_has "standard output: Broken pipe"
}

@test "a result that cannot be written is an error" {
    local arguments
    for arguments in "split --labels $DATA/train.csv" "explore --labels $DATA/train.csv" \
        "info $MADE/run/model.h5" "train $MADE/small.yaml --device cpu --out $MADE/run --quiet"; do
        # shellcheck disable=SC2086 # words
        run --separate-stderr bash -c '"$@" >/dev/full' - "$HPAC" $arguments
        assert_exit 3
        assert_error_has "standard output: No space left on device"
    done
    run --separate-stderr bash -c '"$@" >&-' - "$HPAC" info "$MADE/run/model.h5"
    assert_exit 3
}

@test "output to closed descriptors goes into no file" {
    "$HPAC" train "$MADE/small.yaml" --device cpu --no-report --out "$TMP/run" <&- >&- 2>&-
    same_run "$TMP/run"
}

@test "SIGHUP and SIGUSR1 save and exit 130" {
    local signal
    for signal in HUP USR1; do
        start_hpac train "$MADE/small.yaml" --device cpu --set train.epochs=1000000 --out "$TMP/$signal"
        wait_for_epochs "$TMP/$signal" 3
        kill -"$signal" "$HPAC_PID"
        wait_hpac
        assert_exit 130
        grep -q '"state": "interrupted"' "$TMP/$signal/run.json" || fail_with "not saved"
    done
}

@test "control characters of data are escaped in messages and in the log" {
    printf 'Id\n\033[31mred\033]0;owned\007\302\233m\342\200\256\377\n' >"$TMP/ids.csv"
    run_hpac predict "$MADE/run" --images "$DATA/test" --ids "$TMP/ids.csv" --out "$TMP/out"
    assert_exit 3
    assert_error_has '\x1b[31mred\x1b]0;owned\x07\u009bm\u202e\xff_green.png'
    run_hpac train "$MADE/small.yaml" --device cpu --out "$TMP/run" --set $'data.test.ids=\033[2J.csv'
    [[ $status -ne 0 && $stderr == *'\x1b[2J.csv'* ]] || fail_with "expected an error that names the file"
    ! LC_ALL=C grep -q $'\033' "$TMP/run/train.log" || fail_with "an escape sequence in train.log"
    run_hpac train "$MADE/small.yaml" --out "$TMP/run" --set $'train.\033[2J=1'
    assert_exit 2
    [[ $stderr != *$'\033'* ]] || fail_with "an escape sequence of an argument"
}

@test "control characters of a model file are escaped in what info prints" {
    LC_ALL=C sed 's/2\.15\.0/2.\x1b5.0/' tests/golden/keras2_functional.h5 >"$TMP/escape.h5"
    run_hpac info "$TMP/escape.h5"
    assert_exit 0
    assert_output_has 'Keras 2.\x1b5.0'
}

@test "results stand before the message that follows them, where both go to one file" {
    printf 'Id,Target\na,1 2\nb,2\n' >"$TMP/train.csv"
    "$HPAC" explore --labels "$TMP/train.csv" --out "$TMP/pages" --no-plots >"$TMP/both.txt" 2>&1 ||
        fail_with "explore failed: $(<"$TMP/both.txt")"
    [[ $(head -n 1 "$TMP/both.txt") == Labels: ]] || fail_with "first line: $(head -n 1 "$TMP/both.txt")"
    [[ $(tail -n 1 "$TMP/both.txt") == "all tables and pictures: "* ]] ||
        fail_with "last line: $(tail -n 1 "$TMP/both.txt")"
}

# on_terminal VARIABLE=VALUE...: what a command with a progress bar sends to a terminal.
on_terminal() {
    require_tool script
    env "$@" script -qec "'$HPAC' synth --count 12 --size 64 --out '$TMP/data' --force" /dev/null </dev/null
}

@test "the progress bar is for terminals that take escape sequences" {
    local escape=$'\033'
    [[ $(on_terminal TERM=xterm) == *"${escape}[K"* ]] || fail_with "expected a bar on a terminal"
    [[ $(on_terminal TERM=dumb) != *"$escape"* ]] || fail_with "an escape sequence with TERM=dumb"
    [[ $(on_terminal -u TERM) != *"$escape"* ]] || fail_with "an escape sequence without TERM"
    [[ $(on_terminal TERM=xterm NO_COLOR=1) != *"$escape"* ]] || fail_with "an escape sequence with NO_COLOR"
    run_hpac synth --count 12 --size 64 --out "$TMP/data" --force
    [[ $stderr$output != *[$'\r\033']* ]] || fail_with "control characters where there is no terminal"
}
