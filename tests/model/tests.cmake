# SPDX-License-Identifier: GPL-2.0-or-later
# The models of what must survive a power cut, every state of them, and their mutants.
foreach(part twins intent journal)
  add_test(NAME model/${part} COMMAND ${CMAKE_CURRENT_LIST_DIR}/run ${part})
  set_tests_properties(model/${part} PROPERTIES TIMEOUT 900)
endforeach()
