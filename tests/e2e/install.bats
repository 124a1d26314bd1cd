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

@test "man and bash find what is installed for them" {
    make_quietly install PREFIX="$TMP/usr"
    assert_same "$TMP/usr/share/man/man1/hpac.1" <("$TMP/usr/bin/hpac" help --man)
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
