# SPDX-License-Identifier: GPL-2.0-or-later
# What `./dev bench` needs besides daxbench: the byte counter, loaded into QEMU, and what writes in the guest.
if(NOT DAXFS_SANITIZE AND NOT DAXFS_FUZZ)
  add_library(bench_counter MODULE bench/counter.cc crash/recorder/decode.cc)
  daxfs_show(bench_counter PRIVATE tests/crash/recorder tests/crash/trace)
  # GLib and the plugin interface are the emulator's.
  target_compile_options(bench_counter PRIVATE -fvisibility=hidden)
  set_target_properties(bench_counter PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin/bench PREFIX ""
                                                 OUTPUT_NAME counter)
  add_executable(bench_writes bench/writes.cc)
  daxfs_show(bench_writes PRIVATE tests/crash/guest tests/crash/recorder tests/crash/trace tests/live/bin)
  target_link_options(bench_writes PRIVATE -static -s)
  set_target_properties(bench_writes PROPERTIES OUTPUT_NAME writes RUNTIME_OUTPUT_DIRECTORY
                                                                   ${CMAKE_BINARY_DIR}/bin/bench/guest)
  add_custom_target(for_bench)
  add_dependencies(for_bench tools daxbench bench_counter bench_writes live_age)
endif()
