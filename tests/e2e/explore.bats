# hpac explore: figures, pictures, pages, bad input. (Unit tests compare every figure with pandas'.)
load helpers

# $1 images, 64x64, all classes often, four channels: $TMP/set/train.csv and $TMP/set/train.
generate() {
    "$HPAC" synth --count "$1" --seed 5 --size 64 --test-count 6 --balance --quiet \
        --out "$TMP/set" >/dev/null
}

@test "explore prints the reference notebooks' figures of the real labels" {
    real_data_or_skip
    run_hpac explore --labels "$REAL_DATA/train.csv"
    assert_exit 0
    [[ -z $stderr ]] || fail_with "expected nothing on stderr"
    local flat
    flat=$(tr -s ' ' <<<"$output")
    local expected
    for expected in " 31072 50782 1.634 15946 28 " \
        " 0 Nucleoplasm 12885 41.47" " 27 Rods & rings 11 0.04" \
        " 1 15126 48.68"$'\n'" 2 12485 40.18"$'\n'" 3 3160 10.17"$'\n'" 4 299 0.96"$'\n'" 5 2 0.01" \
        " Endosomes 28 100.00"$'\n'" Lysosomes 28 100.00"$'\n'" Endoplasmic reticulum 11 39.29" \
        " Endosomes Lysosomes 28 1.000"; do
        [[ $flat == *"$expected"* ]] || fail_with "expected in stdout: $expected"
    done
}

@test "explore shows the real images and writes everything" {
    real_data_or_skip
    run_hpac explore --labels "$REAL_DATA/train_sample.csv" --images "$REAL_DATA/train" \
        --test "$REAL_DATA/test" --classes "Cytosol,Nucleoplasm" --out "$TMP/out"
    assert_exit 0
    assert_output_has "26 images, 40.6 % of the 64"
    assert_error_has "all tables and pictures: $TMP/out/explore.html"
    local name
    for name in summary class_counts labels_per_image correlation correlation_pairs folders \
        chosen binarised company_lysosomes company_rods_rings; do
        assert_file "$TMP/out/$name.csv"
    done
    assert_file "$TMP"/out/plots/{class_counts,labels_per_image,correlation}.png
    assert_file "$TMP"/out/panels/{before,after,image_001,image_007,page_01}.png
    assert_no_file "$TMP/out/panels/image_008.png"
    assert_line_count 8 "$TMP/out/chosen.csv"
    assert_line_count 65 "$TMP/out/binarised.csv"
    [[ $(grep -o '<img ' "$TMP/out/explore.html" | wc -l) -ge 12 ]] || fail_with "pictures lack"
    ! grep -qE '(src|href)="(http|/|[a-z]*\.)' "$TMP/out/explore.html" || fail_with "goes outside"
}

@test "explore --images needs every file of the images it shows" {
    generate 30
    local id
    id=$(sed -n 2p "$TMP/set/train.csv" | cut -d , -f 1)
    rm "$TMP/set/train/${id}_red.png" "$TMP/set/train/${id}_yellow.png"
    run_hpac explore --labels "$TMP/set/train.csv" --images "$TMP/set/train" --out "$TMP/out"
    assert_exit 3
    assert_error_has "${id}_red.png"
    assert_error_has "${id}_yellow.png"
    assert_no_output
    assert_no_file "$TMP/out/explore.html" "$TMP/out/summary.csv"

    run_hpac explore --labels "$TMP/set/train.csv" --images "$TMP/set/train" --out "$TMP/out" \
        --on-bad-image skip
    assert_exit 0
    run cat "$TMP/out/explore.html"
    assert_output_has "Left out because a file is missing or unreadable: 1."
    refute_output_has "$id"

    run_hpac explore --labels "$TMP/set/train.csv" --images "$TMP/set/train" --out "$TMP/two" \
        --channels 2
    assert_exit 0
    run cat "$TMP/two/explore.html"
    assert_output_has "$id"
    assert_output_has "green (protein), blue (nucleus)."
    run_hpac explore --labels "$TMP/set/train.csv" --images "$TMP/set/train" --out "$TMP/named" \
        --channels yellow,blue
    assert_exit 3
    assert_error_has "${id}_yellow.png"
    run_hpac explore --labels "$TMP/set/train.csv" --images "$TMP/set/train" --out "$TMP/named" \
        --channels blue,green
    assert_exit 0
    run cat "$TMP/named/explore.html"
    assert_output_has "blue (nucleus), green (protein)."
}

