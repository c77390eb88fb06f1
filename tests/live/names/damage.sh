# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# fs: none
# Directories whose nodes are damaged are refused with EUCLEAN, in whatever way they are damaged; nothing breaks.
for kind in 0 1 2 3 4 5 6; do
    mkfs_mount
    mkdir "$MNT/dir"
    /tests/bin/directory fill "$MNT/dir" 100
    umount "$MNT"
    /tests/bin/directory damage "$PMEM" $kind
    mount_fs
    /tests/bin/directory refused "$MNT"
    expect_fail ls "$MNT/dir"
    umount "$MNT"
    expect_fail fsck.daxfs -n "$PMEM" >/dev/null
done
