# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# fs: none
# time: 120
# module: points
# Damage that only the unmounting meets, where it frees what a file without a name left, is noted for the mounts to come.
POINT=/sys/kernel/debug/daxfs/points/committed

mkfs_mount
/tests/bin/shift make "$MNT/big" 8000
big=$(stat -c %i "$MNT/big")
umount "$MNT"
/tests/bin/damage "$PMEM" leaf "$big" 0
mount_fs
# The worker that frees the blocks comes to the first leaf last, long after the unmounting has begun.
echo "delay 400000" >$POINT
rm "$MNT/big"
dmesg -c >/dev/null
umount "$MNT"
echo off >$POINT
dmesg | grep -q 'daxfs (pmem0): damage: ' || fail "the unmounting met no damage"
dmesg | grep -q 'daxfs (pmem0): read-only from here on' || fail "the damage was not acted on"
/tests/bin/damage "$PMEM" leaf "$big" 0
dmesg -c >/dev/null
mount_fs ro
mount -o remount,rw "$MNT"
dmesg | grep -q 'damage was found earlier' || fail "the damage was not noted"
umount "$MNT"
fsck.daxfs -p "$PMEM" >/dev/null || [ $? = 1 ] || fail "fsck.daxfs -p"
fsck_clean
