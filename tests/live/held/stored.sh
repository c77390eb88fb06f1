# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# Direct I/O that was under way during an fsync(2) stores to its pages behind it, by no fault: the next fsync(2) flushes that,
# whatever the file went through in between.
mount_fs
modprobe fuse 2>/dev/null || : # or built in
/tests/bin/held stored /tmp/slow "$MNT" /sys/fs/daxfs/pmem0
unmount_check
