# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 60
# A frozen filesystem: stores to new pages, to holes and to write-protected pages wait for the thaw.
mount_fs
/tests/bin/fault freeze "$MNT/file" /sys/fs/daxfs/pmem0
unmount_check
