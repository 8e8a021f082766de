# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The Debian packages of a build, twice, as an earlier and a later version, and a chroot to install them in: for
# tests/package and tests/qemu/root. The caller has sourced tools/lib.sh and tests/chroot.sh.

BUILD=$ROOT/build/check/release
ARCHIVES=$IDE_KM_CACHE/package/archives

make_packages() {
    step "Making packages of $BUILD"
    logged package-configure cmake -S "$ROOT" -B "$BUILD" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/usr \
        -DIDE_KM_TESTS=OFF || die "cmake failed"
    logged package-build cmake --build "$BUILD" || die "the build failed"
    rm -rf "$BUILD/deb"
    local release
    for release in 1 2; do
        logged "package-$release" cpack --config "$BUILD/CPackConfig.cmake" -B "$BUILD/deb/$release" \
            -D CPACK_DEBIAN_PACKAGE_RELEASE="$release" \
            -D CPACK_DEBIAN_PROGRAMS_PACKAGE_DEPENDS="libide-km0 (= $(version)-$release), passwd" \
            -D CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS="libide-km0 (= $(version)-$release), libjansson-dev, libpci-dev" ||
            die "cpack failed"
    done
}

# put_packages DIRECTORY FILE...: both versions and the files to /root/package of the system there, and what apt has
# downloaded before to where it looks for it.
put_packages() {
    local dir=$1
    shift
    mkdir -p "$dir/root/package/archives" "$ARCHIVES"
    cp -r "$BUILD/deb/1" "$BUILD/deb/2" "$@" "$dir/root/package/"
    find "$ARCHIVES" -name '*.deb' -exec cp -t "$dir/var/cache/apt/archives" {} +
}

# What it has put into /root/package/archives there is not downloaded again.
keep_archives() { # DIRECTORY
    find "$1/root/package/archives" -name '*.deb' -exec cp -nt "$ARCHIVES" {} +
}
