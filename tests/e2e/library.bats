# The installed library: what it exports, and a program that predicts with it, in C and C++, linked
# dynamically and statically.
load helpers

setup_file() {
    small_models 2 --count 60 --test-count 5 --seed 6 --quiet
    export PREFIX=$BATS_FILE_TMPDIR/usr
    env -u MAKEFLAGS -u MAKELEVEL make -s install PREFIX="$PREFIX" >"$BATS_FILE_TMPDIR/make.log" 2>&1 || {
        cat "$BATS_FILE_TMPDIR/make.log" >&2
        return 1
    }
}

setup() {
    helpers_setup
    export PKG_CONFIG_PATH=$PREFIX/lib/pkgconfig
    export LD_LIBRARY_PATH=$PREFIX/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    export CUDA_VISIBLE_DEVICES='' # predictions are compared with those of the CPU
}

# build_example PACKAGE COMPILER...: the installed examples/predict.c to $TMP/predict
build_example() {
    local flags source=$TMP/predict.c
    [[ $2 != *++ ]] || source=$TMP/predict.cc
    cp "$PREFIX/share/doc/hpac/examples/predict.c" "$source"
    read -ra flags < <(pkg-config --cflags --libs "$1")
    "${@:2}" -Wall -Wextra -pedantic -Werror -o "$TMP/predict" "$source" "${flags[@]}"
}

