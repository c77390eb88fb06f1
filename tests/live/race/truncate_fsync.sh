# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# module: points
# The times of a file that is being truncated are stored by somebody else, before the truncate has begun on the device: the
# new size must not go with them, for nothing of the blocks behind it has. The power goes then.
POINT=/sys/kernel/debug/daxfs/points/unmapped
mount_fs
dd if=/dev/urandom of="$MNT/file" bs=4k count=4 2>/dev/null
ino=$(stat -c %i "$MNT/file")
cp "$MNT/file" /tmp/before
# A read makes the time of the last one dirty.
touch -a -d 2020-01-01 "$MNT/file"
cat "$MNT/file" >/dev/null
echo "delay 600000" >$POINT
truncate -s 4096 "$MNT/file" &
sleep 0.2
dd if=/dev/null of="$MNT/file" conv=notrunc,fsync 2>/dev/null || fail "fsync"
/tests/bin/shutdown "$MNT"
! wait $! || fail "the truncate went through"
echo off >$POINT
umount "$MNT"
mount_fs
expect_eq "$(stat -c %s "$MNT/file")" 16384 "size of inode $ino"
cmp "$MNT/file" /tmp/before || fail "contents"
year=$(stat -c %x "$MNT/file")
[ "${year%%-*}" != 2020 ] || fail "nobody stored the times meanwhile: nothing was tested"
unmount_check
