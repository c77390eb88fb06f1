# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests of the tools share.
add_library(test_support INTERFACE)
target_link_libraries(test_support INTERFACE daxfs_cli nlohmann_json::nlohmann_json)
daxfs_show(test_support INTERFACE tests/support)
