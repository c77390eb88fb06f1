# SPDX-License-Identifier: GPL-2.0-or-later
# What `cmake --install` brings. The module's sources are built where kernel headers are at hand (./dev setup).
add_test(NAME install COMMAND ${CMAKE_CURRENT_LIST_DIR}/run ${CMAKE_COMMAND} ${CMAKE_BINARY_DIR} ${CMAKE_SOURCE_DIR}
                              ${PROJECT_VERSION})
set_tests_properties(install PROPERTIES TIMEOUT 900)
