# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 90
# Files without a name that were open when the filesystem stopped are freed by the next mount, all of them.
mount_fs
mkdir "$MNT/dir"
before=$(stat -f -c '%f %d' "$MNT")
/tests/bin/names orphan "$MNT/dir"
umount "$MNT"
mount_fs
# Blocks of inodes that nobody has looked into since the stop come back for who asks for more than there is.
expect_fail fallocate -l 1024G "$MNT/all" 2>/dev/null
rm -f "$MNT/all"
expect_eq "$(stat -f -c '%f %d' "$MNT")" "$before" "free blocks and inodes after recovery"
rmdir "$MNT/dir"
unmount_check
