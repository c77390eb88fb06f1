# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# fs: none
# time: 120
# A device is removed while a pipe refers to pages of a filesystem on it: the removal waits. Filesystems elsewhere, here on
# its other half, are unmounted meanwhile, and so is this one; sync(2) returns.
# shellcheck source=tests/live/device/lib
. /tests/device/lib

disk=$PMEM
# Two partitions of 256 MiB, from 2 MiB on.
{
    dd if=/dev/zero bs=1 count=446
    printf '\000\000\000\000\203\000\000\000\000\020\000\000\000\000\010\000'
    printf '\000\000\000\000\203\000\000\000\000\020\010\000\000\000\010\000'
    dd if=/dev/zero bs=1 count=32
    printf '\125\252'
} 2>/dev/null | dd of="$disk" bs=512 conv=fsync iflag=fullblock 2>/dev/null
blockdev --rereadpt "$disk"
mkfs.daxfs -q -f "${disk}p1"
mkfs.daxfs -q -f "${disk}p2"
mkdir -p /mnt1 /mnt2
mount -t daxfs "${disk}p2" /mnt2
# The one that was mounted last is told first.
mount -t daxfs "${disk}p1" /mnt1

hold_pages /mnt1/file
echo "$DEVICE" >$DRIVER/unbind &
removal=$!
log_says 'pmem0p1): the removal waits for 8 blocks'

# finishes COMMAND...: in ten seconds
finishes() {
    "$@" &
    for _ in $(seq 100); do
        [ -d /proc/$! ] || return 0
        sleep 0.1
    done
    fail "hangs: $*"
}
finishes umount /mnt2
grep -q ' /mnt2 ' /proc/mounts && fail "the other filesystem is still mounted"
umount /mnt1 &
unmount=$!
sleep 0.5
finishes sync
[ -d /proc/$removal ] || fail "the device is gone while a pipe refers to its pages"
kill $holder
wait $removal
wait $unmount
bind
dd if=/dev/zero of="$disk" bs=512 count=1 conv=fsync 2>/dev/null
blockdev --rereadpt "$disk"
