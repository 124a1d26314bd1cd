# hpac report, and the report at the end of a training: pages, plots, bad directories. (Unit tests
# compare the figures with numpy's and scipy's.)
load helpers

setup_file() {
    small_models 1 --count 60 --test-count 1 --seed 5
    sed 's/targets: .*/targets: all/; s/epochs: 2/epochs: 1/' "$MADE/small.yaml" >"$MADE/all.yaml"
    "${HPAC:-build/hpac}" train "$MADE/all.yaml" --device cpu --quiet --no-report --out "$MADE/all"
}

setup() {
    helpers_setup
    cp -r "$MADE/run" "$MADE/folds" "$MADE/all" "$TMP/"
}

# assert_pictures DIRECTORY NAME...: each as PNG and SVG
assert_pictures() {
    local directory=$1 name
    shift
    for name; do
        assert_file "$directory/plots/$name.png" "$directory/plots/$name.svg" || return 1
    done
}

# assert_page_has FILE TEXT...
assert_page_has() {
    local page=$1 text
    shift
    for text; do
        grep -qF -- "$text" "$page" || fail_with "expected in $page: $text" || return 1
    done
}

# assert_only_report_differs DIRECTORY DIRECTORY: but for report.html and plots/, they are equal
assert_only_report_differs() {
    diff -r -x report.html -x plots "$1" "$2" >&2 || fail_with "files of the run were touched"
}

one_run="losses batch_losses accuracy f1 probability_histogram class_probability_density
    prediction_ranges ones_a_class f1_a_class label_shares"

@test "report draws every plot of a run and touches nothing else" {
    cp -r "$TMP/run" "$TMP/before"
    run_hpac report "$TMP/run"
    assert_exit 0
    [[ -z $stderr ]] || fail_with "expected nothing on stderr"
    [[ $output == "$TMP/run/report.html" ]] || fail_with "expected the page's path"
    # shellcheck disable=SC2086 # names
    assert_pictures "$TMP/run" $one_run
    assert_line_count 4 "$TMP/run/plots/class_summary.csv"
    assert_line_count 51 "$TMP/run/plots/probability_histogram.csv"
    [[ $(grep -o '<img ' "$TMP/run/report.html" | wc -l) -eq 10 ]] || fail_with "expected 10 pictures"
    ! grep -qE '(src|href)="(http|/|[a-z]*\.)' "$TMP/run/report.html" || fail_with "goes outside"
    assert_page_has "$TMP/run/report.html" "constant prior" "batch_size: 8" "oneDNN" \
        "Plasma membrane" "Metrics per epoch" "predictions.csv"
    assert_only_report_differs "$TMP/before" "$TMP/run"
}

@test "report of one epoch and 28 classes; --out leaves the run alone" {
    cp -r "$TMP/all" "$TMP/before"
    run_hpac report "$TMP/all" --out "$TMP/new/out" --quiet
    assert_exit 0
    [[ -z $stderr ]] || fail_with "expected nothing on stderr"
    # shellcheck disable=SC2086 # names
    assert_pictures "$TMP/new/out" $one_run
    assert_line_count 29 "$TMP/new/out/plots/class_summary.csv"
    assert_page_has "$TMP/new/out/report.html" "28 classes" "Rods &amp; rings"
    diff -r "$TMP/before" "$TMP/all" || fail_with "the run was touched"
}

@test "report of several draws their curves over one another and lists what differs" {
    cd "$TMP"
    run_hpac report run all folds/fold1
    assert_exit 0
    [[ $output == report/report.html ]] || fail_with "expected the page's path"
    assert_pictures report losses last_batch_losses accuracy f1 f1_against_time loss_against_steps
    assert_no_file report/plots/class_summary.csv
    assert_page_has report/report.html "Configuration keys that differ" "data.targets" \
        "data.split.fold" "train.epochs" "evaluated on different classes" "Rods &amp; rings"
    assert_line_count 4 report/plots/runs.csv
    # Runs of other classes have no baseline in common.
    ! grep -qE '>(all zeros|constant prior)' report/plots/{accuracy,losses}.svg ||
        fail_with "a baseline that the runs do not share"
    assert_no_file run/report.html all/plots
    # A report of fewer leaves nothing of this one's.
    run_hpac report run folds/fold1
    assert_exit 0
    assert_file report/plots/batch_losses_2.csv
    assert_no_file report/plots/batch_losses_3.csv
    run_hpac report run "$MADE/run" --out "$TMP/same"
    assert_exit 0
    grep -q '>all zeros' "$TMP/same/plots/accuracy.svg" || fail_with "no baseline"
    # Runs of the same name differ by their parents.
    [[ $(grep -c '^<h3>[^/]*/run</h3>$' "$TMP/same/report.html") -eq 2 ]] || fail_with "names that are equal"
    [[ $(cut -d, -f1 "$TMP/same/plots/runs.csv" | sort -u | wc -l) -eq 3 ]] || fail_with "names that are equal"
    ! grep -q 'Rods &amp; rings' report/report.html || fail_with "an old page"
}

