# The source tarball builds, without git, to the version of its commit.
load ../e2e/helpers
load packages

@test "what is no checkout makes no tarball, not even below another one" {
    mkdir -p "$TMP/outer/inner"
    cp packaging/make-dist "$TMP/outer/inner"
    cd "$TMP/outer"
    git init -q && git add . && git -c user.name=a -c user.email=a@b.org commit -qm outer
    cd inner
    run ./make-dist build 1.2.3
    [[ $status -eq 1 && $output == *"expected a git checkout"* ]] || fail_with "expected an error"
    assert_no_file build
}

@test "the tarball builds the program, of the commit's version" {
    local version
    git rev-parse --quiet --verify HEAD >/dev/null || skip "no git checkout"
    version=$(tools/version)
    version=${version%-dirty}
    mkdir "$TMP/out"
    BATS_FILE_TMPDIR=$TMP make_quietly dist BUILD="$TMP/out"
    tar -xzf "$TMP/out/hpac-$version.tar.gz" -C "$TMP"
    cd "$TMP/hpac-$version"
    [[ $(tools/version) == "$version" ]] || fail_with "version: $(tools/version)"
    [[ -z $(find . -name '.git' -o -name build) ]] || fail_with "more than the sources"
    BATS_FILE_TMPDIR=$TMP make_quietly -j2 OPT=-O0 CUDA_HOME=/nonexistent build/hpac
    [[ $(build/hpac --version) == "hpac $version" ]] || fail_with "$(build/hpac --version)"
    tools/check-links
}
