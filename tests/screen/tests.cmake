# SPDX-License-Identifier: GPL-2.0-or-later
# The full-screen views on a real terminal, driven through tmux.
add_test(NAME screen/daxdb COMMAND ${CMAKE_CURRENT_LIST_DIR}/daxdb_view.sh $<TARGET_FILE:daxdb> $<TARGET_FILE:mkfs.daxfs>)
set_tests_properties(screen/daxdb PROPERTIES TIMEOUT 120)
