# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# module: points
# Two faults on one block, a reader of a block that a fault is about to map, and a writer of one that a fault has mapped to
# the file and not yet to memory: no store is lost, nobody sees a block that is not zeroed, or zeros that were there before.
mkfs.daxfs -q -f "$PMEM" 64M
mount_fs
/tests/bin/race fault_under_fault "$MNT/file"
/tests/bin/race read_under_fault "$MNT/file"
/tests/bin/race write_behind_fault "$MNT/file"
unmount_check
