# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 180
# Each processor counts the blocks that it takes and frees by itself; still every block can be had to the last, on either of
# them and on both at once, and statfs is exact.
mkfs.daxfs -q -f --ag-size 16M "$PMEM" 64M
mount_fs
/tests/bin/last_blocks "$MNT"
unmount_check
