# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Debian's backports beside this machine's own apt sources, in a private apt state. tools/lib.sh comes before it.

QEMU=/usr/bin/qemu-system-x86_64
QEMU_LEAST=10.0
QEMU_CACHE=$IDE_KM_CACHE/qemu
BACKPORTS=$(. /etc/os-release && printf '%s-backports' "${VERSION_CODENAME-}")
BACKPORTS_APT=
NOT_TO_BE_HAD=3

# What makes tools/check skip tests: Debian, as this machine's apt sources have it, does not have it. All else is a failure.
cannot_be_had() { # WHY
    note "$*"
    exit "$NOT_TO_BE_HAD"
}

qemu_is_new() {
    local version
    version=$("$QEMU" --version 2>/dev/null | sed -n 's/^QEMU emulator version \([0-9.]*\).*/\1/p')
    [ -n "$version" ] && dpkg --compare-versions "$version" ge "$QEMU_LEAST"
}

# Each source of the machine once more with the suite's backports, binary and source packages.
backports_open() {
    local suite=${BACKPORTS%-backports}
    [ -z "$BACKPORTS_APT" ] || return 0
    BACKPORTS_APT=$QEMU_CACHE/apt
    mkdir -p "$BACKPORTS_APT"/{sources,lists/partial,cache/archives/partial}
    rm -f "$BACKPORTS_APT"/sources/*
    apt_sources "/^deb-src/d; s/^deb([[:space:]].*[[:space:]])$suite([[:space:]].*)$/&\ndeb\1$BACKPORTS\2\ndeb-src\1$BACKPORTS\2/" \
        "s/^Types:.*/Types: deb deb-src/; /^Suites:/s/([[:space:]])$suite([[:space:]]|$)/\1$suite $BACKPORTS\2/" \
        "$BACKPORTS_APT/sources"
    # A third party's repository may be away, or have no sources, and that is no reason to stop.
    logged qemu-apt-update backports_apt apt-get update || note "going on with the package lists that are there"
}

backports_apt() { # apt-get|apt-cache ARGUMENT...
    local command=$1
    shift
    DEBIAN_FRONTEND=noninteractive "$command" -q -o Dir::Etc::SourceList=/dev/null \
        -o Dir::Etc::SourceParts="$BACKPORTS_APT/sources" -o Dir::State::Lists="$BACKPORTS_APT/lists" \
        -o Dir::Cache="$BACKPORTS_APT/cache" -o APT::Sandbox::User=root -o DPkg::Lock::Timeout=300 "$@"
}

backports_install() { # PACKAGE...
    backports_open
    step "Installing packages, from $BACKPORTS where it has them: $*"
    logged qemu-apt-install backports_apt apt-get -y -t "$BACKPORTS" install --no-install-recommends "$@"
}
