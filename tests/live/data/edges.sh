# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 180
# The last block of a file of 2^63 - 1 bytes is a block like any other, and what goes behind it is refused: through DAX,
# and through the page cache. What was said to be durable there is so after a stop at an instant.

mkfs.daxfs -q -f "$PMEM" 40M
mount_fs
spoil
for mode in always never; do
    remount "dax=$mode"
    files=$MNT/$mode
    mkdir "$files"
    /tests/bin/sizes edges "$files/edges"
    /tests/bin/sizes shift "$files/shift"
    /tests/bin/sizes direct "$files/direct"
    if [ $mode = always ]; then
        /tests/bin/sizes huge "$files/huge"
    else
        rm "$files"/*
        /tests/bin/sizes nospace "$files/nospace"
    fi
    /tests/bin/sizes keep "$files/keep"
    /tests/bin/shutdown "$MNT"
    umount "$MNT"
    fsck.daxfs -p "$PMEM" >/dev/null || [ $? = 1 ] || fail "fsck.daxfs -p"
    mount_fs "dax=$mode"
    /tests/bin/sizes kept "$files/keep"
    rm -r "$files"
done
unmount_check
