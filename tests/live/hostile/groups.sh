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

# A group that nobody is known to use says that it holds something. Directories go elsewhere; it is damage where space of it
# is needed.
make_same() { SOURCE_DATE_EPOCH=1767225600 mkfs.daxfs -q -f --ag-size 32M -U 3c2f6a1e-7d1b-4c55-9a55-0f3d1c5b7e01 "$PMEM" 256M; }
make_same
mount_fs
fallocate -l 60M "$MNT/file"
[ "$(ags)" -gt 1 ] || fail "60 MiB are in one group of 32 MiB"
umount "$MNT"
header=$((8192 + 3))
dd if="$PMEM" of=/tmp/header bs=4k skip=$header count=1 2>/dev/null
make_same
mount_fs
dd if=/tmp/header of="$PMEM" bs=4k seek=$header conv=notrunc oflag=direct 2>/dev/null
for i in 1 2 3 4 5 6; do
    mkdir "$MNT/dir$i" || fail "a directory beside a group that holds something"
done
expect_eq "$(ags)" 1 "groups in use"
expect_fail dd if=/dev/zero of="$MNT/file" bs=1M count=60 2>/dev/null
dmesg | grep -q "group 1 holds something already" || fail "the damage was not told"
umount "$MNT"
