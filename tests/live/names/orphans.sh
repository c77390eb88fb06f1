# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 90
# Files without a name that were open when the filesystem stopped are freed by the next mount, all of them.
mount_fs
mkdir "$MNT/dir"
# So that the blocks of inodes exist in both counts.
/tests/bin/directory fill "$MNT/dir" 200
/tests/bin/directory drain "$MNT/dir" 200
before=$(stat -f -c '%f %d' "$MNT")
/tests/bin/names orphan "$MNT/dir"
umount "$MNT"
mount_fs
expect_eq "$(stat -f -c '%f %d' "$MNT")" "$before" "free blocks and inodes after recovery"
rmdir "$MNT/dir"
unmount_check
