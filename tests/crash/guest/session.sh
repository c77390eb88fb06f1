#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# In the guest: for each line "TRACE MODULE IMAGE CASES..." of /share/jobs the module, the filesystem, and the cases.
# MODULE is a file of /share, or - for the one that is loaded; IMAGE is a file of /share. With the cases "recover" the
# filesystem is mounted while it is recorded. Says "done TRACE" after each.
while read -r trace module image cases; do
    if [ "$module" != - ]; then
        rmmod daxfs 2>/dev/null
        insmod "/share/$module" || exit 3
    fi
    dd if="/share/$image" of=/dev/pmem0 bs=1M conv=fsync 2>/dev/null
    blockdev --flushbufs /dev/pmem0
    [ "$cases" = recover ] || mount -t daxfs -o dax=always,noatime /dev/pmem0 /mnt || exit 4
    # shellcheck disable=SC2086
    /crash/cases /mnt "$trace" $cases || exit 5
    umount /mnt
    echo "done $trace"
done </share/jobs
