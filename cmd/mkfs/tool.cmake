daxfs_tool(mkfs mkfs.daxfs LINK daxfs_make)
