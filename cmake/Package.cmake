# SPDX-License-Identifier: GPL-2.0-or-later
# Debian packages: cmake --build BUILD --target package, of a build that is configured with -DCMAKE_INSTALL_PREFIX=/usr.
#   ide-km         ide-kmd, ide-ctl and what fits them into a host
#   ide-km-emu     ide-emu
#   libide-km0     the shared libraries
#   libide-km-dev  headers, pkg-config, ide_client(3)
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME ide-km)
set(CPACK_PACKAGE_VENDOR ide-km)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "PCI Express link encryption (IDE)")
set(CPACK_PACKAGE_CONTACT "The ide-km maintainers <maintainers@ide-km.example>")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_SET_DESTDIR ON) # the configuration is in /etc
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL programs emulator libraries development)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_PROJECT_CONFIG_FILE ${CMAKE_CURRENT_LIST_DIR}/PackageCheck.cmake)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/PackageStage.cmake)
set(CPACK_IDE_KM_SOURCE ${PROJECT_SOURCE_DIR})
set(CPACK_IDE_KM_PREFIX ${CMAKE_INSTALL_PREFIX})

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_BINARY_DIR} ${CMAKE_BINARY_DIR}/tools/client)
set(same "(= ${PROJECT_VERSION}-1)")

set(deb ${PROJECT_SOURCE_DIR}/tools/host/deb)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_NAME ide-km)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_DEPENDS "libide-km0 ${same}, passwd")
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_RECOMMENDS "systemd, udev, pciutils")
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_CONTROL_EXTRA ${deb}/postinst ${deb}/prerm ${deb}/postrm ${deb}/conffiles)
set(CPACK_DEBIAN_PROGRAMS_DESCRIPTION "Integrity and Data Encryption protects the links of PCI Express. ide-kmd finds
out which device is at the other end (SPDM, CMA), opens a secure session with
it, gives both ends of the link the same keys (IDE_KM) and keeps them fresh;
ide-ctl is its command line.")

set(CPACK_DEBIAN_EMULATOR_PACKAGE_NAME ide-km-emu)
set(CPACK_DEBIAN_EMULATOR_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_EMULATOR_PACKAGE_DEPENDS "fuse3, openssl")
set(CPACK_DEBIAN_EMULATOR_PACKAGE_RECOMMENDS "ide-km, pciutils")
set(CPACK_DEBIAN_EMULATOR_DESCRIPTION "ide-emu is an emulated PCI Express platform: a file system shaped like
/sys/bus/pci whose devices speak SPDM and IDE_KM, encrypt their links, and
misbehave on request. It is there to try ide-kmd without hardware.")

set(CPACK_DEBIAN_LIBRARIES_PACKAGE_NAME libide-km0)
set(CPACK_DEBIAN_LIBRARIES_PACKAGE_SECTION libs)
file(WRITE ${PROJECT_BINARY_DIR}/shlibs "libide-km 0 libide-km0 (>= ${PROJECT_VERSION})\nlibide-client 0 libide-km0 (>= ${PROJECT_VERSION})\n")
set(CPACK_DEBIAN_LIBRARIES_PACKAGE_CONTROL_EXTRA ${deb}/triggers ${PROJECT_BINARY_DIR}/shlibs)
set(CPACK_DEBIAN_LIBRARIES_DESCRIPTION "Shared libraries: libide-km has the layers of SPDM, secured messages and
IDE_KM, libide-client talks to ide-kmd.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libide-km-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libide-km0 ${same}, libjansson-dev, libpci-dev")
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION "For development: headers, pkg-config files and the manual of libide-km and
libide-client.")

include(CPack)
