# What `make install` puts there is enough to use the program and the library.
load helpers

# The variables of a make that runs the tests must not reach the one they start.
make_quietly() {
    env -u MAKEFLAGS -u MAKELEVEL make -s "$@" >"$TMP/make.log" 2>&1 || {
        cat "$TMP/make.log" >&2
        return 1
    }
}

@test "another program builds and links with pkg-config" {
    make_quietly install PREFIX="$TMP/usr"
    cat >"$TMP/user.c" <<'PROGRAM'
#include <hpac/status.h>
#include <stdio.h>

int main(void)
{
    hpac_fail(HPAC_ERR_DATA, "linked");
    return printf("%s %s\n", hpac_error_message(), hpac_version()) < 0;
}
PROGRAM
    export PKG_CONFIG_PATH=$TMP/usr/lib/pkgconfig
    read -ra flags < <(pkg-config --cflags --libs hpac)
    gcc -o "$TMP/user" "$TMP/user.c" "${flags[@]}"
    LD_LIBRARY_PATH=$TMP/usr/lib run "$TMP/user"
    local version
    version=$(pkg-config --modversion hpac)
    [[ $status -eq 0 && $output == "linked $version" ]] || fail_with "expected: linked $version"
    [[ $("$TMP/usr/bin/hpac" --version) == "hpac $version"* ]]
}

