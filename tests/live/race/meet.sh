# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# module: points
# Two who read a directory, or a file with a tree, for the first time in a mount, at one time: the second one finds that the
# node is known by the time that he has verified it.
POINT=/sys/kernel/debug/daxfs/points/meet
mount_fs
mkdir "$MNT/dir"
i=0
while [ $i -lt 20 ]; do
    : >"$MNT/dir/name$i"
    echo "extent $i" | dd of="$MNT/file" bs=4k seek=$((i * 2)) conv=notrunc 2>/dev/null
    i=$((i + 1))
done
remount errors=continue
echo "delay 400000" >$POINT
for command in "stat $MNT/dir/name1" "dd if=$MNT/file bs=4k skip=8 count=1"; do
    $command >/tmp/first 2>&1 &
    first=$!
    sleep 0.2
    $command >/tmp/second 2>&1 || fail "$command, second: $(cat /tmp/second)"
    wait $first || fail "$command, first: $(cat /tmp/first)"
done
echo off >$POINT
unmount_check
