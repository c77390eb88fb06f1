# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Inode flags do what they say and outlive the mount.
mount_fs
/tests/bin/names flags "$MNT"
remount
/tests/bin/names flags-kept "$MNT"
unmount_check
