# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 90
# Files without a name that were open when the filesystem stopped are freed by the next mount, all of them.
mount_fs
mkdir "$MNT/dir"
before=$(stat -f -c %f "$MNT")
inodes=$(stat -f -c %d "$MNT")
/tests/bin/names orphan "$MNT/dir"
umount "$MNT"
mount_fs
expect_eq "$(stat -f -c %d "$MNT")" "$inodes" "free inodes after recovery"
# Nobody has looked yet whether the youngest blocks of inodes are empty; the unmount gives those back that are.
lost=$((before - $(stat -f -c %f "$MNT")))
[ $lost -le 16 ] || fail "$lost blocks are lost after recovery"
rmdir "$MNT/dir"
unmount_check
