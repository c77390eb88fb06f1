# The rich image is made by the builders, which the cursors' tests otherwise have no use for.
if(TARGET test_lib_tree)
  target_link_libraries(test_lib_tree PRIVATE daxfs_make)
endif()
