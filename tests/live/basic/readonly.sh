# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Read-only mounts change nothing; a remount makes them writable, and back.
mkfs.daxfs -q -f "$PMEM" 32M
device_sum() { dd if="$PMEM" bs=1M count=32 2>/dev/null | md5sum; }
mount_fs
echo text >"$MNT/file"
umount "$MNT"
before=$(device_sum)
mount_fs ro
grep -q "^$PMEM $MNT daxfs ro" /proc/mounts || fail "not read-only in /proc/mounts"
expect_eq "$(cat "$MNT/file")" text "contents"
expect_fail touch "$MNT/new" 2>/dev/null
expect_fail rm "$MNT/file" 2>/dev/null
expect_fail sh -c "echo x >>$MNT/file" 2>/dev/null
expect_fail chmod 600 "$MNT/file" 2>/dev/null
umount "$MNT"
expect_eq "$(device_sum)" "$before" "device after a read-only mount"

mount_fs ro
mount -o remount,rw "$MNT"
echo more >>"$MNT/file"
expect_fail mount -o remount,ro,norecovery "$MNT" 2>/dev/null
mount -o remount,ro "$MNT"
expect_fail touch "$MNT/new" 2>/dev/null
mount -o remount,rw,errors=continue "$MNT"
grep -q "errors=continue" /proc/mounts || fail "the remount did not change errors="
rm "$MNT/file"
umount "$MNT"
fsck_clean

mount_fs ro,norecovery
expect_fail mount -o remount,rw "$MNT" 2>/dev/null
umount "$MNT"

blockdev --setro "$PMEM"
mount_fs ro
[ -d "$MNT/lost+found" ] || fail "no lost+found on a read-only device"
expect_fail mount -o remount,rw "$MNT" 2>/dev/null
umount "$MNT"
blockdev --setrw "$PMEM"
