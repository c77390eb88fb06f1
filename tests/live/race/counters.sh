# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# module: points
# A stray store to the counters of an allocation group, between the look that checked them and the change: it is not given
# a right checksum, the counters become what they were checked to become.
point=/sys/kernel/debug/daxfs/points/logged
mkfs.daxfs -q -f --ag-size 1G "$PMEM"
mount_fs
: >"$MNT/first"
# In group 0, whose header is block 3: free_blocks, inode_blocks, free_inodes, orphan_groups.
counters=$((3 * 4096 + 32))
echo park >$point
: >"$MNT/second" &
create=$!
await_parked $point $create
printf 'spoiled counters' | dd of="$PMEM" bs=1 seek=$counters conv=notrunc,fsync 2>/dev/null
echo go >$point
wait $create
echo off >$point
[ -e "$MNT/second" ] || fail "the create"
: >"$MNT/third"
rm "$MNT/second"
umount "$MNT"
# What the page cache of the device has is older than the change.
echo 1 >/proc/sys/vm/drop_caches
fsck_clean
