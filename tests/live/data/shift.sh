# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 180
# Collapse and insert: what is refused, what moves, and what that does to mappings, extents and blocks past the end.
mount_fs
/tests/bin/shift cases "$MNT/cases"
free_before=$(stat -f -c %f "$MNT")

# is STATE WHAT
is() {
    expect_eq "$(/tests/bin/shift check "$MNT/file" 3000)" "$1" "$2"
}

/tests/bin/shift make "$MNT/file" 3000
sectors=$(stat -c %b "$MNT/file")
/tests/bin/shift loop "$MNT/file" 3
is made "inserted and collapsed again"
/tests/bin/shift race "$MNT/file" 3000 40
is made "after a race of mappings with inserts"
/tests/bin/shift run "$MNT/file" insert >/dev/null
is inserted insert
remount
is inserted "insert, after a new mount"
/tests/bin/shift run "$MNT/file" collapse >/dev/null
is made "the hole collapsed"
/tests/bin/shift run "$MNT/file" collapse >/dev/null
is collapsed collapse
remount
is collapsed "collapse, after a new mount"
# 38 of the 3000 blocks lie in the range.
freed=$((sectors - $(stat -c %b "$MNT/file")))
[ "$freed" -ge $((38 * 8)) ] || fail "collapse freed $freed sectors"
rm "$MNT/cases" "$MNT/file"
free_after=$(stat -f -c %f "$MNT")
[ "$free_before" -le $((free_after + 8)) ] || fail "free blocks: $free_before before, $free_after after"
unmount_check

# Neither call needs space, but for the two extents that it cuts apart.
mkfs.daxfs -q -f "$PMEM" 128M
mount_fs
/tests/bin/shift make "$MNT/file" 3000
expect_fail dd if=/dev/zero of="$MNT/fill" bs=1M 2>/dev/null
expect_fail dd if=/dev/zero of="$MNT/fill2" bs=4k 2>/dev/null
/tests/bin/shift loop "$MNT/file" 2
is made "inserted and collapsed on a full device"
/tests/bin/shift run "$MNT/file" collapse >/dev/null
is collapsed "collapse on a full device"
unmount_check
