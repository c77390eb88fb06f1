# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# Asynchronous direct I/O, by libaio's system calls and by io_uring's; the same through DAX.
for mode in never always; do
    mount_fs "dax=$mode"
    /tests/bin/async_io aio "$MNT/aio-$mode"
    [ "$(cat /proc/sys/kernel/io_uring_disabled 2>/dev/null || echo 0)" = 0 ] || echo 0 >/proc/sys/kernel/io_uring_disabled
    /tests/bin/async_io uring "$MNT/uring-$mode"
    umount "$MNT"
done
mount_fs dax=inode
sum=$(md5sum <"$MNT/aio-never")
for file in "$MNT"/*-*; do
    expect_eq "$(md5sum <"$file")" "$sum" "$file"
done
unmount_check
