# SPDX-License-Identifier: GPL-2.0-or-later
# The runner asks for the module with delay points where a test does, and else not.
add_test(NAME live/variants COMMAND ${CMAKE_CURRENT_LIST_DIR}/run --variants basic/mount race/write)
set_tests_properties(live/variants PROPERTIES PASS_REGULAR_EXPRESSION "^points\n$")
add_test(NAME live/no_variants COMMAND ${CMAKE_CURRENT_LIST_DIR}/run --variants basic/mount)
set_tests_properties(live/no_variants PROPERTIES FAIL_REGULAR_EXPRESSION points)

# Programs for tests in the guest: static, because they run where no library is. tests/live/bin/NAME.cc becomes
# build/bin/tests/NAME, and /tests/bin/NAME in the guest. The one that damages filesystems (its verbs are in
# tests/live/damage) uses the library, and finds what that needs where fsck.daxfs does.
if(NOT DAXFS_SANITIZE)
  add_custom_target(for_live)
  add_dependencies(for_live tools)
  file(GLOB programs CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/live/bin/*.cc)
  foreach(program ${programs})
    get_filename_component(name ${program} NAME_WE)
    add_executable(live_${name} ${program})
    add_dependencies(for_live live_${name})
    target_link_libraries(live_${name} PRIVATE Threads::Threads)
    daxfs_show(live_${name} PRIVATE tests/live)
    if(name STREQUAL damage)
      file(GLOB verbs CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/live/damage/*.cc)
      target_sources(live_damage PRIVATE ${verbs})
      target_link_libraries(live_${name} PRIVATE daxfs_tree)
    else()
      target_link_options(live_${name} PRIVATE -static -s)
    endif()
    set_target_properties(live_${name} PROPERTIES OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY
                                                                      ${CMAKE_BINARY_DIR}/bin/tests)
  endforeach()
  target_sources(live_directory PRIVATE ${CMAKE_SOURCE_DIR}/lib/base/siphash.cc)
  daxfs_show(live_directory PRIVATE lib/base)
  daxfs_show(live_age PRIVATE tests/bench/ageing)
  daxfs_show(live_poison PRIVATE lib/base lib/format)

  # tests/live/bin32: 32-bit programs, which use no library at all.
  file(GLOB programs32 CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/live/bin32/*.cc)
  foreach(program ${programs32})
    get_filename_component(name ${program} NAME_WE)
    add_executable(live_${name} ${program})
    add_dependencies(for_live live_${name})
    target_compile_options(live_${name} PRIVATE -m32 -ffreestanding -fno-pic -fno-exceptions -fno-rtti
                                                -fno-stack-protector -fno-asynchronous-unwind-tables)
    target_link_options(live_${name} PRIVATE -m32 -nostdlib -static -no-pie -s)
    set_target_properties(live_${name} PROPERTIES OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY
                                                                      ${CMAKE_BINARY_DIR}/bin/tests)
  endforeach()
endif()
