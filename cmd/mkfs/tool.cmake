# SPDX-License-Identifier: GPL-2.0-or-later
daxfs_tool(mkfs mkfs.daxfs LINK daxfs_make daxfs_populate daxfs_dump)
