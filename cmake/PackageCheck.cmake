# SPDX-License-Identifier: GPL-2.0-or-later
if(NOT CPACK_IDE_KM_PREFIX STREQUAL /usr)
    message(FATAL_ERROR "A package is for /usr: configure with -DCMAKE_INSTALL_PREFIX=/usr "
        "(this build is for ${CPACK_IDE_KM_PREFIX}).")
endif()
