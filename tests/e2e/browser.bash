# Looking at pages and pictures in headless Chromium; tests/e2e/look.js says what is looked for.
#
#     load helpers
#     load browser
#
#     assert_reads_well "$TMP/report.html" "$TMP/losses.svg"
#
# Pages are looked at 400 and 1400 pixels wide. Nothing may be written to the browser's console.

# look_at FILE...: sets $findings to the lines of what is wrong; fails when Chromium does.
look_at() {
    [[ $(</etc/os-release) != *ubuntu* ]] || command -v chromium >/dev/null ||
        skip "Ubuntu's Chromium is a snap, which sees no files in /tmp"
    require_tool chromium
    local directory=$TMP/browser file width number=0
    mkdir -p "$directory"
    cp tests/e2e/look.js "$directory"
    {
        printf '<!DOCTYPE html>\n<meta charset="utf-8">\n<script src="look.js"></script>\n<body>\n'
        for file; do
            cp "$file" "$directory/$((++number)).${file##*.}"
            for width in 400 1400; do
                [[ $file == *.svg && $width == 400 ]] ||
                    printf '<iframe title="%s" src="%s" width="%s" height="1000"></iframe>\n' \
                        "${file#"$TMP"/}" "$number.${file##*.}" "$width"
            done
        done
    } >"$directory/frames.html"
    run_chromium "$directory" || run_chromium "$directory" || fail_with "Chromium fails: $(<"$directory/log")"
    findings=$(sed -n '/<pre>/,/<\/pre>/{s/.*<pre>//;s/<\/pre>.*//;p}' "$directory/seen.html" | sed '$d'
        grep CONSOLE "$directory/log" || true)
}

# Writes $1/seen.html, which ends with the script's own last line, and $1/log.
run_chromium() {
    timeout --kill-after=10 120 chromium --headless=new --no-sandbox --disable-gpu \
        --disable-dev-shm-usage --disable-extensions --disable-background-networking --no-first-run \
        --allow-file-access-from-files --enable-logging=stderr --user-data-dir="$1/profile" \
        --window-size=1500,1100 --dump-dom "file://$1/frames.html" >"$1/seen.html" 2>"$1/log" &&
        grep -q '^looked at [0-9]*</pre>\|<pre>looked at [0-9]*</pre>' "$1/seen.html"
}

assert_reads_well() {
    look_at "$@"
    [[ -z $findings ]] || fail_with "a reader would stumble: $findings"
}
