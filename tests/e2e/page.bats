# The pages of `explore` and `report` as a reader sees them, in headless Chromium.
load helpers
load browser

setup_file() { small_models 1 --count 30 --seed 3 --test-count 3; }

# write_page NAME BODY [HEAD]
write_page() {
    printf '<!DOCTYPE html><html><head><meta charset="utf-8">%s</head><body>%s</body></html>\n' \
        "${3-}" "$2" >"$TMP/$1.html"
}

assert_found() {
    grep -qxF "$1" <<<"$findings" || fail_with "expected among the findings: $1; there are: $findings"
}

# Each finding once: what the test of a page can see must also be able to fail.
@test "a browser finds what is wrong with a page" {
    local drawn="<img alt=drawn src='data:image/svg+xml,<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"300\" height=\"99\"/>'"
    local wide='<table><tr><td style="min-width:700px">wide</td></tr></table>'
    write_page good "<p>All is well.</p>$drawn><div style=\"overflow-x:auto\">$wide</div>"
    assert_reads_well "$TMP/good.html"

    write_page broken '<p>A picture.</p><img alt="broken" src="data:image/png;base64,AAAA">'
    write_page script '<p>A script.</p><script>nothing.like(this)</script>'
    write_page table "<p>A table.</p>$wide"
    write_page hidden '<p>Hidden.</p><b>beyond</b>' \
        '<style>body{overflow-x:hidden}b{position:absolute;left:390px}</style>'
    write_page text '<p style="font-size:9px">small</p><p style="color:#ccc">pale</p>'
    write_page shrunk "<p>A plot.</p>$drawn width=200>"
    write_page blurred "<p>A plot.</p>$drawn width=350>"
    write_page scrolling "<p>A plot.</p><div style='overflow-x:auto'>$drawn style='min-width:500px'></div>"
    write_page empty ''
    look_at "$TMP"/{broken,script,table,hidden,text,shrunk,blurred,scrolling,empty}.html
    assert_found "broken.html at 400: a picture that does not load: broken"
    assert_found "table.html at 400: sticks out: TABLE wide"
    assert_found "hidden.html at 400: sticks out: B beyond"
    assert_found "text.html at 1400: text of 9 pixels: small"
    assert_found "text.html at 1400: text of too little contrast: pale"
    assert_found "shrunk.html at 1400: a plot shrunk beyond reading, 300 to 200 pixels: drawn"
    assert_found "blurred.html at 1400: a picture of 300 pixels shown with 350: drawn"
    assert_found "scrolling.html at 400: a plot that scrolls, but does not show it: drawn"
    assert_found "empty.html at 1400: nothing to read"
    [[ $findings == *"nothing is not defined"* ]] || fail_with "no script error in: $findings"
    [[ $findings != *"table.html at 1400"* ]] || fail_with "too wide for 1400? $findings"
}

@test "texts of a picture are not cut off and do not overlap" {
    local words='<svg xmlns="http://www.w3.org/2000/svg" width="300" height="99">%s</svg>'
    # shellcheck disable=SC2059
    printf "$words" '<text x="10" y="20">one</text><text x="10" y="40">two</text>' >"$TMP/good.svg"
    assert_reads_well "$TMP/good.svg"
    # shellcheck disable=SC2059
    printf "$words" '<text x="280" y="20">beyond</text><text x="10" y="90">one</text><text x="12" y="95">two</text>' \
        >"$TMP/bad.svg"
    look_at "$TMP/bad.svg"
    [[ $findings == *"cut off: beyond"* && $findings == *"over one another: one, two"* ]] ||
        fail_with "expected both; there are: $findings"
}

@test "explore.html is readable on a phone and on a screen" {
    "$HPAC" synth --count 12 --seed 5 --size 64 --test-count 6 --balance --quiet --out "$TMP/set" \
        >/dev/null
    "$HPAC" explore --labels "$TMP/set/train.csv" --images "$TMP/set/train" --test "$TMP/set/test" \
        --out "$TMP/out" --page-rows 4 --pages 3 --quiet >/dev/null
    assert_reads_well "$TMP/out/explore.html"
}

@test "explore.html of the real labels is readable" {
    real_data_or_skip
    "$HPAC" explore --labels "$REAL_DATA/train.csv" --out "$TMP/out" --quiet >/dev/null
    assert_reads_well "$TMP/out/explore.html"
}

@test "report.html of one run and of two is readable, with 3 and with 28 classes" {
    sed '/targets:/d' "$MADE/small.yaml" >"$TMP/all.yaml"
    REPORTS=yes run_hpac train "$TMP/all.yaml" --device cpu --out "$TMP/all" --quiet
    assert_exit 0
    run_hpac report "$MADE/run" --out "$TMP/three"
    run_hpac report "$MADE/run" "$TMP/all" --out "$TMP/both"
    assert_reads_well "$TMP"/{three,all,both}/report.html "$TMP"/{three,all,both}/plots/*.svg
}

@test "report.html of runs with long names and special characters is readable" {
    local long
    long=$(printf 'verylongname%.0s' {1..20})
    mkdir "$TMP/runs"
    cp -r "$MADE/run" "$TMP/runs/$long"
    cp -r "$MADE/run" "$TMP/runs/<b>\"q'uo\$(te), %d _x"
    run_hpac report "$TMP/runs" --out "$TMP/out"
    assert_exit 0
    assert_reads_well "$TMP/out/report.html" "$TMP"/out/plots/*.svg
}

@test "report.html of a cross-validation is readable" {
    run_hpac report "$MADE/folds" --out "$TMP/folds"
    assert_reads_well "$TMP/folds/report.html" "$TMP"/folds/plots/*.svg
}

@test "report.html of a sweep is readable" {
    printf 'config: %s\nset: {train.epochs: 1}\ngrid: {train.batch_size: [4, 8], train.seed: [1, 2]}\n' \
        "$MADE/small.yaml" >"$TMP/sweep.yaml"
    REPORTS=yes run_hpac sweep "$TMP/sweep.yaml" --device cpu --out "$TMP/sweep" --quiet
    assert_exit 0
    assert_reads_well "$TMP/sweep/report.html" "$TMP"/sweep/plots/*.svg
}
