# Shared by the tests of the whole program. A test file looks like this:
#
#     load helpers
#
#     @test "split refuses a directory in place of the label file" {
#         run_hpac split --labels "$TMP"
#         assert_exit 3
#         assert_error_has "$TMP"
#         assert_no_output
#     }
#
# Every test starts in the root of the repository with
#     $HPAC       the program under test, absolute (default: build/hpac)
#     $TMP        an empty directory of its own, removed afterwards
# and may use
#     run_hpac ARG...             runs it to its end; sets $status, $output (stdout), $stderr, and
#                                 $lines / $stderr_lines. After $HPAC_TIMEOUT seconds (300) it is
#                                 killed and $status is 124. train and sweep get --no-report, which
#                                 saves seconds, unless REPORTS=yes
#     run_hpac_without_privilege ARG...   the same, but file permissions hold for root too
#     run_hpac_without_tools ARG...   the same with an empty PATH, so that there is no gnuplot
#     start_hpac ARG...           starts it in the background: $HPAC_PID, $TMP/stdout, $TMP/stderr;
#                                 SIGINT works although it is a background job, SIGHUP under nohup
#     wait_for_epochs RUN N       until the run that was started has N epochs in losses.csv
#     wait_hpac                   waits for it; sets $status, $output and $stderr
#     assert_exit CODE            0 done, 1 internal, 2 usage, 3 data, 4 device, 5 numeric, 130
#     assert_output_has TEXT      stdout contains TEXT (a string, not a pattern)
#     assert_error_has TEXT       the same for stderr
#     refute_output_has TEXT, refute_error_has TEXT, assert_no_output
#     assert_file FILE...         each is there and not empty
#     assert_no_file PATH...      none of them is there
#     assert_same FILE FILE       equal byte for byte
#     assert_differ FILE FILE     not equal (in bats, `! cmp` fails only as the last command)
#     assert_same_training RUN RUN   equal tables and predictions, all but the times
#     assert_close_csv FILE FILE  equal but for the last bits: numbers 1e-6 apart at most
#     assert_line_count N FILE
#     real_data_or_skip           sets $REAL_DATA (train.csv, sample_submission.csv, train/...), or
#                                 skips the test when the competition's data are not there
#     small_disk_or_skip KIB [FILES]   sets $SMALL_DISK, an empty file system of that size, with room
#                                 for so many files and directories, itself included
#     cuda_simulator_or_skip      the CUDA device runs on the CUDA simulator from here on; skips the
#                                 test when that is not built (make all cudasim)
#     require_tool NAME           fails the test, with the reason, if NAME is not installed
#     require_free_space MIB      skips unless the temporary directory has that much space
#     small_data ARG...           for setup_file: generates $DATA (synth ARG...: 64 x 64 pixels,
#                                 balanced) quietly
#     small_config                prints a configuration of the images in $DATA (64 x 64) whose network
#                                 has the layer kinds of the reference notebooks, but few: three
#                                 epochs in a second
#     small_models CHANNELS ARG...   for setup_file: small_data ARG..., writes $MADE/small.yaml, and
#                                 trains $MADE/run on fold 0 and $MADE/folds on all three
#     cpu_paths                   prints the values of HPAC_CPU that this processor accepts
#     start_paused POINT ARG...   start_hpac, and waits until the program has stopped itself at this
#                                 pause point (src/base/pause.h): "batch", or "batch:7" for the
#                                 seventh time. signal_paused SIGNAL sends it there, lets the program
#                                 go on, and waits for its end
# A file with a setup or teardown of its own calls helpers_setup / helpers_teardown in it.

bats_require_minimum_version 1.5.0