@test "explore stops at a corrupt image, or leaves it out" {
    generate 8
    local id
    id=$(sed -n 3p "$TMP/set/train.csv" | cut -d , -f 1)
    truncate -s 200 "$TMP/set/train/${id}_blue.png"
    run_hpac explore --labels "$TMP/set/train.csv" --images "$TMP/set/train" --out "$TMP/out"
    assert_exit 3
    assert_error_has "${id}_blue.png"
    assert_no_file "$TMP/out/explore.html"
    run_hpac explore --labels "$TMP/set/train.csv" --images "$TMP/set/train" --out "$TMP/out" \
        --on-bad-image skip
    assert_exit 0
    assert_error_has "${id}_blue.png"
    assert_file "$TMP/out/panels/image_007.png" "$TMP/out/explore.html"
    assert_no_file "$TMP/out/panels/image_008.png"
}

@test "explore pages the images, and --force leaves none of an earlier exploration" {
    generate 25
    run_hpac explore --labels "$TMP/set/train.csv" --images "$TMP/set/train" --out "$TMP/out" \
        --page-rows 4 --pages 3
    assert_exit 0
    assert_file "$TMP/out/panels/page_03.png" "$TMP/out/panels/image_012.png"
    assert_no_file "$TMP/out/panels/page_04.png" "$TMP/out/panels/image_013.png"
    run_hpac explore --labels "$TMP/set/train.csv" --images "$TMP/set/train" --out "$TMP/out"
    assert_exit 2
    assert_error_has "--force"
    touch "$TMP/out/panels/mine.png"
    run_hpac explore --labels "$TMP/set/train.csv" --images "$TMP/set/train" --out "$TMP/out" \
        --page-rows 7 --pages 0 --force
    assert_exit 0
    assert_file "$TMP/out/panels/page_04.png" "$TMP/out/panels/image_025.png"
    run_hpac explore --labels "$TMP/set/train.csv" --images "$TMP/set/train" --out "$TMP/out" \
        --page-rows 2 --pages 1 --force
    assert_exit 0
    [[ $(find "$TMP/out/panels" -type f -size +0 | wc -l) -eq 5 ]] || fail_with "expected 5 pictures"
    [[ -e $TMP/out/panels/mine.png ]] || fail_with "a file that is not hpac's is gone"
}

@test "explore --force leaves no table, chart or panel that the new exploration does not have" {
    generate 25
    run_hpac explore --labels "$TMP/set/train.csv" --images "$TMP/set/train" --out "$TMP/out" \
        --classes Cytosol --company Cytosol --company Nucleoplasm
    assert_exit 0
    assert_file "$TMP"/out/{chosen,folders,company_cytosol,company_nucleoplasm}.csv \
        "$TMP"/out/plots/{class_counts,company_cytosol}.png "$TMP"/out/panels/{before,image_001}.png
    touch "$TMP/out/company_mine.csv" "$TMP/out/class_counts.png" "$TMP/out/plots/mine.png"
    run_hpac explore --labels "$TMP/set/train.csv" --out "$TMP/out" --company Cytosol --force
    assert_exit 0
    assert_file "$TMP/out/company_cytosol.csv" "$TMP/out/plots/company_cytosol.png"
    assert_no_file "$TMP"/out/{chosen,folders,company_nucleoplasm}.csv \
        "$TMP/out/plots/company_nucleoplasm.png" "$TMP/out/panels"
    run_hpac explore --labels "$TMP/set/train.csv" --out "$TMP/out" --no-plots --force
    assert_exit 0
    [[ $(ls "$TMP/out/plots") == mine.png ]] || fail_with "charts are left: $(ls "$TMP/out/plots")"
    [[ -e $TMP/out/company_mine.csv && -e $TMP/out/class_counts.png ]] ||
        fail_with "a file that is not hpac's is gone"
    rm "$TMP/out/plots/mine.png"
    run_hpac explore --labels "$TMP/set/train.csv" --out "$TMP/out" --no-plots --force
    assert_no_file "$TMP/out/plots"
    # Images of which none is shown leave no directory either.
    sed '2,$s/,.*/,3/' "$TMP/set/train.csv" >"$TMP/three.csv"
    run_hpac explore --labels "$TMP/three.csv" --images "$TMP/set/train" --classes Cytosol --out "$TMP/none"
    assert_exit 0
    assert_file "$TMP/none/explore.html"
    assert_no_file "$TMP/none/panels"
}

