# SPDX-License-Identifier: GPL-2.0-or-later
# What `./dev bench` and its neighbours need besides daxbench: plugins of QEMU, and what writes in the guest.
add_library(bench_stacks STATIC bench/profile/stacks.cc bench/profile/symbols.cc)
daxfs_show(bench_stacks PUBLIC tests/bench/profile)
daxfs_test(bench profile bench_stacks)
# For the definitions that its precompiled headers want; the plugin has no need of libraries.
target_link_libraries(test_bench_profile PRIVATE daxfs_base)
daxfs_test(bench ageing daxfs_base)
if(NOT DAXFS_SANITIZE AND NOT DAXFS_FUZZ)
  add_library(bench_counter MODULE bench/counter.cc crash/recorder/decode.cc)
  daxfs_show(bench_counter PRIVATE tests/bench tests/crash/recorder tests/crash/trace)
  add_library(bench_profiler MODULE bench/profile/plugin.cc)
  daxfs_show(bench_profiler PRIVATE cmd/daxbench tests/bench tests/crash/recorder)
  target_link_libraries(bench_profiler PRIVATE bench_stacks)
  # GLib and the plugin interface are the emulator's.
  foreach(plugin counter profiler)
    target_compile_options(bench_${plugin} PRIVATE -fvisibility=hidden)
    set_target_properties(bench_${plugin} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin/bench PREFIX ""
                                                     OUTPUT_NAME ${plugin})
  endforeach()
  add_executable(bench_writes bench/writes.cc)
  daxfs_show(bench_writes PRIVATE tests/crash/guest tests/crash/recorder tests/crash/trace tests/live/bin)
  target_link_options(bench_writes PRIVATE -static -s)
  set_target_properties(bench_writes PROPERTIES OUTPUT_NAME writes RUNTIME_OUTPUT_DIRECTORY
                                                                   ${CMAKE_BINARY_DIR}/bin/bench/guest)
  add_custom_target(for_bench)
  add_dependencies(for_bench tools daxbench bench_counter bench_profiler bench_writes live_age)
endif()
