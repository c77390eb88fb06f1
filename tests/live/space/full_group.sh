# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# A directory whose group is full of data: its files share blocks of inodes in other groups, and each costs what an inode
# and a name do.
ags() { cat /sys/fs/daxfs/pmem0/initialised_ags; }
free_blocks() { stat -f -c %f "$MNT"; }

mkfs.daxfs -q -f "$PMEM" 128M
mount_fs
# Each in a group of its own: both are full when the third opens.
mkdir "$MNT/d" "$MNT/e"
expect_eq "$(ags)" 2 "groups in use at first"
while [ "$(ags)" -lt 3 ]; do
    dd if=/dev/zero bs=1M count=4 2>/dev/null >>"$MNT/data"
done
before=$(free_blocks)
/tests/bin/inodes create "$MNT/d" 0 3000
each=$(((before - $(free_blocks)) * 4096 / 3000))
[ $each -le 640 ] || fail "an empty file costs $each bytes"

# Another directory finds the free inodes that are left, and those that come back.
before=$(free_blocks)
/tests/bin/inodes remove "$MNT/d" 0 1000
/tests/bin/inodes create "$MNT/e" 0 1000
each=$(((before - $(free_blocks)) * 4096 / 1000))
[ $each -le 128 ] || fail "an empty file costs $each bytes while there are free inodes"
unmount_check
