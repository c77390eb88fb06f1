# SPDX-License-Identifier: GPL-2.0-or-later
find_package(benchmark REQUIRED)
daxfs_tool(daxbench daxbench USER LINK daxfs_check daxfs_make nlohmann_json::nlohmann_json benchmark::benchmark)
