# hpac split: the reference notebooks' folds, lists of Ids, bad input.
load helpers

# A label file of $1 rows: Ids id1, id2, ..., class number (row - 1) % 28.
make_labels() {
    awk -v rows="$1" 'BEGIN {
        print "Id,Target"
        for (i = 1; i <= rows; i++) print "id" i "," (i - 1) % 28
    }' >"$TMP/labels.csv"
}

@test "split prints the reference notebooks' folds exactly" {
    real_data_or_skip
    run_hpac split --labels "$REAL_DATA/train.csv"
    assert_exit 0
    cat >"$TMP/expected" <<'END'
TRAIN: [    1     2     3 ... 31063 31064 31065] VALIDATION: [    0     4     6 ... 31069 31070 31071]
TRAIN: 20714 TEST: 10358
TRAIN: [    0     4     6 ... 31069 31070 31071] VALIDATION: [    1     2     3 ... 31060 31061 31065]
TRAIN: 20715 TEST: 10357
TRAIN: [    0     1     2 ... 31069 31070 31071] VALIDATION: [   10    11    13 ... 31062 31063 31064]
TRAIN: 20715 TEST: 10357
END
    printf '%s\n' "$output" >"$TMP/printed"
    assert_same "$TMP/printed" "$TMP/expected"
    [[ -z $stderr ]] || fail_with "expected nothing on stderr"
}

@test "split writes the Ids of the real folds" {
    real_data_or_skip
    run_hpac split --labels "$REAL_DATA/train.csv" --out "$TMP/a/b"
    assert_exit 0
    assert_line_count 20715 "$TMP/a/b/fold0_train.csv"
    assert_line_count 10359 "$TMP/a/b/fold0_validation.csv"
    assert_line_count 20716 "$TMP/a/b/fold2_train.csv"
    head -n 6 "$TMP/a/b/fold0_train.csv" | cut -c 1-8 | paste -sd ' ' >"$TMP/head"
    echo "Id 000a6c98 000a9596 000c99ba 001bcdd2 002daad6" >"$TMP/expected"
    assert_same "$TMP/head" "$TMP/expected"
    sort "$TMP"/a/b/fold?_validation.csv | grep -v '^Id$' >"$TMP/validated"
    tail -n +2 "$REAL_DATA/train.csv" | cut -d , -f 1 | sort >"$TMP/ids"
    assert_same "$TMP/validated" "$TMP/ids"
    [[ $(find "$TMP/a/b" -type f | wc -l) -eq 6 ]] || fail_with "expected 6 files"
}

@test "split prints all numbers of a small set" {
    make_labels 10
    run_hpac split --labels "$TMP/labels.csv" --folds 2 --repeats 2 --seed 1
    assert_exit 0
    cat >"$TMP/expected" <<'END' # scikit-learn 1.9.1
TRAIN: [1 3 5 7 8] VALIDATION: [0 2 4 6 9]
TRAIN: 5 TEST: 5
TRAIN: [0 2 4 6 9] VALIDATION: [1 3 5 7 8]
TRAIN: 5 TEST: 5
TRAIN: [1 2 4 6 7] VALIDATION: [0 3 5 8 9]
TRAIN: 5 TEST: 5
TRAIN: [0 3 5 8 9] VALIDATION: [1 2 4 6 7]
TRAIN: 5 TEST: 5
END
    printf '%s\n' "$output" >"$TMP/printed"
    assert_same "$TMP/printed" "$TMP/expected"
}

@test "split numbers the files repeat x folds + fold" {
    make_labels 10
    run_hpac split --labels "$TMP/labels.csv" --folds 2 --repeats 2 --seed 1 --out "$TMP/out"
    assert_exit 0
    for k in 0 1 2 3; do
        assert_line_count 6 "$TMP/out/fold${k}_train.csv"
        assert_line_count 6 "$TMP/out/fold${k}_validation.csv"
    done
    printf 'Id\nid1\nid3\nid5\nid7\nid10\n' >"$TMP/expected"
    assert_same "$TMP/out/fold0_validation.csv" "$TMP/expected"
    assert_same "$TMP/out/fold1_train.csv" "$TMP/expected"
    printf 'Id\nid1\nid4\nid6\nid9\nid10\n' >"$TMP/expected"
    assert_same "$TMP/out/fold2_validation.csv" "$TMP/expected"
    assert_no_file "$TMP/out/fold4_train.csv"
}

