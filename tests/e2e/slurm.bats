# examples/train.slurm with a stand-in for scontrol: interrupted it is requeued, and continues.
load helpers

setup() {
    helpers_setup
    mkdir "$TMP/bin"
    printf '#!/bin/sh\necho "$@" >>"%s/requeued"\n' "$TMP" >"$TMP/bin/scontrol"
    chmod +x "$TMP/bin/scontrol"
    "$HPAC" synth --count 24 --size 64 --balance --seed 1 --out "$TMP/data" >"$TMP/synth"
    DATA=$TMP/data
    small_config >"$TMP/small.yaml"
}

# job: the script as Slurm starts it, in the background; its number is $HPAC_PID for helpers.
job() {
    PATH=$TMP/bin:$PATH SLURM_JOB_ID=17 RUN=$TMP/run HPAC=$HPAC \
        bash examples/train.slurm "$TMP/small.yaml" --no-report >"$TMP/stdout" 2>"$TMP/stderr" 3>&- &
    JOB=$!
}

# signal_job SIGNAL: waits until hpac has paused, signals the script, and waits for its end.
signal_job() {
    until HPAC_PID=$(pgrep -P "$JOB"); do
        kill -0 "$JOB" || fail_with "the job ended: $(<"$TMP/stderr")"
        sleep 0.05
    done
    wait_paused
    kill -"$1" "$JOB"
    # hpac gets SIGUSR1 from the script, also while it is stopped; then it may go on.
    until grep -qE '^(ShdPnd|SigPnd):.*[2367abef]..$' "/proc/$HPAC_PID/status"; do sleep 0.05; done
    kill -CONT "$HPAC_PID"
    status=0
    wait "$JOB" || status=$?
    HPAC_PID=
}

@test "a job that Slurm interrupts is saved and requeued, and ends like one without an interruption" {
    "$HPAC" train "$TMP/small.yaml" --no-report --quiet --out "$TMP/whole"
    HPAC_TEST_PAUSE=batch:3 job
    signal_job USR1
    assert_exit 130
    [[ $(<"$TMP/requeued") == "requeue 17" ]] || fail_with "not requeued"
    job # the same again
    status=0
    wait "$JOB" || status=$?
    assert_exit 0
    [[ $(wc -l <"$TMP/requeued") -eq 1 ]] || fail_with "requeued a finished job"
    assert_same "$TMP/whole/losses.csv" "$TMP/run/losses.csv"
    assert_same "$TMP/whole/predictions.csv" "$TMP/run/predictions.csv"
}

# scancel's signal, and that of a preemption, after which Slurm itself requeues where it is so configured.
@test "a job that is cancelled is saved, and not requeued" {
    HPAC_TEST_PAUSE=batch:3 job
    signal_job TERM
    assert_exit 130
    assert_file "$TMP/run/resume.h5"
    assert_no_file "$TMP/requeued"
}

@test "a job that fails is not requeued" {
    PATH=$TMP/bin:$PATH SLURM_JOB_ID=17 RUN=$TMP/run HPAC=$HPAC run \
        bash examples/train.slurm "$TMP/missing.yaml"
    assert_exit 2
    assert_no_file "$TMP/requeued"
}