helpers_setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    ROOT=$PWD
    HPAC=${HPAC:-build/hpac}
    [[ $HPAC == /* ]] || HPAC=$ROOT/$HPAC
    [[ -x $HPAC ]] || fail_with "no program at $HPAC: run make first, or set HPAC"
    TMP=$BATS_TEST_TMPDIR
    SMALL_DISK=
    HPAC_PID=
}

helpers_teardown() {
    [[ -z $HPAC_PID ]] || kill -KILL "$HPAC_PID" 2>/dev/null || true
    [[ -z $SMALL_DISK ]] || umount "$SMALL_DISK"
}

setup() { helpers_setup; }
teardown() { helpers_teardown; }

# Says why and shows what the program printed last.
fail_with() {
    printf '%s\n' "$1" >&2
    printf -- '--- exit code: %s\n--- stdout:\n%s\n--- stderr:\n%s\n' \
        "${status-}" "${output-}" "${stderr-}" >&2
    return 1
}

# --no-report for the commands that write one.
report_options() {
    [[ ($1 == train || $1 == sweep) && -z ${REPORTS-} ]] && options=(--no-report) || options=()
}

run_hpac() {
    local options
    report_options "$@"
    run --separate-stderr timeout --kill-after=10 "${HPAC_TIMEOUT:-300}" "$HPAC" "$@" "${options[@]}"
}

# Root reads and writes everything by two capabilities; without them it is bound by permissions.
run_hpac_without_privilege() {
    local drop=() options
    report_options "$@"
    if [[ $EUID -eq 0 ]]; then
        local capabilities="-dac_override,-dac_read_search"
        drop=(setpriv "--bounding-set=$capabilities" "--inh-caps=$capabilities")
    fi
    run --separate-stderr "${drop[@]}" timeout --kill-after=10 "${HPAC_TIMEOUT:-300}" "$HPAC" "$@" \
        "${options[@]}"
}

run_hpac_without_tools() {
    run --separate-stderr env PATH="$TMP/no-tools" "$HPAC" "$@"
}

# A shell without job control lets its background jobs ignore SIGINT, nohup SIGHUP: give them the
# default back.
start_hpac() {
    local options
    report_options "$@"
    env --default-signal=INT,QUIT,HUP "$HPAC" "$@" "${options[@]}" >"$TMP/stdout" 2>"$TMP/stderr" 3>&- &
    HPAC_PID=$!
}

wait_for_epochs() {
    until [[ -s $1/losses.csv && $(wc -l <"$1/losses.csv") -gt $2 ]]; do
        kill -0 "$HPAC_PID" 2>/dev/null || fail_with "ended before epoch $2" || return 1
        sleep 0.05
    done
}

wait_hpac() {
    status=0
    wait "$HPAC_PID" || status=$?
    HPAC_PID=
    output=$(<"$TMP/stdout")
    stderr=$(<"$TMP/stderr")
}

cpu_paths() {
    local path
    for path in portable avx2 avx512; do
        if HPAC_CPU=$path "$HPAC" help >/dev/null 2>&1; then
            printf '%s\n' "$path"
        fi
    done
}

start_paused() {
    HPAC_TEST_PAUSE=$1 start_hpac "${@:2}"
    wait_paused
}

# The program cannot leave the state T by itself, and without one it ends: no race.
wait_paused() {
    local state='' wait=0
    until [[ $state == T ]]; do
        state=$(sed 's/.*) //; s/ .*//' "/proc/$HPAC_PID/stat" 2>/dev/null) || state=
        if [[ -z $state || $state == Z ]]; then
            wait_hpac
            fail_with "ended before the pause point" || return 1
        fi
        [[ $((wait += 1)) -lt 6000 ]] || fail_with "no pause point reached in 300 s" || return 1
        sleep 0.05
    done
}

signal_paused() {
    kill -"$1" "$HPAC_PID"
    kill -CONT "$HPAC_PID" 2>/dev/null || true # KILL leaves nothing to go on
    wait_hpac
}

small_config() {
    cat <<EOF
data:
  labels: $DATA/train.csv
  images: $DATA/train
  targets: [Nucleoplasm, Cytosol, Plasma membrane]
  image: {rows: 64, cols: 64}
  scale: {rows: 4, cols: 4}
model:
  - {type: conv2d, filters: 4, kernel: 3, activation: relu}
  - {type: conv2d, filters: 8, kernel: 3, activation: relu}
  - {type: maxpool, size: 2}
  - {type: dropout, rate: 0.25}
  - {type: flatten}
  - {type: dense, units: 16, activation: relu}
  - {type: dropout, rate: 0.5}
  - {type: dense, units: classes, activation: sigmoid}
train: {epochs: 3, batch_size: 8, shuffle: true}
EOF
}

small_data() {
    export DATA=$BATS_FILE_TMPDIR/data
    "${HPAC:-build/hpac}" synth "$@" --size 64 --balance --out "$DATA" --quiet >/dev/null
}

small_models() {
    export MADE=$BATS_FILE_TMPDIR/made
    local hpac=${HPAC:-build/hpac}
    small_data "${@:2}"
    mkdir "$MADE"
    cat >"$MADE/small.yaml" <<EOF
data:
  labels: $DATA/train.csv
  images: $DATA/train
  test: {images: $DATA/test, ids: $DATA/sample_submission.csv}
  targets: [Cytosol, Nucleoplasm, Plasma membrane]
  channels: $1
  image: {rows: 64, cols: 64}
  scale: {rows: 4, cols: 4}
model:
  - {type: conv2d, filters: 4, kernel: 3, activation: relu}
  - {type: maxpool, size: 2}
  - {type: flatten}
  - {type: dense, units: classes, activation: sigmoid}
train: {epochs: 2, batch_size: 8, shuffle: true}
EOF
    local options=(--device cpu --quiet --no-report)
    "$hpac" train "$MADE/small.yaml" "${options[@]}" --out "$MADE/run" >/dev/null
    "$hpac" train "$MADE/small.yaml" "${options[@]}" --out "$MADE/folds" --fold all >/dev/null
}

assert_exit() {
    [[ $status -eq $1 ]] || fail_with "expected exit code $1, got $status"
}

assert_output_has() {
    [[ $output == *"$1"* ]] || fail_with "expected in stdout: $1"
}

assert_error_has() {
    [[ $stderr == *"$1"* ]] || fail_with "expected in stderr: $1"
}

refute_output_has() {
    [[ $output != *"$1"* ]] || fail_with "not expected in stdout: $1"
}

refute_error_has() {
    [[ $stderr != *"$1"* ]] || fail_with "not expected in stderr: $1"
}

assert_no_output() {
    [[ -z $output ]] || fail_with "expected nothing in stdout"
}

assert_file() {
    local file
    for file; do
        [[ -s $file ]] || fail_with "expected a file that is not empty: $file" || return 1
    done
}

assert_no_file() {
    local file
    for file; do
        [[ ! -e $file ]] || fail_with "not expected: $file" || return 1
    done
}

assert_same() {
    cmp -- "$1" "$2" >&2 || fail_with "expected equal files: $1 and $2"
}

assert_differ() {
    cmp -s -- "$1" "$2" || return 0
    fail_with "expected files that differ: $1 and $2"
}

assert_same_training() {
    local file
    for file in losses.csv batch_losses.csv batch_counts.csv class_metrics.csv predictions.csv \
        submission.csv submission_proba.csv; do
        [[ $file == submission* && ! -e $1/$file && ! -e $2/$file ]] ||
            assert_same "$1/$file" "$2/$file" || return 1
    done
}

# Batches of another size may take other ways through the device's library, with other last bits.
assert_close_csv() {
    paste -d '\n' "$1" "$2" | awk -F, 'NR % 2 {count = split($0, left, FS); next}
        {
            bad = NF != count
            for (i = 1; i <= NF; i++)
                if ($i != left[i] && !(left[i] $i ~ /^[0-9.e+-]+$/ && left[i] - $i < 1e-6 && $i - left[i] < 1e-6))
                    bad = 1
            if (bad) {print "row " NR / 2 ": " $0; failed = 1}
        }
        END {exit failed || NR % 2 || NR == 0}' >&2 ||
        fail_with "expected the same figures: $1 and $2"
}

assert_line_count() {
    local count
    count=$(wc -l <"$2")
    [[ $count -eq $1 ]] || fail_with "expected $1 lines in $2, got $count"
}

real_data_or_skip() {
    REAL_DATA=${HPAC_REAL_DATA:-$ROOT/../shared/data/hpa2018}
    [[ -f $REAL_DATA/train.csv ]] || skip "no competition data in $REAL_DATA (HPAC_REAL_DATA)"
}

small_disk_or_skip() {
    local directory=$TMP/small-disk
    mkdir -p "$directory"
    mount -t tmpfs -o "size=${1}k,nr_inodes=${2:-0}" tmpfs "$directory" 2>/dev/null ||
        skip "only root can mount a small file system"
    SMALL_DISK=$directory
}

cuda_simulator_or_skip() {
    local build
    build=$(dirname "$HPAC")
    [[ -e $build/libhpac_cuda.so && -e $build/cudasim/libcudart.so ]] ||
        skip "no CUDA: libhpac_cuda.so and the CUDA simulator are not built"
    export LD_LIBRARY_PATH=$build/cudasim
}

require_tool() {
    command -v "$1" >/dev/null || fail_with "$1 is not installed: tools/bootstrap deps"
}

require_free_space() {
    local free_mib
    free_mib=$(df --output=avail -BM "$TMP" | tail -n 1 | tr -dc 0-9)
    [[ $free_mib -ge $1 ]] || skip "less than $1 MiB free in $TMP"
}