@test "report of a cross-validation has mean and spread of the folds" {
    run_hpac report "$TMP/folds"
    assert_exit 0
    [[ $output == "$TMP/folds/report.html" ]] || fail_with "expected the page's path"
    assert_pictures "$TMP/folds" losses last_batch_losses accuracy f1
    assert_no_file "$TMP/folds/plots/f1_against_time.png" "$TMP/folds/fold0/report.html"
    assert_page_has "$TMP/folds/report.html" "Cross-validation of 3 folds" "fold2" ">max<"
    # The mean is that of folds.csv.
    awk -F, 'NR == FNR {if (FNR > 1) sum += $4; next}
        $1 == "loss" {d = $3 - sum / 3; exit !(d < 1e-8 && d > -1e-8)}' \
        "$TMP/folds/folds.csv" "$TMP/folds/plots/spread.csv" || fail_with "another mean"
}

@test "sweep ends with a report per run and one of all" {
    printf 'config: %s\ngrid:\n  train.batch_size: [8, 16]\n  train.epochs: [1, 2]\n' \
        "$MADE/small.yaml" >"$TMP/sweep.yaml"
    REPORTS=yes run_hpac sweep "$TMP/sweep.yaml" --device cpu --quiet --out "$TMP/sweep"
    assert_exit 0
    [[ -z $stderr ]] || fail_with "expected nothing on stderr"
    assert_pictures "$TMP/sweep" losses last_batch_losses f1_against_time loss_against_steps
    assert_page_has "$TMP/sweep/report.html" "Sweep of 4 runs" "batch_size=16,epochs=2"
    ! grep -q ' error ' "$TMP/sweep/report.html" || fail_with "errors that are none"
    # The names of the points are whole, though gnuplot ends a quoted cell at its comma.
    grep -q 'batch_size=16,epochs=2' "$TMP/sweep/plots/f1_against_time.svg" || fail_with "cut names"
    assert_file "$TMP/sweep/batch_size=8,epochs=1/report.html"
    # Both tables say the same of the same runs.
    diff "$TMP/sweep/sweep.csv" "$TMP/sweep/plots/runs.csv" >&2 || fail_with "the tables differ"
}

