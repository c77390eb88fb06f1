# SPDX-License-Identifier: GPL-2.0-or-later
daxfs_tool(tune tune.daxfs LINK daxfs_check nlohmann_json::nlohmann_json)
