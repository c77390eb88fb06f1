# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 60
# Unmounting waits for pages that a pipe refers to, whether the file still has the blocks or not, and says what for.
# Nobody else waits with it.
mount_fs
/tests/bin/held umount "$PMEM" "$MNT" "$MNT/file"
dmesg | grep -q 'daxfs (pmem0): unmounting waits for 8 blocks (the first is block [1-9]' || fail "the log does not tell what is waited for"
unmount_check
