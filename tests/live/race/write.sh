# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# module: points
# A fault and a write on one block, in either order, and a write whose source is a mapping of the block it writes.
mount_fs
for case in write_under_fault fault_under_write fault_before_write read_fault_under_write source_in_block; do
    /tests/bin/race $case "$MNT/$case"
done
sums=$(md5sum "$MNT"/*_*)
remount
expect_eq "$(md5sum "$MNT"/*_*)" "$sums" "contents after a new mount"
unmount_check
