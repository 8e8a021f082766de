# SPDX-License-Identifier: GPL-2.0-or-later
# Finds wolfSSL and defines WolfSSL::wolfssl.
#
# Looked for in this order: WOLFSSL_ROOT if the user gives it; the fast static build that tools/setup makes
# (`current` in IDE_KM_WOLFSSL_CACHE); the system's libwolfssl, which works but is several times slower.
set(IDE_KM_WOLFSSL_CACHE /var/cache/ide-km/wolfssl CACHE PATH "Where tools/setup puts its wolfSSL builds")
set(WOLFSSL_ROOT "" CACHE PATH "Prefix of the wolfSSL to use")

set(_wolfssl_prefix ${IDE_KM_WOLFSSL_CACHE}/current)
if(WOLFSSL_ROOT)
    set(_wolfssl_prefix ${WOLFSSL_ROOT})
endif()

# Headers and library must be of one build: their structs differ. So what was found for another prefix (another
# WOLFSSL_ROOT, or the system's from before tools/setup was run) is forgotten.
if(EXISTS ${_wolfssl_prefix}/include/wolfssl/options.h AND NOT WOLFSSL_INCLUDE_DIR STREQUAL ${_wolfssl_prefix}/include)
    unset(WOLFSSL_INCLUDE_DIR CACHE)
    unset(WOLFSSL_LIBRARY CACHE)
endif()

find_path(WOLFSSL_INCLUDE_DIR wolfssl/options.h PATHS ${_wolfssl_prefix}/include NO_DEFAULT_PATH)
find_library(WOLFSSL_LIBRARY NAMES libwolfssl.a wolfssl PATHS ${_wolfssl_prefix}/lib
    ${_wolfssl_prefix}/lib/${CMAKE_LIBRARY_ARCHITECTURE} NO_DEFAULT_PATH)
if(NOT WOLFSSL_ROOT AND NOT WOLFSSL_LIBRARY)
    find_path(WOLFSSL_INCLUDE_DIR wolfssl/options.h)
    find_library(WOLFSSL_LIBRARY NAMES wolfssl)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(WolfSSL REQUIRED_VARS WOLFSSL_LIBRARY WOLFSSL_INCLUDE_DIR
    REASON_FAILURE_MESSAGE "run `sudo tools/setup`, install libwolfssl-dev, or give -DWOLFSSL_ROOT=")

if(WOLFSSL_LIBRARY AND NOT WOLFSSL_INCLUDE_DIR STREQUAL ${_wolfssl_prefix}/include)
    message(STATUS "wolfSSL: the system's, several times slower than the one that `sudo tools/setup` builds")
endif()

find_package(Threads REQUIRED)
if(WolfSSL_FOUND AND NOT TARGET WolfSSL::wolfssl)
    add_library(WolfSSL::wolfssl UNKNOWN IMPORTED)
    set_target_properties(WolfSSL::wolfssl PROPERTIES
        IMPORTED_LOCATION "${WOLFSSL_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${WOLFSSL_INCLUDE_DIR}"
        INTERFACE_LINK_LIBRARIES "m;Threads::Threads")
endif()
