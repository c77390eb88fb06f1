# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# What statfs reports moves by what files take, and survives a remount.
mount_fs
free() { stat -f -c %f "$MNT"; }
: >"$MNT/file" # inodes of the directory's chunk, and its first leaf
a=$(free)
dd if=/dev/zero of="$MNT/file" bs=1M count=8 conv=notrunc 2>/dev/null
b=$(free)
expect_eq $((a - b)) 2048 "blocks taken by 8 MiB"
expect_eq "$(stat -c %b "$MNT/file")" $((8 * 2048)) "blocks of the file in 512 bytes"
remount
expect_eq "$(free)" "$b" "free blocks after a remount"
: >"$MNT/file"
expect_eq "$(free)" "$a" "free blocks after the truncate"
total=$(stat -f -c %b "$MNT")
[ "$a" -lt "$total" ] || fail "more free than there is"
[ "$(stat -f -c %a "$MNT")" -lt "$a" ] || fail "nothing is kept for root"
[ "$(stat -f -c %d "$MNT")" -le "$(stat -f -c %c "$MNT")" ] || fail "more free inodes than inodes"
unmount_check
