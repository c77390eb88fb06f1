# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 180
# Thousands of files come and go; inodes and blocks are all accounted for afterwards.
mount_fs
free_before=$(stat -f -c %f "$MNT")
mkdir "$MNT/d"
i=0
while [ $i -lt 3000 ]; do
    : >"$MNT/d/file-$i"
    i=$((i + 1))
done
expect_eq "$(find "$MNT/d" -type f | wc -l)" 3000 "files in the directory"
remount
expect_eq "$(find "$MNT/d" -type f | wc -l)" 3000 "files after the remount"
umount "$MNT"
fsck_clean
mount_fs
i=0
while [ $i -lt 3000 ]; do
    rm "$MNT/d/file-$i"
    i=$((i + 2))
done
expect_eq "$(find "$MNT/d" -type f | wc -l)" 1500 "files after every other was removed"
umount "$MNT"
fsck_clean
mount_fs
rm -r "$MNT/d"
# Blocks of inodes stay blocks of inodes.
free_after=$(stat -f -c %f "$MNT")
[ $((free_before - free_after)) -le 400 ] || fail "free blocks: $free_before before, $free_after after"
unmount_check
