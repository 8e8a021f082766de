# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A minimal Debian 12, kept as a tar file, and how to run a command in a copy of it: for tests/chroot and tests/package.
# The caller has sourced tools/lib.sh.

SUITE=bookworm
BASE=$IDE_KM_CACHE/chroot/$SUITE.tar

make_base() {
    local mirror work
    # The mirror this machine uses for its own packages.
    # shellcheck disable=SC2016 # these are apt's variables
    mirror=$(apt-get indextargets --format '$(REPO_URI)' "Created-By: Packages" "Release: $SUITE" | head -n 1)
    [ -n "$mirror" ] || die "this machine has no apt source for $SUITE"
    step "Making a minimal Debian $SUITE, two minutes"
    mkdir -p "$(dirname "$BASE")"
    work=$(mktemp -d "$(dirname "$BASE")/base.XXXXXX")
    logged debootstrap debootstrap --variant=minbase --include=ca-certificates "$SUITE" "$work/root" "$mirror" ||
        die "debootstrap failed"
    # All of the machine's sources (security updates too) and the way it reaches them, instead of debootstrap's one line.
    rm "$work/root/etc/apt/sources.list"
    apt_sources '' '' "$work/root/etc/apt/sources.list.d"
    apt-config dump | grep -E '^Acquire::(http|https|Check|Retries)' >"$work/root/etc/apt/apt.conf.d/90host" || true
    tar -cf "$BASE.new" -C "$work/root" .
    mv "$BASE.new" "$BASE"
    rm -rf --one-file-system "$work"
}

# Its own mount and process namespaces: whatever the command mounts or leaves running is gone when it ends. The root is a
# mount of its own, as on a machine: in another one nothing can be made private.
enter() { # DIRECTORY FOLDER-IN-IT COMMAND...
    cp -L /etc/resolv.conf "$1/etc/resolv.conf"
    cp /etc/hosts "$1/etc/hosts"
    # shellcheck disable=SC2016 # expanded by the inner shell
    unshare --mount --pid --fork --kill-child --propagation private -- bash -euc '
        dir=$1 folder=$2; shift 2
        mount --bind "$dir" "$dir"
        mount -t proc proc "$dir/proc"
        mount --rbind /sys "$dir/sys"
        mount --rbind /dev "$dir/dev"
        exec chroot "$dir" /usr/bin/env -i HOME=/root TERM="${TERM:-dumb}" CI="${CI:-}" \
            PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            bash -c "cd \"\$0\" && exec \"\$@\"" "$folder" "$@"
    ' bash "$@"
}
