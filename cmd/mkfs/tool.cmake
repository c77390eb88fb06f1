# SPDX-License-Identifier: GPL-2.0-or-later
daxfs_tool(mkfs mkfs.daxfs LINK daxfs_make daxfs_populate nlohmann_json::nlohmann_json)
