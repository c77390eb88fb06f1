#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# In the guest: mounts a copy of each image, which recovers it, reads it and goes on working. Usage: recover.sh DIRECTORY
for image in "$1"/*.img; do
    dd if="$image" of=/dev/pmem0 bs=1M conv=notrunc 2>/dev/null
    if mount -t daxfs /dev/pmem0 /mnt && find /mnt -type f -exec cat {} + >/dev/null && touch /mnt/after &&
        rm /mnt/after && umount /mnt && fsck.daxfs -n /dev/pmem0; then
        echo "ok $image"
    else
        echo "not ok $image"
        dmesg -c | tail -n 10
        umount /mnt 2>/dev/null
    fi
done
