# Make targets and scripts in tools/.
load helpers

# The tools start a make of their own, which must not inherit ours.
tool() {
    run --separate-stderr env -u MAKEFLAGS -u MAKELEVEL -u HPAC_REQUIRE_CUDA "$@"
}

@test "make does nothing when nothing changed, and all when the flags did" {
    tool make
    assert_exit 0
    tool make
    assert_exit 0
    assert_no_output
    tool make -n OPT=-O2
    assert_output_has "-c -o build/obj/src/base/status.o"
}

@test "make help lists the targets" {
    tool make help
    assert_exit 0
    assert_output_has "make test"
    assert_output_has "make install"
}

@test "bootstrap prints its usage and refuses unknown commands" {
    tool tools/bootstrap --help
    assert_exit 0
    assert_output_has "tools/bootstrap demo"
    tool tools/bootstrap everything
    assert_exit 2
    assert_error_has "tools/bootstrap demo"
    tool tools/bootstrap
    assert_exit 2
}

# on_system OS-RELEASE-LINES COMMAND: tools/bootstrap COMMAND, in a project that has nothing else, on a
# system without packages, whose package managers log their arguments and do nothing.
on_system() {
    local name
    mkdir -p "$TMP/bin" "$TMP/project/tools"
    cp tools/bootstrap "$TMP/project/tools"
    printf '%s\n' "$1" >"$TMP/os-release"
    for name in apt-get dnf; do
        printf '#!/bin/sh\necho "%s $*" >>"%s/log"\n' "$name" "$TMP" >"$TMP/bin/$name"
    done
    for name in rpm dpkg-query curl; do
        printf '#!/bin/sh\nexit 1\n' >"$TMP/bin/$name"
    done
    chmod +x "$TMP/bin/"*
    tool env PATH="$TMP/bin:$PATH" HPAC_OS_RELEASE="$TMP/os-release" "$TMP/project/tools/bootstrap" "$2"
}

@test "bootstrap installs what the distribution calls the packages" {
    on_system $'ID=debian\nVERSION_ID=13' build
    run cat "$TMP/log"
    assert_output_has "--no-install-recommends install fonts-wqy-microhei gcc"
    assert_output_has " libdnnl-dev libfyaml-dev libhdf5-dev "
    refute_output_has chromium
    rm "$TMP/log"
    on_system $'ID=rocky\nID_LIKE="rhel centos fedora"\nVERSION_ID=9.4' build
    assert_exit 1
    assert_error_has "libfyaml's source cannot be downloaded"
    run cat "$TMP/log"
    assert_output_has "install epel-release dnf-plugins-core"
    assert_output_has "config-manager --set-enabled crb"
    assert_output_has " onednn-devel hdf5-devel jansson-devel "
    refute_output_has apt-get
    rm "$TMP/log"
    on_system $'ID=fedora\nVERSION_ID=43' build
    run cat "$TMP/log"
    assert_output_has " libfyaml-devel "
    refute_output_has epel
}

@test "bootstrap refuses systems that it does not know, and names the libraries" {
    on_system $'ID=arch\nPRETTY_NAME="Arch Linux"' demo
    assert_exit 1
    assert_error_has "Arch Linux is none of the systems"
    assert_error_has "HDF5, jansson, libcsv, libdeflate, libfyaml, libpng, libzip and oneDNN"
    on_system $'ID=debian\nVERSION_ID=11\nPRETTY_NAME="Debian 11"' demo
    assert_exit 1
    assert_error_has "Debian 11 is too old"
    assert_no_file "$TMP/log"
}

@test "a sudo that refuses is not a missing network" {
    mkdir "$TMP/bin"
    printf '#!/bin/sh\necho 1000\n' >"$TMP/bin/id"
    printf '#!/bin/sh\necho "not in the sudoers file" >&2\nexit 1\n' >"$TMP/bin/sudo"
    on_system $'ID=debian\nVERSION_ID=12' build
    assert_exit 1
    assert_error_has "not in the sudoers file"
    assert_error_has "sudo is refused"
    assert_error_has "As root: apt-get install fonts-wqy-microhei"
    refute_error_has network
    assert_no_file "$TMP/log"
}

