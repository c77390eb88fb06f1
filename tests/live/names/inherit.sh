# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Set-group-ID and umask on new inodes; devices, FIFOs and sockets keep what they are.
mount_fs
/tests/bin/names inherit "$MNT"
/tests/bin/directory ls "$MNT" >/tmp/before
remount
/tests/bin/directory ls "$MNT" >/tmp/after
cmp /tmp/before /tmp/after || fail "something changed with a new mount"
unmount_check
