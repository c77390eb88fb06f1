# SPDX-License-Identifier: GPL-2.0-or-later
# Images that the builders make, whole and broken, for the tests of what reads them.
add_library(test_images INTERFACE)
target_link_libraries(test_images INTERFACE daxfs_check)
daxfs_show(test_images INTERFACE tests/images)
foreach(test lib_tree lib_populate lib_check cmd_fsck cmd_info cmd_mkfs cmd_tune cmd_undo)
  target_link_libraries(test_${test} PRIVATE test_images)
endforeach()
