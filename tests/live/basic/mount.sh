# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Mounting and unmounting, what /proc/mounts says, and clear refusals that write nothing.
mkfs.daxfs -q -f "$PMEM" 32M
device_sum() { dd if="$PMEM" bs=1M count=32 2>/dev/null | md5sum; }
mount_fs
grep -q "^$PMEM $MNT daxfs .*dax=always" /proc/mounts || fail "not mounted with dax=always"
expect_eq "$(stat -f -c %t "$MNT")" 50444658 "statfs type"
expect_eq "$(stat -f -c %l "$MNT")" 255 "statfs name length"
[ -d "$MNT/lost+found" ] || fail "no lost+found"
unmount_check

before=$(device_sum)
for options in dax=sometimes errors=panic nonsense norecovery; do
    expect_fail mount -t daxfs -o "$options" "$PMEM" "$MNT"
done
for options in errors=remount-ro errors=shutdown errors=continue dax ro ro,norecovery; do
    mount -t daxfs -o "$options" "$PMEM" "$MNT"
    umount "$MNT"
done
expect_eq "$(device_sum)" "$before" "device after mounts without a change"

# Another filesystem, a superblock with a flipped bit, one from the future.
dd if="$PMEM" of=/tmp/super bs=4096 count=1 2>/dev/null
dd if=/dev/zero of="$PMEM" bs=4096 count=1 conv=notrunc 2>/dev/null
expect_fail mount -t daxfs "$PMEM" "$MNT"
dmesg | grep -q "no daxfs filesystem here" || fail "no message about the missing filesystem"
dd if=/tmp/super of="$PMEM" bs=4096 count=1 conv=notrunc 2>/dev/null
printf '\377' | dd of="$PMEM" bs=1 seek=140 conv=notrunc 2>/dev/null
expect_fail mount -t daxfs "$PMEM" "$MNT"
dmesg | grep -q "superblock cannot be used: checksum" || fail "no message about the checksum"
dd if=/tmp/super of="$PMEM" bs=4096 count=1 conv=notrunc 2>/dev/null
printf '\001' | dd of="$PMEM" bs=1 seek=24 conv=notrunc 2>/dev/null
expect_fail mount -t daxfs "$PMEM" "$MNT"
dmesg | grep -q "unknown incompatible features" || fail "no message about the feature"
dd if=/tmp/super of="$PMEM" bs=4096 count=1 conv=notrunc 2>/dev/null
mount_fs
unmount_check
