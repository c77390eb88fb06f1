# SPDX-License-Identifier: GPL-2.0-or-later
if(NOT DAXFS_SANITIZE)
  add_custom_target(for_demo)
  add_dependencies(for_demo tools live_mmap_log)
endif()
