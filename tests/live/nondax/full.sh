# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# A full device: write(2) and stores say so at once, and writeback has the space that it was promised.
mkfs.daxfs -q -f "$PMEM" 40M
mount_fs dax=never
free=$(stat -f -c %f "$MNT")
/tests/bin/cached full "$MNT/file"
sync -f "$MNT"
rm "$MNT"/file*
[ $((free - $(stat -f -c %f "$MNT"))) -le 16 ] || fail "free blocks: $free before, $(stat -f -c %f "$MNT") after"
unmount_check
