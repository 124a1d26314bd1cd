# The bundle: what is in it, and that it runs where nothing else is.
load ../e2e/helpers
load packages

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    command -v zstd >/dev/null || skip "no zstd"
    rm -f build/hpac-*-linux-*.tar.zst
    (umask 077 && make_quietly bundle)
    export ARCHIVE=$PWD/build/hpac-$(tools/version)-linux-$(uname -m).tar.zst
    export BUNDLE=$BATS_FILE_TMPDIR/bundle
    mkdir "$BUNDLE"
    tar --zstd -xf "$ARCHIVE" --strip-components=1 -C "$BUNDLE"
}

# binaries: the ELF files of the bundle.
binaries() {
    printf '%s\n' "$BUNDLE/bin/hpac" "$BUNDLE"/lib/*.so* "$BUNDLE/libexec/hpac/gnuplot.bin"
}

@test "it is below 60 MiB with one architecture" {
    [[ $CUDA_ARCHS != *' '* ]] || skip "more than one architecture"
    [[ $(stat -c %s "$ARCHIVE") -lt $((60 << 20)) ]] || fail_with "$(ls -l "$ARCHIVE")"
}

@test "every user may read it, and made again it is the same" {
    run find "$BUNDLE" -not -type l \( -not -perm -444 -o -type d -not -perm -555 \)
    assert_no_output
    mv "$ARCHIVE" "$TMP/first"
    make_quietly bundle
    assert_same "$TMP/first" "$ARCHIVE"
}

@test "a library that is missing is an error" {
    mkdir "$TMP/bin"
    printf '#!/bin/sh\n/usr/bin/ldd "$@" | sed "s/libpng16.so.16 => .*/libpng16.so.16 => not found/"\n' >"$TMP/bin/ldd"
    chmod +x "$TMP/bin/ldd"
    PATH=$TMP/bin:$PATH run make_quietly bundle
    [[ $status -ne 0 && $output == *"libpng16.so.16 => not found"* ]] || fail_with "expected an error"
}

@test "its libraries need one another, the C library, and NVIDIA's, and have no paths of this machine" {
    local file library missing=()
    for file in $(binaries); do
        for library in $(readelf -d "$file" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
            [[ -e $BUNDLE/lib/$library ]] ||
                [[ $library =~ ^(lib(c|m|dl|rt|pthread|resolv|gcc_s)|ld-linux.*)\.so ]] ||
                [[ $file == *libhpac_cuda.so && $library =~ ^lib(cudart|cublas|cudnn)\.so ]] ||
                missing+=("${file##*/}: $library")
        done
        run readelf -d "$file"
        [[ $output != *'(RUNPATH)'* ]] || fail_with "$file has a RUNPATH"
        [[ $output != *'(RPATH)'* || $output == *'[$ORIGIN/../lib]'* ]] || fail_with "$file has an RPATH"
    done
    [[ ${#missing[@]} -eq 0 ]] || fail_with "not in the bundle: ${missing[*]}"
    [[ $(binaries | wc -l) -gt 40 ]] || fail_with "few files"
}

@test "made on Debian 12 it needs no C library newer than 2.34" {
    local newest
    [[ $(sed -n 's/^VERSION_ID=//p' /etc/os-release) == '"12"' ]] || skip "this is not Debian 12"
    newest=$(binaries | xargs readelf --version-info --wide |
        grep -oE 'Name: GLIBC_[0-9.]+' | sort -V | tail -n 1)
    [[ $newest =~ ^'Name: GLIBC_2.'([0-9]+) && ${BASH_REMATCH[1]} -le 34 ]] || fail_with "$newest"
    [[ ${BASH_REMATCH[1]} -ge 30 ]] || fail_with "no versions were read"
}

@test "in a Debian with nothing else it trains, predicts and reports with plots" {
    root_or_skip
    rm -rf "$ROOTFS/opt" "$ROOTFS/root"
    mkdir "$ROOTFS/opt" "$ROOTFS/root"
    cp -a "$BUNDLE" "$ROOTFS/opt/hpac"
    ln -s /opt/hpac/bin/hpac "$ROOTFS/root/hpac"
    in_root '! command -v gnuplot
        ./hpac synth --count 24 --size 64 --balance --seed 1 --out data
        ./hpac train improved --set data.labels=data/train.csv --set data.images=data/train \
            --set data.image.rows=64 --set data.image.cols=64 --set train.batch_size=4 --out run
        ./hpac predict run --images data/test --ids data/sample_submission.csv --out again
        ./hpac report run'
    [[ $status -eq 0 && $output == *"configuration: /opt/hpac/share/hpac/configs/improved.yaml"* ]] ||
        fail_with "in the chroot"
    refute_output_has "gnuplot:" # no warnings of it
    assert_file "$ROOTFS/root/run/"{model.h5,report.html,plots/{losses,f1,accuracy}.{png,svg}} \
        "$ROOTFS/root/again/submission.csv"
    # Text has been drawn: without a font the plot of so few lines is much smaller.
    [[ $(stat -c %s "$ROOTFS/root/run/plots/losses.png") -gt 20000 ]] || fail_with "no text in the plot"
    # Moved, and found by its path alone.
    in_root 'mv /opt/hpac "/root/else where"; cd /; "/root/else where/bin/hpac" report /root/run --out /root/moved'
    [[ $status -eq 0 ]] || fail_with "moved"
    refute_output_has "gnuplot:"
    assert_file "$ROOTFS/root/moved/report.html"
}

@test "it has help, man pages, completion, documentation with whole links, and licenses" {
    local hpac=$BUNDLE/bin/hpac
    [[ $("$hpac" --version) == "hpac $(tools/version)" ]] || fail_with "version"
    [[ $("$hpac" help train) == "$("$HPAC" help train)" ]] || fail_with "help"
    assert_same "$BUNDLE/share/man/man1/hpac-train.1" <("$hpac" help train --man)
    assert_same "$BUNDLE/share/man/man5/hpac-config.5" <("$hpac" help config --man)
    assert_file "$BUNDLE/share/bash-completion/completions/hpac" \
        "$BUNDLE/share/doc/hpac/licenses/"{libdnnl2,gnuplot-nox,libcairo2,fonts-dejavu-core,libstdc++6}
    run tools/check-links "$BUNDLE/share/doc/hpac"
    assert_exit 0
}
