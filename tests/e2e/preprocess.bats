# hpac preprocess: what it writes, what it refuses, that nothing is left behind then.
load helpers

# Two rows of four channels, every file another kind of PNG, in $TMP/in; their Ids in $TMP/ids.csv.
make_images() {
    local golden=tests/golden/png channel
    mkdir "$TMP/in"
    printf 'Id,Predicted\nfirst,0\nsecond,0\n' >"$TMP/ids.csv"
    cp "$golden/gray_8.png" "$TMP/in/first_green.png"
    cp "$golden/rgb_8_interlaced.png" "$TMP/in/first_blue.png"
    cp "$golden/palette_4.png" "$TMP/in/first_red.png"
    cp "$golden/gray_16.png" "$TMP/in/first_yellow.png"
    for channel in green blue red yellow; do
        cp "$golden/rgba_16.png" "$TMP/in/second_$channel.png"
    done
}

preprocess() {
    run_hpac preprocess --images "$TMP/in" --ids "$TMP/ids.csv" --out "$TMP/out" "$@"
}

# Nothing was written, and no temporary file is left.
assert_nothing_written() {
    local found
    found=$(find "$TMP/out" -type f 2>/dev/null || true)
    [[ -z $found ]] || fail_with "left behind: $found"
}

# Width and height of a PNG, out of its header.
size_of() {
    od -An -tu1 -j16 -N8 "$1" | awk '{ print $3 * 256 + $4 "x" $7 * 256 + $8 }'
}

@test "preprocess writes each channel asked for, in the size asked for" {
    make_images
    preprocess --channels 3 --rows 40 --cols 50
    assert_exit 0
    assert_output_has "2 images, 40x50, 3 channels"
    [[ $(find "$TMP/out" -type f | wc -l) -eq 6 ]] || fail_with "expected 6 files"
    local id channel
    for id in first second; do
        for channel in green blue red; do
            [[ $(size_of "$TMP/out/${id}_$channel.png") == 50x40 ]] || fail_with "wrong size"
        done
        assert_no_file "$TMP/out/${id}_yellow.png"
    done
}

@test "preprocess takes the names of channels" {
    make_images
    preprocess --channels red,yellow
    assert_exit 0
    assert_output_has "2 images, 128x128, 2 channels"
    [[ $(find "$TMP/out" -type f | wc -l) -eq 4 ]] || fail_with "expected 4 files"
    preprocess --channels red,yellow --force
    cp -r "$TMP/out" "$TMP/names"
    preprocess --channels 4 --force
    local name
    for name in first_red first_yellow second_red second_yellow; do
        assert_same "$TMP/out/$name.png" "$TMP/names/$name.png"
    done
    preprocess --channels 5
    assert_exit 2
    assert_error_has '--channels: expected an integer in [1, 4] or a list of green, blue, red and yellow, not "5"'
    preprocess --channels red,red
    assert_exit 2
    assert_error_has "--channels: duplicate channel \"red\""
}

@test "preprocess writes one channel of 128 x 128 by default, the same for any number of threads" {
    make_images
    preprocess --threads 1
    assert_exit 0
    assert_output_has "2 images, 128x128, 1 channel"
    [[ $(find "$TMP/out" -type f | wc -l) -eq 2 ]] || fail_with "expected 2 files"
    mv "$TMP/out" "$TMP/one"
    preprocess --threads 5
    assert_exit 0
    diff -r "$TMP/one" "$TMP/out" >&2 || fail_with "threads matter"
}

@test "preprocess at the size of the file keeps the pixels" {
    make_images
    preprocess --rows 11 --cols 13
    assert_exit 0
    run_hpac preprocess --images "$TMP/out" --ids "$TMP/ids.csv" --out "$TMP/again" \
        --rows 11 --cols 13
    assert_exit 0
    diff -r "$TMP/out" "$TMP/again" >&2 || fail_with "not the same"
}

@test "preprocess warns once of color files and of 16-bit files that are nearly black" {
    mkdir "$TMP/in"
    printf 'Id\na\nb\n' >"$TMP/ids.csv"
    cp tests/golden/png/rgb_8.png "$TMP/in/a_green.png"
    cp tests/golden/png/rgb_8.png "$TMP/in/b_green.png"
    preprocess
    assert_exit 0
    assert_error_has "RGB file with mixed colors, expected gray; using its green"
    [[ $(grep -c "mixed colors" <<<"$stderr") -eq 1 ]] || fail_with "expected one warning"
    # Two samples of 16 bits, 0x0fff and 0x0800.
    python3 - "$TMP/in/a_green.png" "$TMP/in/b_green.png" <<'END'
import struct, sys, zlib
def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
for path in sys.argv[1:]:
    with open(path, "wb") as png:
        png.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 16, 0, 0, 0, 0)) +
                  chunk(b"IDAT", zlib.compress(b"\0\x0f\xff\x08\0")) + chunk(b"IEND", b""))
END
    preprocess --force
    assert_exit 0
    assert_error_has "nearly black: its largest sample is 4095 of 65535"
    [[ $(grep -c "nearly black" <<<"$stderr") -eq 1 ]] || fail_with "expected one warning"
}

