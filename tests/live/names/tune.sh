# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# tune.daxfs changes label, UUID and reserve of an unmounted device, and the kernel sees all of it; a mounted one is refused.
# daxfs-info tells of the device and of the mount point the same.
uuid=12345678-9abc-def0-1234-56789abcdef0
mkfs_mount -L made
echo content >"$MNT/file"
available=$(stat -f -c %a "$MNT")
expect_fail tune.daxfs -L other "$PMEM" 2>/tmp/refused
grep -q "tune.daxfs: $PMEM: mounted on $MNT; unmount it first" /tmp/refused || fail "tune.daxfs says: $(cat /tmp/refused)"
daxfs-info "$MNT" >/tmp/info || fail "daxfs-info ends with $?: $(cat /tmp/info)"
grep -q "^$MNT on $PMEM$" /tmp/info || fail "the mount point does not lead to the device"
grep -q "  in use      mounted on $MNT$" /tmp/info || fail "not said to be mounted"
grep -q '  label       made$' /tmp/info || fail "another label"
grep -q '  huge pages  yes: ' /tmp/info || fail "no huge pages: $(grep 'huge pages' /tmp/info)"
umount "$MNT"

tune.daxfs -L tuned -U $uuid --reserve 64M "$PMEM"
fsck_clean
daxfs-info "$PMEM" >/tmp/info || fail "daxfs-info ends with $?: $(cat /tmp/info)"
grep -q "  UUID        $uuid$" /tmp/info || fail "another UUID: $(cat /tmp/info)"
grep -q '  reserved    64 MiB for root$' /tmp/info || fail "another reserve: $(cat /tmp/info)"
mount_fs
case $(/tests/bin/identity "$MNT") in
"$uuid "*" tuned") ;;
*) fail "the kernel says: $(/tests/bin/identity "$MNT")" ;;
esac
expect_eq "$(cat "$MNT/file")" content "contents"
[ "$(stat -f -c %a "$MNT")" -lt "$available" ] || fail "the reserve is not kept"
unmount_check