@test "report of a run that is not finished shows what there is" {
    sed -i 's/"finished"/"running"/' "$TMP/run/run.json"
    rm "$TMP/run/predictions.csv" "$TMP/run/model.h5"
    printf '%s' "$(sed '$d' "$TMP/run/metrics.csv")"$'\n'"2,1" >"$TMP/run/metrics.csv"
    run_hpac report "$TMP/run"
    assert_exit 0
    [[ -z $stderr ]] || fail_with "expected nothing on stderr"
    assert_pictures "$TMP/run" losses batch_losses accuracy f1 ones_a_class label_shares
    assert_no_file "$TMP/run/plots/probability_histogram.png"
    assert_page_has "$TMP/run/report.html" "not finished (running)" "follow after the last epoch"
    # Not one epoch, not one file but run.json.
    rm "$TMP"/run/*.csv "$TMP/run/config.yaml" "$TMP/run/train.log"
    run_hpac report "$TMP/run"
    assert_exit 0
    assert_no_file "$TMP/run/plots/losses.png" "$TMP/run/plots/class_summary.csv"
    ! grep -q '<img' "$TMP/run/report.html" || fail_with "pictures of nothing"
    run_hpac report "$TMP/run" "$TMP/all" --out "$TMP/out"
    assert_exit 0
    assert_page_has "$TMP/out/report.html" "not finished: 1 of 2"
}

@test "report shows the warnings of a log with their indented lines" {
    printf '%s\n' '2026-01-01 00:00:00 error the loss is not finite; look at these images' '  first-Id' \
        '  second-Id' '2026-01-01 00:00:00 info next' '  not-a-warning' 'short' '' \
        '2026-01-01 00:00:00 warning' >"$TMP/run/train.log"
    run_hpac report "$TMP/run"
    assert_exit 0
    assert_page_has "$TMP/run/report.html" 'these images' '  first-Id' '  second-Id'
    [[ $(grep -c '00:00:00 ' "$TMP/run/report.html") -eq 2 ]] || fail_with "expected two messages"
    ! grep -q 'not-a-warning' "$TMP/run/report.html" || fail_with "what is no warning"
}

@test "report leaves out what run.json does not have, and lists what it has" {
    printf '{"state": "finished", "skipped": [%s"z"], "lr": 0.5, "ok": true, "none": null, "of": {"a": 1}}\n' \
        "$(printf '"id%d", ' {1..40})" >"$TMP/run/run.json"
    run_hpac report "$TMP/run"
    assert_exit 0
    ! sed 's/base64,[^"]*//' "$TMP/run/report.html" | grep -qwE 'nan|unknown' || fail_with "a value that run.json does not have"
    ! grep -q 'training images<' "$TMP/run/report.html" || fail_with "a value that run.json does not have"
    assert_page_has "$TMP/run/report.html" "<th>validation images</th><td>20</td>" \
        "id1, id2, " "id24 and 17 more" ">true<" ">{&quot;a&quot;:1}<"
    printf '{"state": "running", "elapsed_s": 3.5, "device": "cpu"}\n' >"$TMP/run/run.json"
    run_hpac report "$TMP/run"
    assert_page_has "$TMP/run/report.html" "<th>training time</th><td>3.5 s</td>" "<th>device</th><td>cpu</td>"
}

@test "report of a continued run ignores the predictions of its earlier end" {
    sed -i 's/"finished"/"interrupted"/' "$TMP/run/run.json"
    run_hpac report "$TMP/run"
    assert_exit 0
    assert_no_file "$TMP/run/plots/probability_histogram.png"
    ! grep -q 'validation images after the last epoch' "$TMP/run/report.html" || fail_with "there is no last epoch yet"
    assert_page_has "$TMP/run/report.html" "from before this training was continued" "F1 per class in the last evaluated epoch"
}

@test "report while a training writes into the directory" {
    start_hpac train "$MADE/small.yaml" --device cpu --set train.epochs=1000000 --out "$TMP/now"
    wait_for_epochs "$TMP/now" 2
    for _ in 1 2 3; do
        run_hpac report "$TMP/now"
        assert_exit 0
        [[ -z $stderr ]] || fail_with "expected nothing on stderr"
    done
    assert_page_has "$TMP/now/report.html" "not finished (running)"
    kill -INT "$HPAC_PID"
    wait_hpac
    assert_exit 130
}

@test "report --json prints the tables" {
    run_hpac report "$TMP/run" --json
    assert_exit 0
    [[ ${lines[0]} == "{" && ${lines[-1]} == "}" ]] || fail_with "not an object"
    local flat
    flat=$(tr -d ' \n' <<<"$output")
    for part in '"runs":[{"run":"run","state":"finished"' '"figures":[{"measure":"loss"' \
        '"class_summary":[{"class":"Cytosol"' '"label_shares":[{"label":0,'; do
        [[ $flat == *"$part"* ]] || fail_with "no $part" || return 1
    done
    run_hpac report "$TMP/folds" --json
    [[ $output == *'"spread": ['* ]] || fail_with "no spread"
}

@test "report accepts any directory name" {
    local odd="$TMP/an 'odd' \"name\" \`id\` \$x 100% <b>,"
    mv "$TMP/run" "$odd"
    run_hpac report "$odd" "$TMP/all" --out "$odd, too"
    assert_exit 0
    [[ -z $stderr ]] || fail_with "expected nothing on stderr"
    assert_page_has "$odd, too/report.html" "&lt;b&gt;,"
    run_hpac report "$odd"
    assert_exit 0
    assert_file "$odd/report.html" "$odd/plots/losses.svg"
}