@test "split --method stratified gives every fold a row of each class" {
    make_labels 84
    run_hpac split --labels "$TMP/labels.csv" --method stratified --out "$TMP/out"
    assert_exit 0
    for k in 0 1 2; do
        join -t , <(sort "$TMP/labels.csv") <(sort "$TMP/out/fold${k}_validation.csv") |
            grep -v '^Id' | cut -d , -f 2 | sort -n | uniq -c | awk '$1 == 1' >"$TMP/once"
        assert_line_count 28 "$TMP/once"
    done
}

@test "split quotes Ids that need it" {
    printf 'Id,Target\n"a,b",0\n"c""d",1\n' >"$TMP/labels.csv"
    run_hpac split --labels "$TMP/labels.csv" --folds 2 --out "$TMP/out"
    assert_exit 0
    cat "$TMP"/out/fold?_validation.csv | sort >"$TMP/ids"
    printf '"a,b"\n"c""d"\nId\nId\n' | sort >"$TMP/expected"
    assert_same "$TMP/ids" "$TMP/expected"
}

@test "split refuses bad use with exit code 2" {
    make_labels 10
    local bad
    for bad in "--folds 1" "--folds 11" "--folds three" "--folds 3.5" "--folds" "--repeats 0" \
        "--repeats 2000000000" "--seed -1" "--seed 4294967296" "--method random" "--no-such" \
        "stray"; do
        # shellcheck disable=SC2086 # words on purpose
        run_hpac split --labels "$TMP/labels.csv" --out "$TMP/out" $bad
        assert_exit 2
        assert_no_output
        assert_no_file "$TMP/out"
    done
    run_hpac split
    assert_exit 2
    assert_error_has "--labels"
}

@test "split reports all bad rows with exit code 3 and writes nothing" {
    printf 'Id,Target\na,28\nb,\na,1\nc\n' >"$TMP/labels.csv"
    run_hpac split --labels "$TMP/labels.csv" --out "$TMP/out"
    assert_exit 3
    assert_no_output
    assert_error_has "labels.csv: 4 problems"
    assert_error_has "labels.csv:2: unknown class \"28\""
    assert_error_has "labels.csv:3: the Target is empty"
    assert_error_has "labels.csv:4: duplicate Id \"a\""
    assert_error_has "labels.csv:5: 1 cell, expected 2"
    assert_no_file "$TMP/out"
}

@test "split refuses label files that cannot be read with exit code 3" {
    run_hpac split --labels "$TMP/absent.csv"
    assert_exit 3
    assert_error_has "$TMP/absent.csv"
    run_hpac split --labels "$TMP"
    assert_exit 3
    : >"$TMP/empty.csv"
    run_hpac split --labels "$TMP/empty.csv"
    assert_exit 3
    assert_error_has "expected a header"
    make_labels 10
    chmod 000 "$TMP/labels.csv"
    run_hpac_without_privilege split --labels "$TMP/labels.csv"
    assert_exit 3
    assert_error_has "Permission denied"
}

@test "split refuses an output directory it cannot write with exit code 2" {
    make_labels 10
    run_hpac split --labels "$TMP/labels.csv" --out "$TMP/labels.csv/out"
    assert_exit 2
    assert_no_output
    assert_error_has "labels.csv"
    mkdir "$TMP/closed"
    chmod 555 "$TMP/closed"
    run_hpac_without_privilege split --labels "$TMP/labels.csv" --out "$TMP/closed"
    assert_exit 2
    assert_error_has "Permission denied"
    run_hpac_without_privilege split --labels "$TMP/labels.csv" --out "$TMP/closed/out"
    assert_exit 2
}

@test "split leaves no incomplete file on a full disk" {
    make_labels 20000
    small_disk_or_skip 400
    run_hpac split --labels "$TMP/labels.csv" --out "$SMALL_DISK/out"
    assert_exit 3
    assert_no_output
    assert_error_has "No space left on device"
    [[ -z $(find "$SMALL_DISK" -type f) ]] || fail_with "files left: $(ls "$SMALL_DISK/out")"
}

