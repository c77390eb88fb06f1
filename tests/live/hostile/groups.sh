# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# fs: none
# An older copy of the superblock that was put back counts fewer groups than are in use. The mount counts on, nothing is
# initialised over what lives there, and fsck.daxfs says so and puts the number right.
ags() { cat /sys/fs/daxfs/pmem0/initialised_ags; }
mkfs.daxfs -q -f --ag-size 32M "$PMEM" 256M
dd if="$PMEM" of=/tmp/super bs=4k count=1 2>/dev/null
mount_fs
i=0
while [ $i -lt 12 ]; do
    dd if=/dev/urandom of="$MNT/f$i" bs=1M count=9 2>/dev/null
    i=$((i + 1))
done
used=$(ags)
[ "$used" -gt 2 ] || fail "108 MiB are in $used groups of 32 MiB"
(cd "$MNT" && md5sum f*) >/tmp/sums
umount "$MNT"

dd if=/tmp/super of="$PMEM" bs=4k conv=notrunc 2>/dev/null
expect_fail fsck.daxfs -n "$PMEM" >/tmp/fsck.out
grep -q "counts 1 allocation groups in use, but there are $used" /tmp/fsck.out || fail "$(cat /tmp/fsck.out)"
mount_fs
expect_eq "$(ags)" "$used" "groups after the superblock was put back"
spoil
(cd "$MNT" && md5sum -c -s /tmp/sums) || fail "files were overwritten"
unmount_check

# The same for fsck.daxfs alone.
dd if=/tmp/super of="$PMEM" bs=4k conv=notrunc 2>/dev/null
fsck.daxfs -p "$PMEM" >/tmp/fsck.out || [ $? = 1 ] || fail "$(cat /tmp/fsck.out)"
fsck_clean
mount_fs
(cd "$MNT" && md5sum -c -s /tmp/sums) || fail "files after fsck.daxfs -p"
unmount_check