@test "report logs no warning where no locale is set" {
    run --separate-stderr env LC_ALL=C "$HPAC" report "$TMP/run" --quiet
    assert_exit 0
    [[ -z $stderr ]] || fail_with "expected no warnings"
    run --separate-stderr env -u LC_ALL -u LC_CTYPE -u LANG "$HPAC" report "$TMP/run" --quiet
    assert_exit 0
    [[ -z $stderr ]] || fail_with "expected no warnings"
}

@test "report refuses directories without a run, and damaged tables with their row" {
    mkdir "$TMP/empty"
    local bad
    for bad in "$TMP/empty" "$TMP/none" "$MADE/small.yaml"; do
        run_hpac report "$bad"
        assert_exit 2
        assert_error_has "$bad"
        assert_no_output
    done
    assert_no_file "$TMP/empty/plots" "$TMP/none"
    run_hpac report "$TMP/run" "$TMP/run/../run"
    assert_exit 2
    assert_error_has "duplicate run"
    run_hpac report "$TMP/run" "$TMP/all" --out "$TMP/all"
    assert_exit 2
    assert_error_has "$TMP/all"
    run_hpac report
    assert_exit 2
    assert_error_has "RUN"
    sed -i '3s/,0/,nought/' "$TMP/run/losses.csv"
    run_hpac report "$TMP/run"
    assert_exit 3
    assert_error_has "$TMP/run/losses.csv:3"
    assert_error_has "expected a number"
    assert_no_file "$TMP/run/report.html" "$TMP/run/plots"
}

@test "report without gnuplot names what to install" {
    run_hpac_without_tools report "$TMP/run"
    assert_exit 2
    assert_error_has "gnuplot-nox"
    assert_no_output
    assert_no_file "$TMP/run/plots" "$TMP/run/report.html"
}

@test "report names the path it cannot write" {
    chmod 555 "$TMP/run"
    run_hpac_without_privilege report "$TMP/run"
    chmod 755 "$TMP/run"
    assert_exit 2
    assert_error_has "$TMP/run"
    : >"$TMP/file"
    run_hpac report "$TMP/run" --out "$TMP/file"
    assert_exit 2
    assert_error_has "$TMP/file"
    mkdir -p "$TMP/out/report.html"
    run_hpac report "$TMP/run" --out "$TMP/out"
    assert_exit 2
    assert_error_has "expected a regular file, not a directory"
}

# A gnuplot that waits for $TMP/go, after making $TMP/drawing, once $HOLD has its plots/.
hold_gnuplot() {
    mkdir -p "$TMP/bin"
    cat >"$TMP/bin/gnuplot" <<EOF
#!/bin/sh
if [ "\$1" != --version ] && [ -d "\$HOLD/plots" ]; then
    : >"$TMP/drawing"
    until [ -e "$TMP/go" ]; do sleep 0.05; done
fi
exec $(command -v gnuplot) "\$@"
EOF
    chmod +x "$TMP/bin/gnuplot"
}

# interrupt_drawing DIRECTORY ARG...: SIGINT while the report of DIRECTORY is drawn, which goes on only
# after the signal.
interrupt_drawing() {
    rm -f "$TMP/drawing" "$TMP/go"
    HOLD=$1 PATH=$TMP/bin:$PATH start_hpac "${@:2}"
    local tries=0
    until [[ -e $TMP/drawing ]]; do
        sleep 0.1
        [[ $((tries++)) -lt 1200 ]] || fail_with "no drawing in two minutes" || return 1
    done
    kill -INT "$HPAC_PID"
    touch "$TMP/go"
    wait_hpac
    assert_exit 130
}

@test "report ends cleanly when it is interrupted" {
    hold_gnuplot
    interrupt_drawing "$TMP/run" report "$TMP/run"
    assert_no_output
    assert_no_file "$TMP/run/report.html"
    ! find "$TMP/run" -name '*.tmp.*' | grep -q . || fail_with "half files are left"
    run_hpac report "$TMP/run"
    assert_exit 0
}

@test "report refuses an empty --out" {
    run_hpac report "$TMP/run" --out ""
    assert_exit 2
    assert_error_has "--out: expected a path"
    assert_no_file "$TMP/run/report.html"
}

# interrupt_report DIRECTORY ARG...: the same in a training or sweep.
interrupt_report() {
    REPORTS=yes interrupt_drawing "$@" --device cpu --quiet
    assert_no_output
    assert_error_has "report"
    assert_no_file "$1/report.html"
}

