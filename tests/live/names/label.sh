# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# The label that mkfs gave, also after a new mount.
mkfs_mount -L made
/tests/bin/names label "$MNT"
remount ro,dax=always
/tests/bin/names label "$MNT"
unmount_check
