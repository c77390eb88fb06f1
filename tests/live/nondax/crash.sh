# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 180
# A stop at an instant with much of the data still in the page cache: what was synced is there, sizes are what was
# written, and nothing of a block's earlier life comes to light.
mkfs.daxfs -q -f "$PMEM" 64M
mount_fs
spoil
for mode in never always; do
    remount dax=never
    mkdir "$MNT/$mode"
    # Nothing is written back but what the program asks for.
    echo 360000 >/proc/sys/vm/dirty_expire_centisecs
    echo 0 >/proc/sys/vm/dirty_writeback_centisecs
    /tests/bin/cached before "$MNT/$mode"
    /tests/bin/shutdown "$MNT"
    umount "$MNT"
    fsck_clean
    mount_fs "dax=$mode"
    /tests/bin/cached after "$MNT/$mode"
    unmount_check
    mount_fs
done
umount "$MNT"
