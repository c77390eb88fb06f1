# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 400
# A file of thousands of extents: its tree grows, joins, empties and goes, and the blocks come back.
mount_fs
/tests/bin/sizes tree "$MNT/file"
unmount_check
