# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 60
# module: points
# A block of inodes that was empty is about to be given back, while somebody who has seen it before makes a file there, and
# deletes it: no damage.
points=/sys/kernel/debug/daxfs/points

mount_fs
: >"$MNT/large"
# The root's block is full then, and the next one that has free inodes is empty.
i=0
while [ $i -lt 40 ]; do
    : >"$MNT/file$i"
    i=$((i + 1))
done
first=$(($(stat -c %i "$MNT/file15") / 8))
while [ $i -gt 0 ]; do
    i=$((i - 1))
    [ $(($(stat -c %i "$MNT/file$i") / 8)) != $first ] || rm "$MNT/file$i"
done
# fallocate(1) would want the directory.
echo park >$points/claim
touch "$MNT/new" &
creating=$!
await_parked $points/claim $creating
# There is no space for this: empty blocks of inodes are given back.
echo park >$points/leaving
/tests/bin/errors allocate "$MNT/large" 0 262144 >/tmp/large &
wanting=$!
await_parked $points/leaving $wanting
echo go >$points/claim
wait $creating || fail "create"
expect_eq $(($(stat -c %i "$MNT/new") / 8)) "$first" "the block of the new inode"
echo park >$points/promised
echo go >$points/leaving
await_parked $points/promised $wanting
rm "$MNT/new"
echo go >$points/promised
wait $wanting || fail "errors"
expect_eq "$(cat /tmp/large)" "No space left on device" "1 GiB"
! dmesg | grep "daxfs.*damage" || fail "damage"
touch "$MNT/after" || fail "the filesystem is read-only"
unmount_check
