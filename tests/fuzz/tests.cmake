# SPDX-License-Identifier: GPL-2.0-or-later
# With DAXFS_FUZZ (clang): bin/fuzz_image tests/fuzz/corpus -max_total_time=300. Every build replays the corpus.
set(corpus ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus)
if(DAXFS_FUZZ)
  add_executable(fuzz_image fuzz/fuzz_image.cc)
  target_link_options(fuzz_image PRIVATE -fsanitize=fuzzer)
  add_test(NAME fuzz/corpus COMMAND fuzz_image -runs=0 ${corpus})
else()
  add_executable(fuzz_image fuzz/fuzz_image.cc fuzz/replay.cc)
  add_test(NAME fuzz/corpus COMMAND fuzz_image ${corpus})
endif()
target_link_libraries(fuzz_image PRIVATE daxfs_check test_images)