@test "a disk that is too full for another file or directory is no wrong --out" {
    make_labels 10
    small_disk_or_skip 64 1
    run_hpac split --labels "$TMP/labels.csv" --out "$SMALL_DISK"
    assert_exit 3
    assert_error_has "$SMALL_DISK/fold0_train.csv: cannot create: No space left on device"
    run_hpac split --labels "$TMP/labels.csv" --out "$SMALL_DISK/out"
    assert_exit 3
    assert_error_has "$SMALL_DISK/out: cannot create directory: No space left on device"
    run_hpac synth --count 1 --size 64 --out "$SMALL_DISK"
    assert_exit 3
    assert_error_has "$SMALL_DISK: cannot create files in it: No space left on device"
}

@test "a table comes from a file or from a pipe of the shell; a named pipe is refused" {
    make_labels 10
    run_hpac split --labels "$TMP/labels.csv"
    assert_exit 0
    local expected=$output
    run_hpac split --labels <(cat "$TMP/labels.csv")
    assert_exit 0
    [[ $output == "$expected" ]] || fail_with "other folds"
    mkfifo "$TMP/pipe.csv"
    HPAC_TIMEOUT=20 run_hpac split --labels "$TMP/pipe.csv"
    assert_exit 3
    assert_error_has "$TMP/pipe.csv: expected a regular file, not a device or pipe"
}

# Without room for six temporary files beside the six that are there, the old ones stay as they were.
@test "split replaces all the files of an earlier one, or none" {
    make_labels 9000
    small_disk_or_skip 400
    local out=$SMALL_DISK/out
    run_hpac split --labels "$TMP/labels.csv" --folds 4 --out "$out"
    assert_exit 0
    cp -r "$out" "$TMP/before"
    run_hpac split --labels "$TMP/labels.csv" --seed 1 --out "$out"
    assert_exit 2
    assert_no_output
    assert_error_has "--force"
    assert_error_has "$out"
    run_hpac split --labels "$TMP/labels.csv" --seed 1 --out "$out" --force
    assert_exit 3
    assert_error_has "No space left on device"
    diff -r "$TMP/before" "$out" >&2
}

@test "split does not end among its files at Ctrl-C" {
    make_labels 9
    start_paused file:2 split --labels "$TMP/labels.csv" --out "$TMP/out"
    signal_paused INT
    assert_exit 0
    run ls -A "$TMP/out"
    [[ $output == $'fold0_train.csv\nfold0_validation.csv\nfold1_train.csv\nfold1_validation.csv\nfold2_train.csv\nfold2_validation.csv' ]] ||
        fail_with "other files"
}

@test "split --force leaves no fold of an earlier one, nor touches other files" {
    make_labels 10
    mkdir "$TMP/out"
    touch "$TMP/out"/{fold12.csv,fold07_train.csv,fold7_test.csv,fold7_train.csv.bak}
    run_hpac split --labels "$TMP/labels.csv" --folds 5 --out "$TMP/out"
    assert_exit 0
    run_hpac split --labels "$TMP/labels.csv" --folds 2 --out "$TMP/out" --force
    assert_exit 0
    run_hpac split --labels "$TMP/labels.csv" --folds 2 --out "$TMP/new"
    assert_exit 0
    cp "$TMP/out"/{fold12.csv,fold07_train.csv,fold7_test.csv,fold7_train.csv.bak} "$TMP/new"
    diff -r "$TMP/new" "$TMP/out" >&2
}

@test "split reports an output that cannot be written" {
    make_labels 10
    run bash -c '"$1" split --labels "$2" >/dev/full' - "$HPAC" "$TMP/labels.csv"
    assert_exit 3
    assert_output_has "standard output"
}

@test "split --json has every row once per fold" {
    make_labels 1200
    run_hpac split --labels "$TMP/labels.csv" --repeats 2 --seed 5 --json
    assert_exit 0
    [[ -z $stderr ]] || fail_with "expected nothing on stderr"
    printf '%s' "$output" >"$TMP/split.json"
    run_hpac split --labels "$TMP/labels.csv" --repeats 2 --seed 5 --out "$TMP/folds"
    assert_exit 0
    python3 - "$TMP" <<'CHECK'
import json, sys
folds = json.load(open(sys.argv[1] + "/split.json"))["folds"]
assert len(folds) == 6
for k, fold in enumerate(folds):
    assert sorted(fold["train"] + fold["validation"]) == list(range(1200))
    for side, rows in fold.items():
        ids = open(f"{sys.argv[1]}/folds/fold{k}_{side}.csv").read().split()[1:]
        assert ids == [f"id{row + 1}" for row in rows]
CHECK
}
