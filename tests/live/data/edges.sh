# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# The last block of a file of 2^63 - 1 bytes is a block like any other, and what goes behind it is refused.
mount_fs
/tests/bin/sizes edges "$MNT/file"
unmount_check