@test "Ctrl-C in the report of a training exits 130 and prints the command of a later report" {
    hold_gnuplot
    interrupt_report "$TMP/one" train "$MADE/small.yaml" --out "$TMP/one" --set train.epochs=1
    assert_error_has "all is trained and saved"
    assert_error_has "hpac report $TMP/one"
    grep -q '"state": "finished"' "$TMP/one/run.json"
}

@test "Ctrl-C in the report of a sweep's run, and in that of the sweep, exits 130; the same command continues" {
    hold_gnuplot
    printf 'config: %s\nruns: [{name: a, train.epochs: 1}, {name: b, train.epochs: 2}]\n' "$MADE/small.yaml" >"$TMP/s.yaml"
    interrupt_report "$TMP/out/b" sweep "$TMP/s.yaml" --out "$TMP/out"
    assert_error_has "interrupted in the report of run b; saved, continue with the same command"
    grep -q '^b,finished,' "$TMP/out/sweep.csv"
    cp "$TMP/out/b/run.json" "$TMP/b.json"
    interrupt_report "$TMP/out" sweep "$TMP/s.yaml" --out "$TMP/out"
    assert_error_has "hpac report $TMP/out"
    assert_file "$TMP/out/b/report.html"
    assert_same "$TMP/out/b/run.json" "$TMP/b.json"
}

