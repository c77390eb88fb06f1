# SPDX-License-Identifier: GPL-2.0-or-later
# With DAXFS_FUZZ (clang): bin/fuzz_image tests/fuzz/corpus -max_total_time=300, and fuzz_redo with tests/fuzz/corpus-redo.
# Every build replays the corpora.
function(daxfs_fuzz name corpus test)
  add_executable(${name} fuzz/${name}.cc)
  target_link_libraries(${name} PRIVATE daxfs_check test_images ${ARGN})
  if(DAXFS_FUZZ)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    add_test(NAME ${test} COMMAND ${name} -runs=0 ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/${corpus})
  else()
    target_sources(${name} PRIVATE fuzz/replay.cc)
    add_test(NAME ${test} COMMAND ${name} ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/${corpus})
  endif()
endfunction()

daxfs_fuzz(fuzz_image corpus fuzz/corpus cmd_info)
daxfs_fuzz(fuzz_redo corpus-redo fuzz/corpus-redo)
