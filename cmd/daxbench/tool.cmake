find_package(benchmark REQUIRED)
daxfs_tool(daxbench daxbench LINK daxfs_check daxfs_make benchmark::benchmark)
