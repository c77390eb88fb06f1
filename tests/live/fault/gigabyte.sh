# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 60
# A mapping that a 1 GiB page would fit: that attempt begins nothing, the 2 MiB page after it takes one transaction.
mount_fs
/tests/bin/fault gigabyte "$MNT/file" /sys/fs/daxfs/pmem0
unmount_check
