# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# tool: mkfs.ext4
# fs: none
# A file that becomes immutable while it is open and mapped: every call and store gets what it gets on ext4 in the page
# cache, through DAX too (where ext4 lets stores through).
mkfs.ext4 -q -F -b 4096 "$PMEM"
mount -t ext4 "$PMEM" "$MNT"
/tests/bin/immutable "$MNT/file" >/tmp/ext4
umount "$MNT"
grep -q '^write: Operation not permitted' /tmp/ext4 || fail "ext4 is no example"
for mode in never always; do
    mkfs.daxfs -q -f "$PMEM"
    mount_fs "dax=$mode"
    /tests/bin/immutable "$MNT/file" >/tmp/daxfs
    diff /tmp/ext4 /tmp/daxfs || fail "other than ext4 (dax=$mode)"
    unmount_check
done
