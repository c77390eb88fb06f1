# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 180
# Ten thousand files in one directory, listed, looked up, kept over a new mount, and removed: nothing is left behind.
mount_fs
mkdir "$MNT/big"
before=$(stat -f -c '%f' "$MNT")
/tests/bin/directory fill "$MNT/big" 10000
umount "$MNT"
fsck_clean
mount_fs
/tests/bin/directory drain "$MNT/big" 10000
rmdir "$MNT/big"
remount
# Blocks of inodes stay what they are: 10,000 inodes, in runs of 64.
after=$(stat -f -c '%f' "$MNT")
[ $((before - after)) -le 1264 ] || fail "$((before - after)) blocks are gone"
unmount_check
