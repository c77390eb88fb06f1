# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# fs: none
# tool: mkfs.ext4
# The ground that daxfs's tests stand on: the emulated device does DAX for a filesystem that is known to work.
mkfs.ext4 -q -F -b 4096 "$PMEM"
mount -t ext4 -o dax=always "$PMEM" "$MNT"
grep -q "^$PMEM $MNT ext4 .*dax=always" /proc/mounts || fail "not mounted with dax=always"
echo hello >"$MNT/file"
umount "$MNT"
mount -t ext4 -o dax=always "$PMEM" "$MNT"
expect_eq "$(cat "$MNT/file")" hello "contents after a new mount"
