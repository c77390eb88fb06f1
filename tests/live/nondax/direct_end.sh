# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# module: points
# time: 180
# The end of direct writes: blocks are unwritten until their data is on the device, then one transaction converts them and
# moves the size; who frees or reuses them waits for that; an error reaches the writer.
mkfs.daxfs -q -f "$PMEM" 40M
mount_fs
spoil
remount dax=never
/tests/bin/direct_end unwritten "$MNT/file"
/tests/bin/direct_end waits "$MNT/file"
for when in together pieces before; do
    /tests/bin/direct_end $when "$MNT/$when"
    umount "$MNT"
    fsck.daxfs -p "$PMEM" >/dev/null || [ $? = 1 ] || fail "fsck.daxfs -p"
    mount_fs dax=never
    /tests/bin/direct_end $when-after "$MNT/$when"
done
unmount_check
