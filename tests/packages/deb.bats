# The Debian packages: lintian's opinion, and a system that they are installed in and removed from.
load ../e2e/helpers
load packages

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    command -v dh >/dev/null || skip "no debhelper"
    DEBFULLNAME="A & B/C Packagers" DEBEMAIL=packager@example.com make_quietly deb
}

@test "lintian has neither errors nor warnings" {
    require_tool lintian
    run lintian --allow-root --fail-on error,warning build/deb/*.changes
    assert_exit 0
    [[ $(find build/deb -name '*.deb' -not -name '*dbgsym*' | wc -l) -eq 3 ]] || fail_with "expected 3 packages"
}

@test "the version is that of the program, the changelog that of the project" {
    local deb=build/deb/hpac_*.deb
    # shellcheck disable=SC2086 # one file
    [[ $(dpkg-deb -f $deb Version) == "$(tools/version | tr - +)" ]] || fail_with "version"
    run bash -c "dpkg-deb --fsys-tarfile $deb | tar -xO ./usr/share/doc/hpac/changelog.gz | gunzip"
    assert_output_has "hpac ($(tools/version | tr - +)) unstable"
    assert_output_has " -- A & B/C Packagers <packager@example.com>  "
    # shellcheck disable=SC2086 # one file
    [[ $(dpkg-deb -f $deb Maintainer) == "A & B/C Packagers <packager@example.com>" ]] || fail_with "maintainer"
    assert_output_has "$(sed -n 's/^- \([^ ]* [^ ]* [^ ]*\).*/\1/p' CHANGELOG.md | head -n 1)"
}

@test "libhpac_cuda.so needs no function that libhpac.so does not export" {
    [[ -e build/libhpac_cuda.so ]] || skip "no CUDA: $(<build/cuda-missing)"
    local deb
    for deb in build/deb/{hpac,libhpac0}_*.deb; do dpkg-deb --extract "$deb" "$TMP/root"; done
    symbols() { nm --dynamic --format=just-symbols "$@" | sed "s/@.*//" | grep ^hpac_ | sort; }
    symbols --undefined-only "$TMP/root/usr/lib/hpac/libhpac_cuda.so" >"$TMP/needed"
    symbols --defined-only "$TMP"/root/usr/lib/*/libhpac.so.0 >"$TMP/exported"
    assert_file "$TMP/needed"
    run comm -23 "$TMP/needed" "$TMP/exported"
    assert_no_output
}

@test "installed the program and its documentation are whole, removed nothing is left" {
    local before=$TMP/before
    root_or_skip
    cp -a "$ROOTFS" "$TMP/root"
    ROOTFS=$TMP/root
    rm -rf "$ROOTFS/root" "$ROOTFS/opt" # what another test left
    mkdir -p "$ROOTFS/root/deb"
    cp build/deb/{hpac,libhpac0,libhpac-dev}_*.deb "$ROOTFS/root/deb"
    cp /etc/resolv.conf "$ROOTFS/etc/resolv.conf"
    in_root 'apt-get -qq update && apt-get -qq -y --no-install-recommends install \
        $(dpkg-deb -f deb/hpac_*.deb Depends | sed "s/ ([^)]*)//g; s/,//g")'
    [[ $status -eq 0 ]] || skip "apt-get installs nothing (no network?): ${lines[-1]}"
    find "$ROOTFS" -xdev -not -path '*/root/*' | sort >"$before"
    # libhpac-dev needs a compiler's worth of packages: without them.
    in_root 'apt-get -qq -y --no-install-recommends install ./deb/hpac_*.deb ./deb/libhpac0_*.deb
        dpkg --install --force-depends ./deb/libhpac-dev_*.deb'
    [[ $status -eq 0 ]] || fail_with "installing"
    in_root 'hpac synth --count 12 --size 64 --seed 1 --out data
        hpac train improved --dry-run --set data.labels=data/train.csv --set data.images=data/train \
            --set data.image.rows=64 --set data.image.cols=64 --set train.batch_size=4'
    [[ $status -eq 0 && $output == *"configuration: /usr/share/hpac/configs/improved.yaml"* ]] ||
        fail_with "the installed program"
    assert_file "$ROOTFS/usr/share/man/man1/hpac-train.1.gz" "$ROOTFS/usr/share/man/man5/hpac-config.5.gz" \
        "$ROOTFS/usr/share/hpac/plots/common.gp" "$ROOTFS"/usr/lib/*/libhpac.so.0
    run tools/check-links "$ROOTFS/usr/share/doc/hpac"
    assert_exit 0
    assert_no_output
    in_root 'dpkg --remove libhpac-dev; apt-get -qq -y remove hpac libhpac0'
    [[ $status -eq 0 ]] || fail_with "removing"
    run bash -c "find '$ROOTFS' -xdev -not -path '*/root/*' -not -path '*/var/*' | sort | comm -13 '$before' -"
    assert_no_output
}
