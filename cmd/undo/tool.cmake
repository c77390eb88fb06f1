# SPDX-License-Identifier: GPL-2.0-or-later
daxfs_tool(undo daxfs-undo LINK daxfs_check nlohmann_json::nlohmann_json)
