# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Files that programs replace without fsync, by rename and by truncation: after a power cut they hold the new content.
for mode in never inode always; do
    mount_fs "dax=$mode"
    # Nothing is written back by itself.
    echo 360000 >/proc/sys/vm/dirty_expire_centisecs
    echo 0 >/proc/sys/vm/dirty_writeback_centisecs
    mkdir "$MNT/$mode"
    # A daemon that may write to a file, and goes on, keeps nobody's new content back.
    echo old >"$MNT/$mode/held"
    exec 5<>"$MNT/$mode/held"
    /tests/bin/replace before "$MNT/$mode"
    echo new content >"$MNT/$mode/held"
    /tests/bin/shutdown "$MNT"
    exec 5>&-
    umount "$MNT"
    fsck_clean
    mount_fs "dax=$mode"
    /tests/bin/replace after "$MNT/$mode"
    expect_eq "$(cat "$MNT/$mode/held")" "new content" "what was written while a daemon had the file open, dax=$mode"
    unmount_check
done
