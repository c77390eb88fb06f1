# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Files that were unlinked but open when the filesystem went down are freed by the next mount, a read-only one too.
mount_fs
free_before=$(stat -f -c %f "$MNT")
dd if=/dev/urandom of="$MNT/file" bs=1M count=3 2>/dev/null
mkdir "$MNT/dir"
exec 8<"$MNT/file"
rm "$MNT/file"
/tests/bin/shutdown "$MNT"
expect_fail touch "$MNT/new" 2>/dev/null
exec 8<&-
umount "$MNT"
mount_fs ro
free_after=$(stat -f -c %f "$MNT")
[ $((free_before - free_after)) -le 17 ] || fail "free blocks, read-only: $free_before before, $free_after after"
mount -o remount,rw "$MNT"
rmdir "$MNT/dir"
free_after=$(stat -f -c %f "$MNT")
[ $((free_before - free_after)) -le 16 ] || fail "free blocks: $free_before before, $free_after after"
unmount_check