@test "make names the libraries that are missing" {
    mkdir "$TMP/bin"
    printf '#!/bin/sh\nexit 1\n' >"$TMP/bin/pkg-config"
    # A compiler of another language, unless the locale is C.
    cat >"$TMP/bin/gcc" <<EOF
#!/bin/sh
[ "\$LC_ALL" = C ] || exec 2>/dev/null
exec /usr/bin/gcc -isystem "$TMP/include" "\$@"
EOF
    chmod +x "$TMP/bin/"*
    mkdir "$TMP/include"
    echo '#define DNNL_VERSION_MAJOR 1' >"$TMP/include/dnnl.h"
    tool env -u MAKEFLAGS PATH="$TMP/bin:$PATH" LC_ALL=C.UTF-8 make BUILD="$TMP/build"
    assert_exit 2
    assert_error_has "missing: oneDNN 2.2 or newer (dnnl.h is older), HDF5 1.10 or newer (hdf5.h), which"
    assert_error_has "tools/bootstrap build"
    assert_no_file "$TMP/build"
    # A compiler may come without its omp.h, as clang does.
    printf '#!/bin/sh\nexec /usr/bin/gcc -nostdinc -isystem "%s/include" "$@"\n' "$TMP" >"$TMP/bin/gcc"
    tool env -u MAKEFLAGS PATH="$TMP/bin:$PATH" make BUILD="$TMP/build"
    assert_error_has "missing: OpenMP (omp.h, for clang in libomp-dev), libcsv (csv.h)"
}

