# SPDX-License-Identifier: GPL-2.0-or-later
# Not installed: rewrites the tables of man/daxfs.5 from lib/format and kernel/trace.h (`ninja man`). A test and lint say when
# that is due.
add_executable(daxfs-mantables cmd/mantables/main.cc)
target_link_libraries(daxfs-mantables PRIVATE daxfs_dump daxfs_cli)
add_custom_target(man COMMAND daxfs-mantables ${CMAKE_SOURCE_DIR}/man/daxfs.5 ${CMAKE_SOURCE_DIR}/kernel/trace.h
                  VERBATIM)