@test "explore reports what is undefined and classes without images, and writes no NaN" {
    printf 'Id,Target\nonly,3\n' >"$TMP/one.csv"
    run_hpac explore --labels "$TMP/one.csv" --company Peroxisomes --company 3 \
        --out "$TMP/out" --classes Cytosol
    assert_exit 0
    assert_output_has "more than one label: none"
    assert_output_has "The correlation of 28 classes with any other is undefined"
    assert_output_has "Classes of the images with Peroxisomes (0 images): none"
    assert_output_has "Classes of the images with Nucleoli fibrillar center (1 image)"
    assert_output_has "all chosen classes: none"
    ! grep -rilE '(^|,)-?(nan|inf)' "$TMP/out" --include='*.csv' || fail_with "not a number"
    assert_line_count 29 "$TMP/out/correlation.csv"
    assert_line_count 1 "$TMP/out/company_peroxisomes.csv"
    assert_no_file "$TMP/out/plots/correlation.png" "$TMP/out/plots/company_peroxisomes.png"
    run cat "$TMP/out/explore.html"
    assert_output_has "is undefined"
    assert_output_has "No image has Peroxisomes."
}

@test "explore draws a map in which some classes have no correlation" {
    printf 'Id,Target\na,0 1\nb,0 2\nc,1 2 27\nd,5\n' >"$TMP/few.csv"
    run_hpac explore --labels "$TMP/few.csv" --out "$TMP/out"
    assert_exit 0
    [[ $stderr == "all tables and pictures: $TMP/out/explore.html" ]] || fail_with "gnuplot complains"
    assert_output_has "The correlation of 24 classes"
    assert_file "$TMP/out/plots/correlation.png"
    grep -q '^Nucleoplasm,1,-0.5,-0.5,,' "$TMP/out/correlation.csv" || fail_with "other figures"
}

@test "explore --json prints the tables" {
    printf 'Id,Target\na,0 1\nb,0\n' >"$TMP/two.csv"
    run_hpac explore --labels "$TMP/two.csv" --json --company Nucleoplasm
    assert_exit 0
    [[ ${lines[0]} == "{" && ${lines[-1]} == "}" ]] || fail_with "not an object"
    local flat
    flat=$(tr -d ' \n' <<<"$output")
    [[ $flat == *'"summary":[{"images":2,"labels":3,'* ]] || fail_with "no summary"
    [[ $flat == *'{"class":0,"name":"Nucleoplasm","images":2,"percent":100.0}'* ]] ||
        fail_with "no counts"
    [[ $flat == *'{"name":"Nucleoplasm","Nucleoplasm":null,'* ]] || fail_with "no null"
    [[ $flat == *'"company_nucleoplasm":[{"name":"Nucleoplasm","images":2,'* ]] ||
        fail_with "no company"
}

