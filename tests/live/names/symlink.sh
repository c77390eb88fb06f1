# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Targets in the inode and in a block of their own; they outlive the mount.
mount_fs
/tests/bin/names symlink "$MNT"
/tests/bin/directory ls "$MNT" >/tmp/before
remount
/tests/bin/directory ls "$MNT" >/tmp/after
cmp /tmp/before /tmp/after || fail "symlinks changed with a new mount"
unmount_check