@test "report reports a full disk, whether a table, a picture or the page does not fit" {
    local free
    small_disk_or_skip 2000
    for free in 20 100 600; do
        rm -rf "${SMALL_DISK:?}"/*
        head -c $(((2000 - free) * 1024)) /dev/zero >"$SMALL_DISK/filler"
        run_hpac report "$TMP/run" --out "$SMALL_DISK/out"
        assert_exit 3
        assert_error_has "No space left on device"
        assert_no_file "$SMALL_DISK/out/report.html"
        ! find "$SMALL_DISK" -name '*.tmp.*' | grep -q . || fail_with "incomplete files are left"
    done
}

@test "report of a run on a read-only file system fails with its reason, and writes elsewhere with --out" {
    small_disk_or_skip 4000
    cp -r "$TMP/run" "$SMALL_DISK/run"
    mount -o remount,ro "$SMALL_DISK"
    run_hpac report "$SMALL_DISK/run"
    assert_exit 2
    assert_error_has "$SMALL_DISK/run"
    assert_error_has "Read-only file system"
    run_hpac report "$SMALL_DISK/run" --out "$TMP/out"
    assert_exit 0
    assert_file "$TMP/out/report.html"
}

@test "report writes the same files where numbers have a decimal comma" {
    localedef --no-archive -i de_DE -f UTF-8 "$TMP/de_DE.utf8" >/dev/null 2>&1 || true
    [[ $(LOCPATH=$TMP LC_ALL=de_DE.UTF-8 bash -c "printf '%.1f' 1,5" 2>/dev/null) == 1,5 ]] ||
        skip "no German locale"
    run_hpac report "$TMP/run" --out "$TMP/point"
    assert_exit 0
    run --separate-stderr env LOCPATH="$TMP" LC_ALL=de_DE.UTF-8 "$HPAC" report "$TMP/run" --out "$TMP/comma"
    assert_exit 0
    diff -r "$TMP/point" "$TMP/comma" >&2 || fail_with "the reports differ"
}

@test "train ends with a report; --force removes it and no other files" {
    REPORTS=yes run_hpac train "$MADE/small.yaml" --device cpu --quiet --out "$TMP/new"
    assert_exit 0
    [[ -z $stderr ]] || fail_with "expected nothing on stderr"
    # shellcheck disable=SC2086 # names
    assert_pictures "$TMP/new" $one_run
    assert_page_has "$TMP/new/report.html" "finished"
    touch "$TMP/new/plots/mine.txt"
    run_hpac train "$MADE/small.yaml" --device cpu --quiet --out "$TMP/new" --force
    assert_exit 0
    assert_no_file "$TMP/new/report.html" "$TMP/new/plots/losses.png"
    [[ $(ls "$TMP/new/plots") == mine.txt ]] || fail_with "expected mine.txt alone"
    rm "$TMP/new/plots/mine.txt"
    run_hpac train "$MADE/small.yaml" --device cpu --quiet --out "$TMP/new" --force
    assert_no_file "$TMP/new/plots"
}

@test "train --fold all ends with a report per fold and one of all" {
    REPORTS=yes run_hpac train "$MADE/small.yaml" --device cpu --quiet --fold all --out "$TMP/cv" \
        --set train.epochs=1
    assert_exit 0
    assert_file "$TMP"/cv/{fold0,fold1,fold2}/report.html
    assert_page_has "$TMP/cv/report.html" "Cross-validation of 3 folds"
    run_hpac train "$MADE/small.yaml" --device cpu --quiet --fold all --out "$TMP/cv" \
        --set train.epochs=1 --force
    assert_exit 0
    assert_no_file "$TMP/cv/report.html" "$TMP/cv/plots" "$TMP/cv/fold1/report.html"
}

@test "a training without gnuplot succeeds and prints the command of a later report" {
    run_hpac_without_tools train "$MADE/small.yaml" --device cpu --fold all --set train.epochs=1 --out "$TMP/cv"
    assert_exit 0
    [[ $(grep -c 'hpac report' <<<"$stderr") -eq 1 ]] || fail_with "expected one warning"
    [[ ${stderr%%$'\n'*} == *"gnuplot-nox"*"hpac report $TMP/cv" ]] || fail_with "expected it early"
    assert_no_file "$TMP/cv/plots" "$TMP/cv/fold0/plots"
    run_hpac_without_tools train "$MADE/small.yaml" --device cpu --quiet --no-report --out "$TMP/new"
    assert_exit 0
    [[ -z $stderr ]] || fail_with "expected nothing on stderr"
}

@test "tables name each run with the color of its curves" {
    local colors
    colors=$(sed -n "s/^colors = '\(.*\)'/\1/p" tools/plots/common.gp)
    [[ $(grep -o '"#[0-9A-F]*"' src/report/report_internal.h | tr -d '"' | xargs) == "$colors" ]] ||
        fail_with "expected the colors of the plots: $colors"
    cp -r "$TMP/run" "$TMP/none"
    for file in losses batch_losses batch_counts metrics class_metrics; do
        sed -i 1q "$TMP/none/$file.csv"
    done
    sed -i 's/"finished"/"interrupted"/' "$TMP/none/run.json"
    run_hpac report "$TMP/none" "$TMP/run" "$TMP/all" --out "$TMP/out"
    assert_exit 0
    read -r first second _ <<<"$colors"
    # Twice: results and schedules; and the configurations. What has no curve has no color.
    assert_page_has "$TMP/out/report.html" "<tr><td>none</td>" \
        "<tr style=\"--curve:$first\"><td>run</td>" "<tr style=\"--curve:$second\"><td>all</td>"
    [[ $(grep -c -- "--curve:$first" "$TMP/out/report.html") -eq 3 ]] || fail_with "expected three tables"
    run_hpac report "$TMP/run"
    ! grep -q '<tr style' "$TMP/run/report.html" || fail_with "one run needs no colors"
}

# xdg-open of a desktop, and what it was given.
fake_xdg_open() {
    mkdir "$TMP/bin"
    printf '#!/bin/sh\necho from the browser\nprintf "%%s\\n" "$@" >"%s/opened"\nexit %s\n' "$TMP" "$1" \
        >"$TMP/bin/xdg-open"
    chmod +x "$TMP/bin/xdg-open"
    export PATH=$TMP/bin:$PATH
}

@test "--open shows the page in the browser" {
    fake_xdg_open 0
    cd "$TMP"
    DISPLAY=:0 run_hpac report run --open
    assert_exit 0
    [[ $output == run/report.html && $stderr == "from the browser" ]] ||
        fail_with "expected the page's path alone"
    [[ $(<"$TMP/opened") == "$(pwd -P)/run/report.html" ]] || fail_with "not opened: $(<"$TMP/opened")"
    rm "$TMP/opened"
    run_hpac report run
    assert_no_file "$TMP/opened"
}

@test "--open without a display or a browser prints where the page is" {
    local page
    page=$(realpath "$TMP/run")/report.html
    fake_xdg_open 3
    run env -u DISPLAY -u WAYLAND_DISPLAY "$HPAC" report "$TMP/run" --open
    assert_exit 0
    assert_output_has "no display here; open the page in a browser: $page"
    assert_no_file "$TMP/opened"
    WAYLAND_DISPLAY=w run_hpac report "$TMP/run" --open
    assert_exit 0
    assert_error_has "xdg-open does not show the page; open it in a browser: $page"
    assert_file "$TMP/opened"
}