# The header's and libhpac.so's symbols, one per line, sorted. gcc itself lists the declarations.
public_symbols() {
    printf '#include "%s"\n' include/hpac/*.h >"$TMP/all.c"
    gcc -std=c17 -Iinclude -I. -fsyntax-only -aux-info "$TMP/declared" "$TMP/all.c"
    {
        sed -nE 's|^/\* (\./)?include/hpac/.*\*/ extern .*[ *](hpac_[a-z0-9_]+) \(.*|\2|p' "$TMP/declared"
        sed -nE 's|^extern .*[ *](hpac_[a-z0-9_]+)\[.*|\1|p' include/hpac/*.h
    } | sort -u
}

exported_symbols() {
    nm --dynamic --defined-only --format=just-symbols "$1" | sed 's/@.*//' | grep -vx HPAC_0 | sort -u
}

@test "libhpac.so exports what the public headers declare, and nothing else" {
    public_symbols >"$TMP/public"
    [[ $(wc -l <"$TMP/public") -gt 80 ]] || fail_with "gcc lists too few declarations"
    exported_symbols "$PREFIX/lib/libhpac.so" >"$TMP/exported"
    diff "$TMP/public" "$TMP/exported" >&2 || fail_with "declared (<) and exported (>) differ: the rule of libhpac.map in the Makefile"
}

@test "libhpac.so has a soname, and the link to it is the linker's alone" {
    run readelf --dynamic "$PREFIX/lib/libhpac.so"
    assert_output_has "soname: [libhpac.so.0]"
    [[ $(readlink "$PREFIX/lib/libhpac.so") == libhpac.so.0 ]]
    build_example hpac gcc -std=c17
    run readelf --dynamic "$TMP/predict"
    assert_output_has "(NEEDED)             Shared library: [libhpac.so.0]"
    # The libraries below are libhpac.so's business.
    refute_output_has hdf5
    refute_output_has dnnl
}

# Of the functions that end a process there is _exit, for the child that reads a model file.
@test "libhpac.so neither prints nor ends the program" {
    nm --dynamic --undefined-only --format=just-symbols "$PREFIX/lib/libhpac.so" | sed 's/@.*//' >"$TMP/used"
    grep -qx fprintf "$TMP/used" || grep -qx __fprintf_chk "$TMP/used"
    run grep -xE '(__)?(v?printf|puts|putchar|perror|psignal)(_chk)?|stdout|stderr|exit|_Exit|abort|__assert_fail' \
        "$TMP/used"
    assert_no_output
}

@test "public headers compile as C++17, with and without each other" {
    local compiler header
    printf '#include <hpac/%s>\n' $(cd include/hpac && echo *.h) >"$TMP/all.cc"
    for compiler in g++ clang++; do
        require_tool "$compiler"
        for header in include/hpac/*.h; do
            printf '#include <hpac/%s>\n' "$(basename "$header")" >"$TMP/alone.cc"
            "$compiler" -std=c++17 -Wall -Wextra -pedantic -Werror -Iinclude -fsyntax-only "$TMP/alone.cc" ||
                fail_with "$compiler: $header does not compile on its own"
        done
        "$compiler" -std=c++17 -Wall -Wextra -pedantic -Werror -Iinclude -fsyntax-only "$TMP/all.cc"
    done
}

@test "every public header is in the index of docs/library.md, and nothing else is" {
    diff <(cd include/hpac && printf '%s\n' *.h) \
        <(sed '1,/^## Headers/d' docs/library.md | grep -oE '`[a-z/]+\.h`' | tr -d '`' | sed 's|.*/||' | sort -u) >&2
}

# Every image of the test set: the very digits of submission_proba.csv.
assert_predicts_as_the_program() {
    local id green cytosol nucleoplasm membrane count=0
    while IFS=, read -r id nucleoplasm membrane cytosol; do
        green=$DATA/test/${id}_green.png
        run --separate-stderr "$TMP/predict" "$MADE/run/model.h5" "$green" "${green/_green/_blue}"
        assert_exit 0
        [[ $output == "$cytosol Cytosol
$nucleoplasm Nucleoplasm
$membrane Plasma membrane" ]] || fail_with "expected $cytosol, $nucleoplasm, $membrane"
        count=$((count + 1))
    done < <(cut -d, -f1,2,23,27 "$TMP/out/submission_proba.csv" | tail -n +2)
    [[ $count -eq 5 ]]
}

@test "the example predicts what hpac predict does, in C and C++, with libhpac.so and libhpac.a" {
    run_hpac predict "$MADE/run" --images "$DATA/test" --ids "$DATA/sample_submission.csv" \
        --device cpu --out "$TMP/out"
    assert_exit 0
    build_example hpac gcc -std=c17
    assert_predicts_as_the_program
    build_example hpac g++ -std=c++17
    assert_predicts_as_the_program
    build_example hpac-static gcc -std=c17
    assert_predicts_as_the_program
    run readelf --dynamic "$TMP/predict"
    refute_output_has libhpac.so
}

@test "the example prints the library's messages, and errors with their cause" {
    build_example hpac clang -std=c17
    local green
    green=$(echo "$DATA"/test/*_green.png | cut -d' ' -f1)
    run --separate-stderr "$TMP/predict" "$MADE/run/model.h5" "$green" "${green/_green/_blue}"
    assert_exit 0
    [[ ${#stderr_lines[@]} -eq 1 ]] || fail_with "expected one line"
    assert_error_has "no GPU is usable"
    run --separate-stderr "$TMP/predict" "$MADE/run/model.h5" "$green"
    assert_exit 3
    assert_error_has "image 0: the channel blue is missing"
    run --separate-stderr "$TMP/predict" "$MADE/run/model.h5" "$green" "$TMP/none.png"
    assert_exit 3
    assert_error_has "none.png"
    run --separate-stderr "$TMP/predict" "$TMP/none.h5" "$green"
    assert_exit 3
    assert_error_has "none.h5"
    run --separate-stderr "$TMP/predict"
    assert_exit 2
}

# As Python does: with RTLD_LOCAL what libhpac.so has is not global, and libhpac_cuda.so needs it.
@test "a program that loads libhpac.so when it runs can use the CUDA device" {
    cuda_simulator_or_skip
    unset CUDA_VISIBLE_DEVICES
    cat >"$TMP/loads.c" <<'PROGRAM'
#include <dlfcn.h>
#include <hpac/device.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    void *library = dlopen(argc > 1 ? argv[1] : "", RTLD_NOW | RTLD_LOCAL), *symbol;
    hpac_status (*open)(const hpac_device_options *, hpac_device **);
    void (*close)(hpac_device *);
    const char *(*message)(void);
    if (!library)
        return !puts(dlerror());
    memcpy(&open, (symbol = dlsym(library, "hpac_device_open"), &symbol), sizeof open);
    memcpy(&close, (symbol = dlsym(library, "hpac_device_close"), &symbol), sizeof close);
    memcpy(&message, (symbol = dlsym(library, "hpac_error_message"), &symbol), sizeof message);
    const hpac_device_options options = {.name = "cuda"};
    hpac_device *device;
    hpac_status status = open(&options, &device);
    puts(status == HPAC_OK ? device->ops->name : message());
    close(device);
    return status;
}
PROGRAM
    gcc -o "$TMP/loads" "$TMP/loads.c" $(pkg-config --cflags hpac)
    run "$TMP/loads" "$PREFIX/lib/libhpac.so.0"
    assert_exit 0
    [[ $output == cuda ]] || fail_with "expected the CUDA device"
}

@test "with libhpac.so or libhpac.a, --device auto takes the CUDA device" {
    cuda_simulator_or_skip
    export LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$PREFIX/lib
    unset CUDA_VISIBLE_DEVICES
    local package green
    green=$(echo "$DATA"/test/*_green.png | cut -d' ' -f1)
    for package in hpac hpac-static; do
        build_example "$package" gcc -std=c17
        mkdir -p "$TMP/bin" && mv "$TMP/predict" "$TMP/bin" # its ../lib is not where the library is
        run --separate-stderr "$TMP/bin/predict" "$MADE/run/model.h5" "$green" "${green/_green/_blue}"
        assert_exit 0
        refute_error_has "no GPU"
        [[ ${#lines[@]} -eq 3 ]]
    done
}

@test "the CUDA device needs only what libhpac.so exports" {
    [[ -e build/libhpac_cuda.so ]] || skip "no CUDA: $(<build/cuda-missing)"
    exported_symbols "$PREFIX/lib/libhpac.so" >"$TMP/exported"
    nm --dynamic --undefined-only --format=just-symbols "$PREFIX/lib/libhpac_cuda.so" |
        grep '^hpac_' | sort -u >"$TMP/needed"
    [[ -s $TMP/needed ]]
    run comm -13 "$TMP/exported" "$TMP/needed"
    assert_no_output
}
