# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 240
# Pages that somebody holds (a pipe, a socket, direct I/O under way, ...) while their file loses the blocks, in every way:
# they are out of everybody's reach until he lets go, and free then.
mkfs.daxfs -q -f "$PMEM" 20M
mount_fs
before=$(cat /sys/fs/daxfs/pmem0/free_blocks)
modprobe fuse 2>/dev/null || : # or built in
/tests/bin/held all /tmp/slow "$MNT" /sys/fs/daxfs/pmem0
umount "$MNT"
fsck_clean
mount_fs
# What is left of the inodes that were made may have taken blocks.
after=$(cat /sys/fs/daxfs/pmem0/free_blocks)
[ "$after" -ge $((before - 64)) ] || fail "of $before free blocks $after are left"
unmount_check
