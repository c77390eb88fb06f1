# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# module: points
# Memory fails while large files wait to be freed. The search for the file that it belongs to brings one of them into memory
# and lets it go: statfs counts its blocks once.
# shellcheck source=tests/live/device/lib
. /tests/device/lib
committed=/sys/kernel/debug/daxfs/points/committed
free_blocks() { stat -f -c %f "$MNT"; }

mkfs.daxfs -q -f "$PMEM" 128M
mount_fs
# In the order of their inodes: the search ends at the second.
touch "$MNT/waits" "$MNT/file" "$MNT/first"
/tests/bin/scatter "$MNT/waits" 6000
dd if=/dev/zero of="$MNT/file" bs=64k count=4 2>/dev/null
before=$(free_blocks)
/tests/bin/scatter "$MNT/first" 6000
inode=$(stat -c %i "$MNT/file")
echo 'delay 300000' >$committed
rm "$MNT/first" "$MNT/waits"
[ "$(free_blocks)" -gt $((before + 5000)) ] || fail "$(free_blocks) free blocks, before two files of 6000 are gone $before"
before=$(free_blocks)
/tests/bin/poison fail "$MNT/file" 70000
log_says "media error: inode $inode, bytes 69632 to 73728"
for _ in $(seq 10); do expect_eq "$(free_blocks)" "$before" "free blocks after the search"; done
echo off >$committed
for _ in $(seq 10); do expect_eq "$(free_blocks)" "$before" "free blocks"; done
unmount_check
# A new set of struct pages, without the marks.
echo "$DEVICE" >$DRIVER/unbind
bind
