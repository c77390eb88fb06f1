# SPDX-License-Identifier: GPL-2.0-or-later
daxfs_tool(info daxfs-info LINK daxfs_check daxfs_dump)
