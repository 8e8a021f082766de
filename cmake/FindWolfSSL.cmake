# SPDX-License-Identifier: GPL-2.0-or-later
# Finds wolfSSL and defines WolfSSL::wolfssl.
#
# Looked for in this order: WOLFSSL_ROOT if the user gives it; the fast static build that tools/setup makes
# (see IDE_KM_WOLFSSL_CACHE); the system's libwolfssl, which works but is several times slower.
set(IDE_KM_WOLFSSL_CACHE /var/cache/ide-km/wolfssl CACHE PATH "Where tools/setup puts its wolfSSL build")
set(WOLFSSL_ROOT "" CACHE PATH "Prefix of the wolfSSL to use")

set(_wolfssl_prefixes ${WOLFSSL_ROOT})
if(NOT WOLFSSL_ROOT)
    set(_wolfssl_prefixes ${IDE_KM_WOLFSSL_CACHE})
endif()

find_path(WOLFSSL_INCLUDE_DIR wolfssl/options.h HINTS ${_wolfssl_prefixes} PATH_SUFFIXES include NO_DEFAULT_PATH)
find_library(WOLFSSL_LIBRARY NAMES libwolfssl.a wolfssl HINTS ${_wolfssl_prefixes} PATH_SUFFIXES lib NO_DEFAULT_PATH)
if(NOT WOLFSSL_ROOT AND NOT WOLFSSL_LIBRARY)
    find_path(WOLFSSL_INCLUDE_DIR wolfssl/options.h)
    find_library(WOLFSSL_LIBRARY NAMES wolfssl)
    if(WOLFSSL_LIBRARY)
        message(STATUS "wolfSSL: the system's (slow; `sudo tools/setup` builds a faster one)")
    endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(WolfSSL REQUIRED_VARS WOLFSSL_LIBRARY WOLFSSL_INCLUDE_DIR
    REASON_FAILURE_MESSAGE "run `sudo tools/setup`, install libwolfssl-dev, or give -DWOLFSSL_ROOT=")

if(WolfSSL_FOUND AND NOT TARGET WolfSSL::wolfssl)
    add_library(WolfSSL::wolfssl UNKNOWN IMPORTED)
    set_target_properties(WolfSSL::wolfssl PROPERTIES
        IMPORTED_LOCATION "${WOLFSSL_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${WOLFSSL_INCLUDE_DIR}"
        INTERFACE_LINK_LIBRARIES "m")
endif()
