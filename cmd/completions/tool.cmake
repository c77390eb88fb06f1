# SPDX-License-Identifier: GPL-2.0-or-later
# Not installed itself: makes what bash and zsh complete, from the options of all tools.
set(completed_tools mkfs.daxfs fsck.daxfs daxfs-info daxfs-undo daxdb tune.daxfs daxtrace daxlive daxbench)
add_library(cmd_completions STATIC cmd/completions/completions.cc cmd/completions/tools.cc)
target_link_libraries(cmd_completions PUBLIC daxfs_cli cmd_mkfs cmd_fsck cmd_info cmd_undo cmd_daxdb cmd_daxtrace
                                             cmd_daxlive cmd_daxbench cmd_tune)
daxfs_show(cmd_completions PUBLIC cmd/completions)
add_executable(daxfs-completions cmd/completions/main.cc)
target_link_libraries(daxfs-completions PRIVATE cmd_completions)

set(completions ${CMAKE_BINARY_DIR}/completions)
set(completion_files ${completed_tools})
list(TRANSFORM completion_files REPLACE "(.+)" "${completions}/bash/\\1;${completions}/zsh/_\\1")
add_custom_command(OUTPUT ${completion_files} COMMAND daxfs-completions ${completions} DEPENDS daxfs-completions VERBATIM)
add_custom_target(completions ALL DEPENDS ${completion_files})
install(DIRECTORY ${completions}/bash/ DESTINATION share/bash-completion/completions)
install(DIRECTORY ${completions}/zsh/ DESTINATION share/zsh/site-functions)
