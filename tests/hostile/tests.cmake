# SPDX-License-Identifier: GPL-2.0-or-later
# Hostile images (see README.md here): the library that makes them, the tool of the host, and what runs in the guest.
add_library(hostile_mutants STATIC hostile/base.cc hostile/mutant.cc hostile/field.cc hostile/structure.cc
                                   hostile/other.cc)
target_link_libraries(hostile_mutants PUBLIC daxfs_make test_images)
daxfs_show(hostile_mutants PUBLIC tests/hostile)
add_executable(hostile_mutate hostile/mutate.cc)
target_link_libraries(hostile_mutate PRIVATE hostile_mutants)
set_target_properties(hostile_mutate PROPERTIES OUTPUT_NAME mutate RUNTIME_OUTPUT_DIRECTORY
                                                                   ${CMAKE_BINARY_DIR}/bin/hostile)
add_executable(hostile_repair hostile/repair.cc)
target_link_libraries(hostile_repair PRIVATE hostile_mutants daxfs_check)
daxfs_show(hostile_repair PRIVATE tests/lib/check)
set_target_properties(hostile_repair PROPERTIES OUTPUT_NAME repair RUNTIME_OUTPUT_DIRECTORY
                                                                   ${CMAKE_BINARY_DIR}/bin/hostile)
add_test(NAME hostile/repair COMMAND hostile_repair 600 9)
add_test(NAME hostile/repair_bits COMMAND hostile_repair bits 600 9)
set_tests_properties(hostile/repair hostile/repair_bits PROPERTIES TIMEOUT 900)
if(NOT DAXFS_SANITIZE AND NOT DAXFS_FUZZ)
  add_executable(hostile_guest hostile/guest/run.cc hostile/guest/device.cc hostile/guest/workload.cc)
  target_link_libraries(hostile_guest PRIVATE hostile_mutants cmd_daxlive)
  set_target_properties(hostile_guest PROPERTIES OUTPUT_NAME hostile RUNTIME_OUTPUT_DIRECTORY
                                                                     ${CMAKE_BINARY_DIR}/bin/hostile)
  add_custom_target(for_hostile)
  add_dependencies(for_hostile tools hostile_mutate hostile_guest)
endif()
add_executable(test_hostile hostile/tools_test.cc)
if(NOT DAXFS_SANITIZE)
  set_target_properties(test_hostile PROPERTIES EXCLUDE_FROM_ALL ON)
endif()
target_compile_options(test_hostile PRIVATE -O0 -g1)
target_link_libraries(test_hostile PRIVATE hostile_mutants cmd_fsck cmd_info cmd_tune cmd_daxdb test_support GTest::gmock_main)
gtest_discover_tests(test_hostile TEST_PREFIX "hostile/" DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300)
