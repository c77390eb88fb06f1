# SPDX-License-Identifier: GPL-2.0-or-later
# What a folder does not link it cannot include: for each folder a header of the next floor, and of a neighbour.
function(cannot_include target header)
  if(NOT EXISTS ${CMAKE_SOURCE_DIR}/${header})
    message(FATAL_ERROR "${header}: no such header, so nobody includes it")
  endif()
  add_test(NAME includes/${target}/${header}
           COMMAND ${CMAKE_CXX_COMPILER} -x c++ -E -include ${header} /dev/null
                   "-I$<JOIN:$<TARGET_PROPERTY:${target},INCLUDE_DIRECTORIES>,;-I>"
           WORKING_DIRECTORY ${CMAKE_BINARY_DIR}
           COMMAND_EXPAND_LISTS)
  set_tests_properties(includes/${target}/${header} PROPERTIES PASS_REGULAR_EXPRESSION
                       "${header}(: No such file|' file not found)")
endfunction()

cannot_include(daxfs_base lib/format/schema.h)
cannot_include(daxfs_format lib/image/image.h)
cannot_include(daxfs_image lib/tree/node.h)
cannot_include(daxfs_tree lib/make/sink.h)
cannot_include(daxfs_make lib/check/check.h)
cannot_include(daxfs_make lib/populate/entry.h)
cannot_include(daxfs_populate lib/check/check.h)
cannot_include(daxfs_check lib/dump/block.h)
cannot_include(daxfs_check lib/populate/entry.h)
cannot_include(daxfs_dump lib/make/sink.h)
cannot_include(daxfs_dump lib/cli/tool.h)
cannot_include(daxfs_cli lib/format/schema.h)
cannot_include(cmd_mkfs lib/check/check.h)
cannot_include(cmd_fsck cmd/mkfs/mkfs.h)
cannot_include(cmd_daxlive lib/image/image.h)
cannot_include(cmd_daxtrace kernel/trace.h)
