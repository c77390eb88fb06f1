daxfs_tool(fsck fsck.daxfs LINK daxfs_check)
