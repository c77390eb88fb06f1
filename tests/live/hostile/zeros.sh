# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# fs: none
# A file's block of zeros that the inode map calls a block of inodes looks like eight free ones. When space is short it is
# no space that can be given back: the map alone makes no inode.
# shellcheck source=tests/live/hostile/lib
. /tests/hostile/lib

mkfs.daxfs -q -f "$PMEM" 48M
mount_fs
dd if=/dev/zero of="$MNT/zeros" bs=4k count=1 2>/dev/null
inode=$(stat -c %i "$MNT/zeros")
umount "$MNT"
block=$(damage get inode "$inode" $FORK_BLOCK 8)
damage bit inodes "$block" 1

mount_fs errors=continue
expect_fail dd if=/dev/zero of="$MNT/data" bs=64k 2>/dev/null
dmesg | grep -q "free inode: damaged (inode .*, block $block)" || fail "nobody saw that block $block holds no inodes"
umount "$MNT"
# Still the file's, and the inode map's.
expect_fail fsck.daxfs -n "$PMEM" >/tmp/fsck.out 2>&1
if grep -q "^\[50[12]\]" /tmp/fsck.out; then
    fail "the bitmap has changed: $(cat /tmp/fsck.out)"
fi
damage bit inodes "$block" 0
fsck.daxfs -p "$PMEM" >/dev/null || expect_eq $? 1 "fsck.daxfs -p"
fsck_clean
