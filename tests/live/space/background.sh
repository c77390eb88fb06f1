# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 240
# module: points
# rm of a file of many extents returns before its blocks are given back. They count as free at once, whoever needs them gets
# them, an unmount in between gives all of them back, and so does the mount after a power cut.
mkfs.daxfs -q -f "$PMEM" 128M
mount_fs
stats=/sys/fs/daxfs/pmem0
committed=/sys/kernel/debug/daxfs/points/committed
free_blocks() { stat -f -c %f "$MNT"; }
expect_free() { # BLOCKS WHAT
    for _ in $(seq 20); do expect_eq "$(free_blocks)" "$1" "$2: free blocks"; done
}

# The root's tree, and a block of inodes.
touch "$MNT/a" "$MNT/file"
rm "$MNT/a"
empty=$(free_blocks)

/tests/bin/scatter "$MNT/file" 12000
[ "$(free_blocks)" -lt $((empty - 12000)) ] || fail "the file is smaller than that"
before=$(cat $stats/commits)
echo 'delay 30000' >$committed
rm "$MNT/file"
steps=$(($(cat $stats/commits) - before))
[ "$steps" -le 6 ] || fail "rm waited for $steps transactions"
expect_free "$empty" "after rm"
# All but the file's blocks and what it takes to fill the device.
fallocate -l $(((empty - 3000) * 4096)) "$MNT/large" || fail "the blocks were not to be had"
echo off >$committed
[ $(($(cat $stats/commits) - before)) -gt 20 ] || fail "that was no file of many extents"
rm "$MNT/large"
expect_free "$empty" "after another rm"

/tests/bin/scatter "$MNT/file" 12000
echo 'delay 30000' >$committed
rm "$MNT/file"
umount "$MNT"
echo off >$committed
fsck_clean
mount_fs
touch "$MNT/file"
expect_eq "$(free_blocks)" "$empty" "free blocks after the unmount"
unmount_check
