# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# The label is changed as a whole, outlives the mount, and tools that look at the device see it at once.
mkfs_mount -L made
dd if="$PMEM" bs=4096 count=1 2>/dev/null | grep -q made || fail "the label of mkfs is not on the device"
/tests/bin/names label "$MNT"
dd if="$PMEM" bs=4096 count=1 2>/dev/null | grep -q 'Gr.* llll' || fail "the device's page cache has the old label"
remount ro,dax=always
/tests/bin/names label-kept "$MNT"
unmount_check
