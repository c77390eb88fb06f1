#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# In the guest: mounts a copy of each image, which recovers it, reads it and goes on working. Given EXTENTS, the file that
# shifts.sh works on is as before or as after one of its calls. Usage: recover.sh DIRECTORY [EXTENTS]
file_is_whole() {
    [ -z "$1" ] || /share3/shift check /mnt/file "$1"
}

for image in "$1"/*.img; do
    dd if="$image" of=/dev/pmem0 bs=1M conv=notrunc 2>/dev/null
    if mount -t daxfs /dev/pmem0 /mnt && find /mnt -type f -exec cat {} + >/dev/null && file_is_whole "${2:-}" &&
        touch /mnt/after && rm /mnt/after && umount /mnt && fsck.daxfs -n /dev/pmem0; then
        echo "ok $image"
    else
        echo "not ok $image"
        dmesg -c | tail -n 10
        umount /mnt 2>/dev/null
    fi
done