@test "explore without gnuplot names what to install; --no-plots works without it" {
    generate 4
    run_hpac_without_tools explore --labels "$TMP/set/train.csv" --out "$TMP/out"
    assert_exit 2
    assert_error_has "gnuplot-nox"
    assert_no_file "$TMP/out"
    run_hpac_without_tools explore --labels "$TMP/set/train.csv" --images "$TMP/set/train" --no-plots \
        --out "$TMP/out" --quiet
    assert_exit 0
    assert_file "$TMP/out/explore.html" "$TMP/out/panels/image_004.png" "$TMP/out/class_counts.csv"
    assert_no_file "$TMP/out/plots" "$TMP/out/panels/page_01.png"
}

@test "explore accepts any directory name, and images that are not square" {
    local out="$TMP/an 'odd' \"name\" \`id\` \$x 100%" image
    printf 'Id,Target\nwide,0\ndot,1\n' >"$TMP/odd.csv"
    mkdir "$TMP/images"
    for image in green blue red yellow; do
        cp tests/golden/png/gray_8_40x21.png "$TMP/images/wide_$image.png"
        cp tests/golden/png/gray_8_1x1.png "$TMP/images/dot_$image.png"
    done
    run_hpac explore --labels "$TMP/odd.csv" --images "$TMP/images" --out "$out" --quiet
    assert_exit 0
    [[ -z $stderr ]] || fail_with "expected nothing on stderr"
    assert_file "$out/explore.html" "$out/plots/class_counts.png" "$out/panels/page_01.png"
}

@test "explore refuses unreadable files and unknown classes and channels" {
    generate 4
    local labels=$TMP/set/train.csv
    run_hpac explore --labels "$labels" --classes "Cytosol, cytosoll"
    assert_exit 2
    assert_error_has '"cytosoll"'
    run_hpac explore --labels "$labels" --classes ""
    assert_exit 2
    run_hpac explore --labels "$labels" --company Cytosol --company Cytosol
    assert_exit 2
    assert_error_has "duplicate class"
    run_hpac explore --labels "$labels" --on-bad-image perhaps
    assert_exit 2
    run_hpac explore --labels "$labels" --test "$TMP/none"
    assert_exit 3
    assert_error_has "$TMP/none"
    assert_no_output
    mkdir "$TMP/locked"
    chmod 000 "$TMP/locked"
    run_hpac_without_privilege explore --labels "$labels" --images "$TMP/locked"
    assert_exit 3
    assert_error_has "$TMP/locked"
    : >"$TMP/file"
    run_hpac explore --labels "$labels" --out "$TMP/file"
    assert_exit 2
    assert_error_has "$TMP/file"
    printf 'Id,Target\n' >"$TMP/empty.csv"
    run_hpac explore --labels "$TMP/empty.csv"
    assert_exit 3
    assert_no_output
}

@test "explore reports a full disk" {
    small_disk_or_skip 100
    generate 20
    run_hpac explore --labels "$TMP/set/train.csv" --images "$TMP/set/train" \
        --out "$SMALL_DISK/out" --quiet
    assert_exit 3
    assert_no_file "$SMALL_DISK/out/explore.html"
    ! find "$SMALL_DISK" -name '*.tmp.*' | grep -q . || fail_with "half files are left"
}

@test "--quiet --out prints the page alone; --json has short numbers" {
    generate 12
    run_hpac explore --labels "$TMP/set/train.csv" --images "$TMP/set/train" --no-plots --out "$TMP/out" -q
    assert_exit 0
    [[ $output == "$TMP/out/explore.html" && -z $stderr ]] || fail_with "expected the page alone"
    assert_file "$TMP/out/explore.html"
    run_hpac explore --labels "$TMP/set/train.csv" --quiet --json
    assert_exit 0
    [[ -z $stderr ]] || fail_with "expected nothing on stderr"
    # Python writes the shortest number that reads back.
    python3 -c 'import json, sys
text = sys.stdin.read()
sys.exit(json.dumps(json.loads(text), indent=2, ensure_ascii=False) != text.strip())' <<<"$output" ||
        fail_with "expected the numbers as Python writes them"
}
