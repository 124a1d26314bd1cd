# hpac synth: what it writes, that it can be repeated, what it refuses.
load helpers

@test "synth writes the files of the competition" {
    run_hpac synth --count 10 --seed 3 --size 64 --out "$TMP/a/set"
    assert_exit 0
    assert_output_has "10 training and 4 test images, 64x64"
    assert_line_count 11 "$TMP/a/set/train.csv"
    assert_line_count 5 "$TMP/a/set/sample_submission.csv"
    [[ $(head -n 1 "$TMP/a/set/train.csv") == Id,Target ]]
    [[ $(head -n 1 "$TMP/a/set/sample_submission.csv") == Id,Predicted ]]
    ! tail -n +2 "$TMP/a/set/sample_submission.csv" | grep -qv ',0$' || fail_with "not all 0"
    local id channel
    for channel in green blue red yellow; do
        while IFS=, read -r id _; do
            assert_file "$TMP/a/set/train/${id}_$channel.png"
        done < <(tail -n +2 "$TMP/a/set/train.csv")
        while IFS=, read -r id _; do
            assert_file "$TMP/a/set/test/${id}_$channel.png"
        done < <(tail -n +2 "$TMP/a/set/sample_submission.csv")
    done
    [[ $(find "$TMP/a/set" -type f | wc -l) -eq $((14 * 4 + 2)) ]] || fail_with "stray files"
    tail -n +2 "$TMP/a/set/train.csv" | LC_ALL=C sort -c || fail_with "not sorted by Id"
    run_hpac split --labels "$TMP/a/set/train.csv"
    assert_exit 0
}

@test "synth gives the same data for any number of threads, others for another seed" {
    run_hpac synth --count 6 --seed 8 --size 96 --test-count 2 --threads 1 --out "$TMP/one"
    assert_exit 0
    run_hpac synth --count 6 --seed 8 --size 96 --test-count 2 --threads 5 --out "$TMP/five"
    assert_exit 0
    diff -r "$TMP/one" "$TMP/five" >&2 || fail_with "threads matter"
    run_hpac synth --count 6 --seed 9 --size 96 --test-count 2 --out "$TMP/other"
    assert_exit 0
    ! cmp -s "$TMP/one/train.csv" "$TMP/other/train.csv" || fail_with "the seed does not matter"
}

@test "synth --balance shows every class where the real frequencies do not" {
    run_hpac synth --count 120 --seed 1 --size 64 --test-count 0 --balance --out "$TMP/set"
    assert_exit 0
    tail -n +2 "$TMP/set/train.csv" | cut -d , -f 2 | tr ' ' '\n' | sort -un >"$TMP/classes"
    seq 0 27 >"$TMP/expected"
    assert_same "$TMP/classes" "$TMP/expected"
    assert_line_count 1 "$TMP/set/sample_submission.csv"
}

@test "synth does not write over a data set unless forced" {
    run_hpac synth --count 3 --seed 1 --size 64 --test-count 0 --out "$TMP/set"
    assert_exit 0
    cp "$TMP/set/train.csv" "$TMP/before"
    run_hpac synth --count 3 --seed 2 --size 64 --test-count 0 --out "$TMP/set"
    assert_exit 2
    assert_error_has "$TMP/set: files exist already (--force replaces them): 2 problems
train.csv
sample_submission.csv"
    assert_same "$TMP/set/train.csv" "$TMP/before"
    [[ $(find "$TMP/set/train" -type f | wc -l) -eq 12 ]] || fail_with "images were written"
    run_hpac synth --count 3 --seed 2 --size 64 --test-count 0 --out "$TMP/set" --force
    assert_exit 0
    ! cmp -s "$TMP/set/train.csv" "$TMP/before" || fail_with "not rewritten"
}

@test "synth refuses bad options before it writes anything" {
    local options
    for options in "--count 0" "--count -3" "--count 2x" "--count 4 --size 63" \
        "--count 4 --size 4097" "--count 4 --test-count -1" "--count 4 --threads -1" \
        "--count 4 --seed 1.5" "--seed 4" "--count 4 --channels 2"; do
        # shellcheck disable=SC2086 # words apart
        run_hpac synth $options --out "$TMP/set"
        assert_exit 2
        assert_no_file "$TMP/set"
    done
    run_hpac synth --count 4
    assert_exit 2
    assert_error_has "--out"
}

@test "synth refuses a directory it cannot write" {
    mkdir "$TMP/locked"
    chmod 555 "$TMP/locked"
    run_hpac_without_privilege synth --count 2 --size 64 --out "$TMP/locked"
    assert_exit 2
    assert_error_has "$TMP/locked"
    run_hpac_without_privilege synth --count 2 --size 64 --out "$TMP/locked/set"
    assert_exit 2
    echo text >"$TMP/file"
    run_hpac synth --count 2 --size 64 --out "$TMP/file"
    assert_exit 2
    assert_error_has "$TMP/file"
}

@test "synth on a full disk fails with its reason and leaves no label file" {
    small_disk_or_skip 200
    run_hpac synth --count 60 --size 128 --out "$SMALL_DISK/set"
    assert_exit 3
    assert_error_has "$SMALL_DISK/set"
    assert_no_file "$SMALL_DISK/set/train.csv"
    [[ -z $(find "$SMALL_DISK" -name '*.tmp.*') ]] || fail_with "temporary files are left"
}

@test "synth interrupted leaves complete images, no label file, and exits 130" {
    start_paused image:5 synth --count 100 --size 128 --threads 2 --out "$TMP/set"
    [[ $(find "$TMP/set/train" -type f | wc -l) -ge 8 ]] || fail_with "expected images"
    signal_paused INT
    assert_exit 130
    assert_error_has "interrupted"
    assert_no_output
    assert_no_file "$TMP/set/train.csv" "$TMP/set/sample_submission.csv"
    [[ -z $(find "$TMP/set" -name '*.tmp.*') ]] || fail_with "temporary files are left"
    run_hpac synth --count 4 --size 128 --test-count 0 --out "$TMP/set"
    assert_exit 0
}
