# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Files that programs replace without fsync, by rename and by truncation: after a power cut they hold the new content.
for mode in never inode always; do
    mount_fs "dax=$mode"
    # Nothing is written back by itself.
    echo 360000 >/proc/sys/vm/dirty_expire_centisecs
    echo 0 >/proc/sys/vm/dirty_writeback_centisecs
    mkdir "$MNT/$mode"
    /tests/bin/replace before "$MNT/$mode"
    /tests/bin/shutdown "$MNT"
    umount "$MNT"
    fsck_clean
    mount_fs "dax=$mode"
    /tests/bin/replace after "$MNT/$mode"
    unmount_check
done
