# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# module: points
# Two faults on one block, and a reader of a block that a fault is about to map: no store is lost, nobody sees a block
# that is mapped and not yet zeroed.
mkfs.daxfs -q -f "$PMEM" 64M
mount_fs
/tests/bin/race fault_under_fault "$MNT/file"
/tests/bin/race read_under_fault "$MNT/file"
unmount_check