@test "every public header compiles on its own" {
    local header
    for header in include/hpac/*.h; do
        printf '#include <hpac/%s>\nint main(void) { return 0; }\n' "$(basename "$header")" \
            >"$TMP/alone.c"
        gcc -std=c17 -Wall -Wextra -Wpedantic -Werror -Iinclude -fsyntax-only "$TMP/alone.c" ||
            fail_with "$header does not compile on its own"
    done
}

@test "DESTDIR goes in front, and uninstall leaves nothing" {
    make_quietly install DESTDIR="$TMP/stage" PREFIX=/opt/hpac
    assert_file "$TMP/stage/opt/hpac/bin/hpac" "$TMP/stage/opt/hpac/lib/libhpac.a"
    run cat "$TMP/stage/opt/hpac/lib/pkgconfig/hpac.pc"
    assert_output_has "prefix=/opt/hpac"
    refute_output_has "$TMP"
    make_quietly uninstall DESTDIR="$TMP/stage" PREFIX=/opt/hpac
    run find "$TMP/stage" -type f
    assert_no_output
}

@test "a path with spaces is one path, to install and uninstall" {
    mkdir -p "$TMP/my/mine"
    echo kept >"$TMP/my/mine/file"
    make_quietly install DESTDIR="$TMP/my stage" PREFIX="/opt/my programs"
    assert_file "$TMP/my stage/opt/my programs/bin/hpac" "$TMP/my stage/opt/my programs/lib/pkgconfig/hpac.pc"
    make_quietly uninstall DESTDIR="$TMP/my stage" PREFIX="/opt/my programs"
    run find "$TMP/my stage" -type f
    assert_no_output
    assert_file "$TMP/my/mine/file"
}

@test "man and bash find what is installed for them" {
    make_quietly install PREFIX="$TMP/usr"
    local command
    assert_same "$TMP/usr/share/man/man1/hpac.1" <("$TMP/usr/bin/hpac" help --man)
    assert_same "$TMP/usr/share/man/man5/hpac-config.5" <("$TMP/usr/bin/hpac" help config --man)
    for command in $("$HPAC" help | awk '/^commands:/ {on = 1; next} on && !NF {exit} on && /^  [a-z]/ {print $1}'); do
        assert_same "$TMP/usr/share/man/man1/hpac-$command.1" <("$TMP/usr/bin/hpac" help "$command" --man)
    done
    assert_same "$TMP/usr/share/bash-completion/completions/hpac" \
        <("$TMP/usr/bin/hpac" help --bash-completion)
}

@test "the CUDA device is installed where hpac looks for it, and nothing of the CUDA simulator is" {
    [[ -e build/libhpac_cuda.so ]] || skip "no CUDA: $(<build/cuda-missing)"
    make_quietly install PREFIX="$TMP/usr"
    assert_same build/libhpac_cuda.so "$TMP/usr/lib/libhpac_cuda.so"
    run find "$TMP/usr" -name '*cudasim*' -o -name 'libcud*' -o -name 'libcublas*'
    assert_no_output
    # Without a driver it is the device that fails, not the search for it.
    CUDA_VISIBLE_DEVICES='' HPAC=$TMP/usr/bin/hpac run_hpac train configs/demo.yaml --device cuda --dry-run
    refute_error_has "cannot open shared object"
    make_quietly uninstall PREFIX="$TMP/usr"
    run find "$TMP/usr" -type f
    assert_no_output
}

@test "an installed configuration is found by its name, and a file of that name comes first" {
    local installed=$TMP/usr/share/hpac/configs
    make_quietly install PREFIX="$TMP/usr"
    HPAC=$TMP/usr/bin/hpac
    mkdir "$TMP/work"
    cd "$TMP/work"
    run_hpac train improved --dry-run
    assert_error_has "configuration: $installed/improved.yaml"
    assert_error_has "data/train.csv" # it was read
    run_hpac train improved_batch128.yaml --dry-run
    assert_error_has "configuration: $installed/improved_batch128.yaml"
    run_hpac sweep sweep --dry-run
    assert_error_has "configuration: $installed/sweep.yaml"
    refute_error_has "improved.yaml: cannot open"
    run_hpac train imporved
    assert_exit 2
    assert_error_has 'no configuration of this name; did you mean improved?'
    assert_error_has "$installed has baseline, demo, densenet121, efficientnet_b0, gapnet, improved, improved_batch128, improved_nodropout, resnet18, resnet34, sweep"
    run_hpac train ./improved
    assert_exit 2
    assert_error_has "./improved: cannot open"
    mkdir demo # a directory is no configuration
    run_hpac train demo --dry-run
    assert_error_has "configuration: $installed/demo.yaml"
    local target # a link of that name is meant, whatever is wrong with it
    for target in nowhere demo.yaml; do
        ln -sfn "$target" demo.yaml
        run_hpac train demo.yaml --dry-run
        assert_exit 2
        assert_error_has "configuration: demo.yaml: cannot open: "
    done
    assert_error_has "Too many levels of symbolic links"
    # A copy that was edited here, by its name with and without the ending.
    echo 'data: {labels: mine.csv, images: .}' >improved.yaml
    run_hpac train improved --dry-run
    assert_error_has "configuration: improved.yaml"
    assert_error_has "mine.csv"
    refute_error_has "$installed"
    run_hpac train improved.yaml --dry-run
    assert_error_has "mine.csv"
    mv improved.yaml improved
    run_hpac train improved --dry-run
    assert_error_has "mine.csv"
    refute_error_has "$installed"
}

@test "the links and pictures of the documentation are whole, in the project and installed" {
    run tools/check-links
    assert_exit 0
    make_quietly install PREFIX="$TMP/usr"
    run tools/check-links "$TMP/usr/share/doc/hpac"
    assert_exit 0
    assert_no_output
    rm "$TMP/usr/share/doc/hpac/docs/report.png"
    echo '[a](README.md#no-such-heading)' >>"$TMP/usr/share/doc/hpac/CHANGELOG.md"
    run tools/check-links "$TMP/usr/share/doc/hpac"
    assert_exit 1
    assert_output_has "./README.md: docs/report.png: no such file"
    assert_output_has "./CHANGELOG.md: README.md#no-such-heading: no such heading"
}

@test "--version has the release of the changelog, and of a checkout its commit" {
    mkdir -p "$TMP/project/tools"
    cp tools/version "$TMP/project/tools"
    cd "$TMP/project"
    printf '# Changelog\n\n## 1.2.3 (2026-02-03)\n\n- a\n\n## 1.2.2 (2026-01-02)\n' >CHANGELOG.md
    [[ $(tools/version) == 1.2.3 && $(tools/version --date) == 2026-02-03 ]] || fail_with "without git"
    git() { command git -c user.name=a -c user.email=a@b.org "$@"; }
    git init -q && git add . && git commit -qm first
    [[ $(tools/version) =~ ^1\.2\.3-g[0-9a-f]{7,}$ ]] || fail_with "no tag: $(tools/version)"
    git tag -a -m release v1.2.3
    [[ $(tools/version) == 1.2.3 ]] || fail_with "tagged: $(tools/version)"
    git commit -q --allow-empty -m second
    [[ $(tools/version) =~ ^1\.2\.3-1-g[0-9a-f]{7,}$ ]] || fail_with "after the tag: $(tools/version)"
    echo >>CHANGELOG.md
    [[ $(tools/version) =~ -dirty$ ]] || fail_with "changed: $(tools/version)"
    sed -i '2a ## Unreleased\n\n- b\n' CHANGELOG.md
    [[ $(tools/version --release) == 1.2.3 && $(tools/version --date) == 2026-02-03 ]] || fail_with "unreleased"
    echo 1.2.3-7-gabcdef0 >.version
    [[ $(tools/version) == 1.2.3-7-gabcdef0 ]] || fail_with "of a tarball: $(tools/version)"
    cd "$ROOT"
    run_hpac -V
    [[ $output == "hpac $(tools/version)" && $output == "$("$HPAC" --version)" ]] || fail_with "version"
}
