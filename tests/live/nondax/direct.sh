# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 180
# Direct I/O: alignment, append, holes, conversion, parts of blocks, errors, beside buffered reads, on a full device.
mkfs.daxfs -q -f "$PMEM" 40M
mount_fs
spoil
remount dax=never
/tests/bin/direct basic "$MNT/basic"
/tests/bin/direct race "$MNT/race"
/tests/bin/direct fails "$MNT/fails"
/tests/bin/direct inside "$MNT/inside"
remount dax=inode
expect_eq "$(stat -c %s "$MNT/inside")" 512 "size after another mount"
md5sum "$MNT/basic" "$MNT/race" >/tmp/sums
remount dax=always
md5sum -c -s /tmp/sums || fail "contents through DAX"
unmount_check
mkfs.daxfs -q -f "$PMEM" 40M
mount_fs dax=never
free=$(stat -f -c %f "$MNT")
/tests/bin/direct full "$MNT/full"
rm "$MNT/full"
[ $((free - $(stat -f -c %f "$MNT"))) -le 16 ] || fail "free blocks: $free before, $(stat -f -c %f "$MNT") after"
unmount_check