@test "make dist needs no libraries, and a version" {
    mkdir -p "$TMP/bin" "$TMP/project/tools"
    cp Makefile ./*.mk "$TMP/project"
    cp tools/version "$TMP/project/tools"
    printf '#!/bin/sh\necho "csv.h: error: missing: libcsv" >&2\nexit 1\n' >"$TMP/bin/gcc"
    chmod +x "$TMP/bin/gcc"
    cd "$TMP/project"
    echo '## 1.2.3 (2026-02-03)' >CHANGELOG.md
    tool env PATH="$TMP/bin:$PATH" make -n dist
    assert_exit 0
    [[ $output == "packaging/make-dist build 1.2.3" ]] || fail_with "expected one command"
    echo '## 1.2.3' >CHANGELOG.md
    tool make -n dist
    assert_exit 2
    assert_error_has 'CHANGELOG.md: expected "## VERSION (DATE)"'
    assert_error_has "tools/version failed"
    echo '## Unreleased' >CHANGELOG.md
    tool make -n dist
    assert_exit 2
    assert_error_has 'CHANGELOG.md: expected "## VERSION (DATE)"'
}

@test "Debian's changelog has what is unreleased under the version of the build" {
    printf '# Changelog\n\nabout\n\n## Unreleased\n\n- new\n  words\n\n## 1.2.3 (2026-02-03)\n\n- a\n\n## 1.2.2 (2026-01-02)\n\n- b\n' >"$TMP/changes"
    run packaging/debian-changelog 1.2.3+gabcdef0 "A <a@b.org>" <"$TMP/changes"
    assert_exit 0
    local expected="hpac (1.2.3+gabcdef0) unstable; urgency=medium|  * new words| -- A <a@b.org>  Wed, 04 Feb 2026 00:00:00 +0000|"
    expected+="hpac (1.2.3) unstable; urgency=medium|  * a| -- A <a@b.org>  Tue, 03 Feb 2026 00:00:00 +0000|"
    expected+="hpac (1.2.2) unstable; urgency=medium|  * b| -- A <a@b.org>  Fri, 02 Jan 2026 00:00:00 +0000|"
    [[ $(grep . <<<"$output" | tr '\n' '|') == "$expected" ]] || fail_with "got: $output"
    sed -i '/Unreleased/,/words/d' "$TMP/changes"
    run packaging/debian-changelog 1.2.3 "A <a@b.org>" <"$TMP/changes"
    [[ $(grep . <<<"$output" | tr '\n' '|') == "${expected#*0000|}" ]] || fail_with "got: $output"
}

# dpkg keeps the time of a packaged file, which is before that of the objects.
@test "objects are rebuilt when a library's headers changed, whatever their time" {
    local object=$TMP/build/obj/src/base/csv.o
    mkdir "$TMP/include"
    header() {
        printf '#include_next <csv.h>\n#define HPAC_TEST_RELEASE %d\n' "$1" >"$TMP/include/csv.h"
        touch -d 2020-01-01 "$TMP/include/csv.h"
    }
    build() { tool env -u MAKEFLAGS make BUILD="$TMP/build" CPPFLAGS="-isystem $TMP/include" "$object"; }
    header 1
    build
    assert_output_has "-c -o $object"
    build
    refute_output_has "-c -o"
    header 2
    build
    assert_output_has "-c -o $object"
}

@test "another clang-format than that of the project formats nothing and fails nothing" {
    mkdir "$TMP/bin"
    printf '#!/bin/sh\necho "clang-format version 19.1.7"\n' >"$TMP/bin/clang-format"
    chmod +x "$TMP/bin/clang-format"
    # Without that in .tools/, which comes first.
    tool env -u MAKEFLAGS make -s lint-format PATH="$TMP/bin:$PATH"
    assert_exit 0
    assert_output_has "skipped: clang-format 14 is missing"
}

@test "without CUDA its tests are skipped and counted; where it is required they fail" {
    mkdir "$TMP/empty"
    tool env CUDA_HOME="$TMP/empty" tools/run-tests cuda
    assert_exit 1 # nothing passed
    [[ ${lines[-1]} == "0 passed, 0 failed, 2 skipped" ]] || fail_with "expected 2 skipped"
    tool env CUDA_HOME="$TMP/empty" HPAC_REQUIRE_CUDA=1 tools/run-tests cuda
    assert_exit 1
    [[ ${lines[-1]} == "0 passed, 2 failed, 0 skipped" ]] || fail_with "expected 2 failed"
}

@test "run-tests counts failures, and a run of bats that ends early is one" {
    mkdir "$TMP/bin"
    printf '#!/bin/sh\necho 1..3; echo ok 1 first; echo not ok 2 second\n' >"$TMP/bin/bats"
    chmod +x "$TMP/bin/bats"
    # The suite on a copy of the script, so that it finds no sources to build.
    mkdir -p "$TMP/project/tools" "$TMP/project/tests/e2e" "$TMP/project/tests/cuda"
    cp tools/run-tests tools/find-cuda "$TMP/project/tools"
    printf 'all:\n' >"$TMP/project/Makefile"
    touch "$TMP/project/tests/e2e/"{a,b}.bats
    tool env PATH="$TMP/bin:$PATH" CUDA_HOME="$TMP/none" "$TMP/project/tools/run-tests" e2e
    assert_exit 1
    # Of each file one passed, one failed, and one was not reported.
    [[ ${lines[-1]} == "2 passed, 4 failed, 0 skipped" ]] || fail_with "wrong count"
    assert_output_has "-- e2e: passed 2, failed 4, skipped 0 in "
}

# ci TEST-LINE CHECK-LINE: .ci/run with a bootstrap and a make that print these.
ci() {
    mkdir -p "$TMP/ci/.ci" "$TMP/ci/tools" "$TMP/ci/bin"
    cp .ci/run "$TMP/ci/.ci/run"
    printf '#!/bin/sh\n[ "$1" = deps ] || { echo "%s"; exit %d; }\n' "$1" "$2" >"$TMP/ci/tools/bootstrap"
    printf '#!/bin/sh\necho "%s"; exit %d\n' "$3" "$4" >"$TMP/ci/bin/make"
    chmod +x "$TMP/ci/tools/bootstrap" "$TMP/ci/bin/make"
    tool env PATH="$TMP/ci/bin:$PATH" "$TMP/ci/.ci/run"
}

@test "CI runs both commands, adds up their counts, and fails if either fails" {
    ci "10 passed, 0 failed, 2 skipped" 0 "5 passed, 0 failed, 1 skipped" 0
    assert_exit 0
    [[ ${lines[-1]} == "15 passed, 0 failed, 3 skipped" ]] || fail_with "wrong sum"
    ci "10 passed, 1 failed, 0 skipped" 1 "5 passed, 0 failed, 0 skipped" 0
    assert_exit 1
    [[ ${lines[-1]} == "15 passed, 1 failed, 0 skipped" ]] || fail_with "wrong sum"
    ci "10 passed, 0 failed, 0 skipped" 0 "killed" 137
    assert_exit 1
    [[ ${lines[-1]} == "10 passed, 1 failed, 0 skipped" ]] || fail_with "wrong sum"
}

# A project of two modules: base/low.c, which uses $1, and train/high.c.
plant_project() {
    mkdir -p "$TMP"/{src/base,src/train,src/device/cuda,include/hpac,obj/src/base,obj/src/train}
    printf 'int low(void);\nint high(void);\nint low(void) { return %s; }\n' "$1" >"$TMP/src/base/low.c"
    printf 'int low(void);\nint high(void);\nint high(void) { return low(); }\n' >"$TMP/src/train/high.c"
    echo '#include <stdint.h>' >"$TMP/include/hpac/status.h"
    echo '#include <cuda_runtime.h>' >"$TMP/src/device/cuda/cuda.h"
    gcc -c -o "$TMP/obj/src/base/low.o" "$TMP/src/base/low.c"
    gcc -c -o "$TMP/obj/src/train/high.o" "$TMP/src/train/high.c"
}

@test "check-dependencies accepts a reference down, and reports one up with both files" {
    plant_project 0
    tool tools/check-dependencies "$TMP/obj" "$TMP"
    assert_exit 0
    assert_no_output
    plant_project 'high()'
    tool tools/check-dependencies "$TMP/obj" "$TMP"
    assert_exit 1
    [[ $output == "src/base/low.c: uses high of src/train/high.c: base may not use train" ]] ||
        fail_with "expected one violation"
}

@test "check-dependencies reports headers of later modules, private ones in public ones, and CUDA's" {
    plant_project 0
    echo '#include "train/high.h"' >"$TMP/src/base/low.h"
    echo '#include <hpac/trainer.h>' >"$TMP/src/device/device.h"
    echo '#include "base/low.h"' >>"$TMP/include/hpac/status.h"
    echo '#include <cudnn.h>' >"$TMP/src/train/high.h"
    tool tools/check-dependencies "$TMP/obj" "$TMP"
    assert_exit 1
    assert_output_has "src/base/low.h:1: includes train/high.h: base may not use train"
    assert_output_has "src/device/device.h:1: includes hpac/trainer.h: device may not use train"
    assert_output_has "include/hpac/status.h:2: a public header includes base/low.h"
    assert_output_has "src/train/high.h:1: includes a CUDA header outside src/device/cuda"
    [[ ${#lines[@]} -eq 4 ]] || fail_with "expected four violations"
}

@test "find-cuda lists what is missing" {
    mkdir -p "$TMP/half/bin"
    printf '#!/bin/sh\n' >"$TMP/half/bin/nvcc"
    chmod +x "$TMP/half/bin/nvcc"
    tool env CUDA_HOME="$TMP/half" tools/find-cuda
    assert_exit 1
    assert_no_output
    assert_error_has "$TMP/half: no"
}

@test "CUDA_ARCHS names compute capabilities that nvcc knows" {
    tools/find-cuda >/dev/null || skip "no CUDA"
    tool make -n CUDA_ARCHS="90 12345"
    assert_exit 2
    assert_error_has "cannot build for 12345. It knows: "
    tool make -n BUILD="$TMP/build" CUDA_ARCHS=90
    assert_exit 0
    assert_output_has "code=sm_90 "
    assert_output_has "code=compute_90 "
    refute_output_has "code=sm_75"
    tool make -n BUILD="$TMP/build" CUDA_ARCHS=
    assert_output_has "code=sm_75 "
    assert_output_has "code=sm_90 "
}

@test "without CUDA make prints the reason once and leaves no old library" {
    mkdir -p "$TMP/empty" "$TMP/build/packages"
    touch "$TMP/build/libhpac_cuda.so" "$TMP/build/packages/libhpac_cuda.so"
    tool make -s CUDA_HOME="$TMP/empty" BUILD="$TMP/build" "$TMP/build/cuda-missing"
    assert_exit 0
    assert_output_has "$TMP/empty: no bin/nvcc"
    assert_output_has "libhpac_cuda.so is not built"
    assert_no_file "$TMP/build/libhpac_cuda.so" "$TMP/build/packages/libhpac_cuda.so"
    tool make -s CUDA_HOME="$TMP/empty" BUILD="$TMP/build" "$TMP/build/cuda-missing"
    assert_exit 0
    assert_no_output
}

@test "run-tests refuses an unknown suite" {
    tool tools/run-tests no-such-suite
    assert_exit 2
    assert_error_has "no-such-suite"
}
