# SPDX-License-Identifier: GPL-2.0-or-later
daxfs_tool(daxlive daxlive USER)

# The guest's first process. Static, and never instrumented: it runs where no library is.
if(NOT DAXFS_SANITIZE)
  add_executable(daxlive-init cmd/daxlive/guest/init.cc)
  daxfs_show(daxlive-init PRIVATE cmd/daxlive)
  target_link_options(daxlive-init PRIVATE -static -s)
  set_target_properties(daxlive-init PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/libexec)
  add_dependencies(daxlive daxlive-init)
  install(TARGETS daxlive-init RUNTIME DESTINATION libexec/daxfs)
endif()