@test "preprocess lists all missing and bad images before it writes" {
    make_images
    rm "$TMP/in/first_green.png"
    echo "no picture" >"$TMP/in/first_blue.png"
    : >"$TMP/in/second_green.png"
    head -c 20 tests/golden/png/gray_8.png >"$TMP/in/second_blue.png"
    preprocess --channels 2
    assert_exit 3
    assert_error_has "4 problems"
    assert_error_has "first_green.png: cannot open: No such file"
    assert_error_has "first_blue.png: not a PNG file"
    assert_error_has "second_green.png: empty file"
    assert_error_has "second_blue.png: truncated PNG"
    assert_no_file "$TMP/out"
}

@test "preprocess refuses a PNG bomb by its header" {
    make_images
    # 65535 x 65535 pixels; the checksum is that of this header.
    printf '\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xff\xff\0\0\xff\xff\x08\0\0\0\0\x93\x6e\x86\x8c' \
        >"$TMP/in/second_green.png"
    preprocess
    assert_exit 3
    assert_error_has "second_green.png: too large: 65535 x 65535"
    assert_no_file "$TMP/out"
}

@test "preprocess lists all corrupt images and removes what it wrote" {
    make_images
    local file
    for file in first_red second_yellow; do
        head -c -30 "$TMP/in/$file.png" >"$TMP/short"
        cp "$TMP/short" "$TMP/in/$file.png"
    done
    preprocess --channels 4
    assert_exit 3
    assert_error_has "2 problems"
    assert_error_has "first_red.png: bad PNG: truncated"
    assert_error_has "second_yellow.png: bad PNG: truncated"
    assert_nothing_written
}

@test "preprocess does not write over files unless forced, nor ever over the images" {
    make_images
    mkdir "$TMP/out"
    echo mine >"$TMP/out/second_green.png"
    preprocess
    assert_exit 2
    assert_error_has "second_green.png"
    assert_error_has "--force"
    assert_no_file "$TMP/out/first_green.png"
    [[ $(<"$TMP/out/second_green.png") == mine ]] || fail_with "written over"
    preprocess --force
    assert_exit 0
    [[ $(size_of "$TMP/out/second_green.png") == 128x128 ]] || fail_with "not replaced"

    cp "$TMP/in/first_green.png" "$TMP/before"
    run_hpac preprocess --images "$TMP/in" --ids "$TMP/ids.csv" --out "$TMP/in/." --force
    assert_exit 2
    assert_error_has "is the image directory"
    assert_same "$TMP/in/first_green.png" "$TMP/before"
}

@test "preprocess refuses directories it cannot write" {
    make_images
    mkdir "$TMP/out"
    chmod a-w "$TMP/out"
    run_hpac_without_privilege preprocess --images "$TMP/in" --ids "$TMP/ids.csv" --out "$TMP/out"
    assert_exit 2
    assert_error_has "$TMP/out"
    run_hpac_without_privilege preprocess --images "$TMP/in" --ids "$TMP/ids.csv" \
        --out "$TMP/out/deeper"
    assert_exit 2
    run_hpac preprocess --images "$TMP/in" --ids "$TMP/ids.csv" --out "$TMP/ids.csv"
    assert_exit 2
    assert_error_has "$TMP/ids.csv"
    assert_nothing_written
}

@test "preprocess on a full disk fails and leaves nothing" {
    make_images
    small_disk_or_skip 64
    run_hpac preprocess --images "$TMP/in" --ids "$TMP/ids.csv" --channels 4 --rows 512 \
        --cols 512 --out "$SMALL_DISK"
    assert_exit 3
    assert_error_has "No space left"
    [[ -z $(find "$SMALL_DISK" -type f) ]] || fail_with "files are left"
}

@test "preprocess interrupted removes what it wrote and exits 130" {
    run_hpac synth --count 1 --test-count 20 --size 64 --seed 1 --quiet --out "$TMP/data"
    assert_exit 0
    mkdir "$TMP/out"
    local signal
    echo mine >"$TMP/out/notes"
    for signal in INT TERM; do
        start_paused image:7 preprocess --images "$TMP/data/test" --out "$TMP/out" --threads 2 \
            --ids "$TMP/data/sample_submission.csv"
        [[ $(find "$TMP/out" -name '*_green.png' | wc -l) -ge 3 ]] || fail_with "expected files"
        signal_paused "$signal"
        assert_exit 130
        assert_error_has "interrupted"
        assert_no_output
        [[ $(ls "$TMP/out") == notes ]] || fail_with "left behind: $(ls "$TMP/out")"
    done
}

@test "preprocess refuses bad lists of Ids and bad numbers" {
    make_images
    run_hpac preprocess --images "$TMP/missing" --ids "$TMP/ids.csv" --out "$TMP/out"
    assert_exit 3
    assert_error_has "$TMP/missing"
    printf 'Name\nfirst\n' >"$TMP/ids.csv"
    preprocess
    assert_exit 3
    assert_error_has "$TMP/ids.csv"
    run_hpac preprocess --images "$TMP/in" --ids "$TMP/no.csv" --out "$TMP/out"
    assert_exit 3
    preprocess --channels 5
    assert_exit 2
    preprocess --rows 0
    assert_exit 2
    run_hpac preprocess --images "$TMP/in" --ids "$TMP/ids.csv"
    assert_exit 2
    assert_error_has "--out"
    assert_no_file "$TMP/out"
}

@test "preprocess prepares the real images" {
    real_data_or_skip
    run_hpac preprocess --images "$REAL_DATA/train" --ids "$REAL_DATA/train_sample.csv" \
        --channels 4 --rows 128 --cols 128 --out "$TMP/out"
    assert_exit 0
    [[ $(find "$TMP/out" -type f | wc -l) -eq 256 ]] || fail_with "expected 256 files"
}
