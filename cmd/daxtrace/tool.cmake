# SPDX-License-Identifier: GPL-2.0-or-later
# The programs are compiled once, for any kernel (CO-RE): no kernel headers and no BTF of the machine that builds.
find_program(DAXFS_CLANG NAMES clang clang-19 clang-16 clang-14 REQUIRED)
find_program(DAXFS_LLVM_STRIP NAMES llvm-strip llvm-strip-19 llvm-strip-16 llvm-strip-14 REQUIRED)
find_program(DAXFS_BPFTOOL bpftool HINTS /usr/sbin /sbin REQUIRED)
pkg_check_modules(bpf REQUIRED IMPORTED_TARGET libbpf>=1.1)

set(bpf_out ${CMAKE_BINARY_DIR}/bpf)
file(MAKE_DIRECTORY ${bpf_out})
# <linux/types.h> lies below the compiler's target triplet on Debian.
execute_process(COMMAND ${CMAKE_C_COMPILER} -print-multiarch OUTPUT_VARIABLE multiarch OUTPUT_STRIP_TRAILING_WHITESPACE
                ERROR_QUIET)
add_custom_command(
  OUTPUT ${bpf_out}/daxtrace.skel.h
  COMMAND ${DAXFS_CLANG} -target bpf -mcpu=v3 -O2 -g -Wall -Werror -D__TARGET_ARCH_x86
          -I ${CMAKE_SOURCE_DIR} -isystem /usr/include/${multiarch} -MD -MF ${bpf_out}/daxtrace.bpf.d -MT ${bpf_out}/daxtrace.skel.h
          -c ${CMAKE_SOURCE_DIR}/bpf/daxtrace.bpf.c -o ${bpf_out}/daxtrace.bpf.o
  COMMAND ${DAXFS_LLVM_STRIP} -g ${bpf_out}/daxtrace.bpf.o
  COMMAND ${DAXFS_BPFTOOL} gen skeleton ${bpf_out}/daxtrace.bpf.o name daxtrace_bpf > ${bpf_out}/daxtrace.skel.tmp
  COMMAND ${CMAKE_COMMAND} -E rename ${bpf_out}/daxtrace.skel.tmp ${bpf_out}/daxtrace.skel.h
  DEPENDS ${CMAKE_SOURCE_DIR}/bpf/daxtrace.bpf.c
  DEPFILE ${bpf_out}/daxtrace.bpf.d
  COMMENT "Building the BPF skeleton of daxtrace"
  VERBATIM)
add_custom_target(daxtrace_skeleton DEPENDS ${bpf_out}/daxtrace.skel.h)

daxfs_tool(daxtrace daxtrace LINK daxfs_format nlohmann_json::nlohmann_json PkgConfig::bpf)
add_dependencies(cmd_daxtrace daxtrace_skeleton)
daxfs_show(cmd_daxtrace PUBLIC bpf)
# A generated header: our warnings are not for it.
target_include_directories(cmd_daxtrace SYSTEM PRIVATE ${bpf_out})
