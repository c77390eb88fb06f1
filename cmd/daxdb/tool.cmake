# SPDX-License-Identifier: GPL-2.0-or-later
pkg_check_modules(ncursesw REQUIRED IMPORTED_TARGET ncursesw)
# Its definitions (_DEFAULT_SOURCE, _XOPEN_SOURCE) are parts of our _GNU_SOURCE; they would keep the precompiled headers away.
set_target_properties(PkgConfig::ncursesw PROPERTIES INTERFACE_COMPILE_OPTIONS "")
daxfs_tool(daxdb daxdb LINK daxfs_dump daxfs_make PkgConfig::ncursesw)
