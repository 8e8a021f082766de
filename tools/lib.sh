# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Shared by tools/setup, tools/demo, tools/check and tests/chroot: step lines, logged commands, packages.
# The caller has set PROG (its name for messages) and runs under `set -euo pipefail`.

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
LOG_DIR=$ROOT/build/log
IDE_KM_CACHE=/var/cache/ide-km
# shellcheck disable=SC2034 # used by tools/setup
WOLFSSL_CACHE=$IDE_KM_CACHE/wolfssl

export LC_ALL=C.UTF-8

die() {
    printf '%s: %s\n' "$PROG" "$*" >&2
    exit 1
}

step() {
    printf '==> %s\n' "$*"
}

note() {
    printf '    %s\n' "$*"
}

version() {
    sed -n 's/^project(ide-km VERSION \([0-9.]*\).*/\1/p' "$ROOT/CMakeLists.txt"
}

need_root() {
    [ "$(id -u)" -ne 0 ] || return 0
    command -v sudo >/dev/null || die "needs root, and there is no sudo on this machine: run \`$0 $*\` as root"
    die "needs root: run \`sudo $0 $*\`"
}

# What whoever runs this has to put before a command that needs root: nothing if he is root himself.
as_root() {
    printf '%s' "${SUDO_USER:+sudo }"
}

# logged NAME COMMAND...: runs the command with its output in the log NAME. The output is shown only if it fails, and then
# its end only, because that is where compilers and test runners say what was wrong. On stdout, in order with the steps.
logged() {
    local log=$LOG_DIR/$1.log status=0
    shift
    mkdir -p "$LOG_DIR"
    "$@" >"$log" 2>&1 </dev/null || status=$?
    if [ "$status" -ne 0 ]; then
        printf '    failed (exit %d): %s\n    the end of its output, %s:\n' "$status" "$*" "$log"
        tail -n "${IDE_KM_TAIL:-60}" "$log" | sed 's/^/    | /'
    fi
    return "$status"
}

# --- Packages -------------------------------------------------------------------------------------------------------

packages_of() { # GROUP...: lines `package probe`
    local group
    for group in "$@"; do
        sed -n "s/^$group //p" "$ROOT/tools/packages"
    done
}

have_apt() {
    command -v apt-get >/dev/null && command -v dpkg-query >/dev/null
}

probe_finds() { # PROBE
    case $1 in
    c:*) command -v "${1#c:}" >/dev/null ;;
    p:*) pkg-config --exists "${1#p:}" 2>/dev/null ;;
    y:*) /usr/bin/python3 -c "import ${1#y:}" 2>/dev/null ;;
    f:*) [ -e "${1#f:}" ] ;;
    *) true ;;
    esac
}

package_is_there() { # PACKAGE PROBE
    if have_apt; then
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
    else
        probe_finds "$2"
    fi
}

missing_packages() { # GROUP...
    local package probe
    while read -r package probe; do
        package_is_there "$package" "$probe" || printf '%s\n' "$package"
    done < <(packages_of "$@")
}

apt_get() {
    # Another apt may be at work on a machine that has just been started: wait for its lock.
    DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@"
}

install_packages() { # GROUP...
    local missing
    mapfile -t missing < <(missing_packages "$@")
    if [ "${#missing[@]}" -eq 0 ]; then
        return 0
    fi
    have_apt || die "this is not Debian; please install what these Debian packages hold: ${missing[*]}"
    step "Installing packages: ${missing[*]}"
    logged apt-update apt_get update || note "going on with the package lists that are there"
    logged apt-install apt_get install --no-install-recommends "${missing[@]}" ||
        die "apt-get could not install the packages above"
}

# Each apt source of this machine as one-line or deb822 text, passed through the sed script given for its format. This is
# how a mirror is found without naming one.
apt_sources() { # SED_FOR_ONE_LINE SED_FOR_DEB822 DESTINATION
    local etc file name
    etc=$(apt-config shell DIR Dir::Etc/d | sed "s/^DIR='\(.*\)'$/\1/")
    for file in "$etc"/sources.list "$etc"/sources.list.d/*.list; do
        [ -f "$file" ] || continue
        name=$(basename "$file" .list)
        sed -E "$1" "$file" >"$3/$name.list"
    done
    for file in "$etc"/sources.list.d/*.sources; do
        [ -f "$file" ] || continue
        sed -E "$2" "$file" >"$3/$(basename "$file")"
    done
}
