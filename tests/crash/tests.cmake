# SPDX-License-Identifier: GPL-2.0-or-later
# The crash lab (see README.md here). None of it is sanitized: the recorder is loaded into QEMU, the cases run in the guest,
# and crashlab looks at thousands of states a second.
if(NOT DAXFS_SANITIZE AND NOT DAXFS_FUZZ)
  set(crash_out ${CMAKE_BINARY_DIR}/bin/crash)
  add_library(crash_recorder MODULE crash/recorder/plugin.cc crash/recorder/decode.cc)
  daxfs_show(crash_recorder PRIVATE tests/crash/recorder tests/crash/trace)
  # GLib and the plugin interface are the emulator's.
  target_compile_options(crash_recorder PRIVATE -fvisibility=hidden)
  set_target_properties(crash_recorder PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${crash_out} PREFIX "" OUTPUT_NAME recorder)

  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/crash/lab/*.cc)
  add_executable(crashlab ${sources})
  target_link_libraries(crashlab PRIVATE daxfs_check daxfs_cli)
  daxfs_show(crashlab PRIVATE tests/crash/lab tests/crash/common tests/crash/trace)
  set_target_properties(crashlab PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${crash_out})

  add_executable(crash_cases crash/guest/both.cc crash/guest/cached.cc crash/guest/calls.cc crash/guest/cases.cc crash/guest/groups.cc
                             crash/guest/held.cc crash/guest/huge.cc crash/guest/levels.cc crash/guest/observe.cc
                             crash/guest/operations.cc crash/guest/sites.cc)
  add_executable(crash_selfcheck crash/guest/selfcheck.cc)
  # Static, so without the library; the format's header is for them too.
  daxfs_show(crash_cases PRIVATE lib/base lib/format tests/crash/common)
  foreach(program cases selfcheck)
    daxfs_show(crash_${program} PRIVATE tests/crash/guest tests/crash/recorder tests/crash/trace)
    target_link_options(crash_${program} PRIVATE -static -s)
    set_target_properties(crash_${program} PROPERTIES OUTPUT_NAME ${program} RUNTIME_OUTPUT_DIRECTORY ${crash_out}/guest)
  endforeach()
  # The cuts write with programs of the guest tests.
  add_custom_target(for_crash)
  add_dependencies(for_crash tools crash_recorder crashlab crash_cases crash_selfcheck live_churn live_mmap_log)
endif()
