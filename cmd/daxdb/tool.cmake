pkg_check_modules(ncursesw REQUIRED IMPORTED_TARGET ncursesw)
daxfs_tool(daxdb daxdb LINK daxfs_dump daxfs_build PkgConfig::ncursesw)
