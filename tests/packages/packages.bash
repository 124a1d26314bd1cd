# Shared by the tests of packages: a Debian with nothing installed, and commands in it.

# root_or_skip: $ROOTFS, a minimal Debian of this system's release below build/, made once.
root_or_skip() {
    local release
    ROOTFS=$PWD/build/packages-root
    [[ $EUID -eq 0 ]] || skip "only root can use a chroot"
    command -v debootstrap >/dev/null || skip "no debootstrap"
    unshare --mount true 2>/dev/null || skip "mounting is not permitted"
    [[ ! -e $ROOTFS.made ]] || return 0
    release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    rm -rf "$ROOTFS"
    debootstrap --variant=minbase "$release" "$ROOTFS" >"$ROOTFS.log" 2>&1 ||
        skip "debootstrap fails (no network?): $(tail -n 1 "$ROOTFS.log")"
    touch "$ROOTFS.made"
}

# in_root SCRIPT: runs it by sh in the chroot, in /root, with a /proc; sets $status, $output and $lines.
in_root() {
    # shellcheck disable=SC2016 # the inner shell expands
    run unshare --mount bash -c 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" &&
        exec env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$0" sh -ec "cd /root; $1"' \
        "$ROOTFS" "$1"
}

# make_quietly TARGET...: without the variables of the make that runs the tests, but for CUDA_ARCHS.
make_quietly() {
    env -u MAKEFLAGS -u MAKELEVEL make -s "$@" >"$BATS_FILE_TMPDIR/make.log" 2>&1 || {
        cat "$BATS_FILE_TMPDIR/make.log" >&2
        return 1
    }
}
