# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# fs: none
# time: 60
# Two filesystems on partitions of one device: it is gone when it is unbound, nobody keeps a reference.
# shellcheck source=tests/live/device/lib
. /tests/device/lib
grep -q " $TRACING " /proc/mounts || mount -t tracefs tracefs "$TRACING"
disk=$PMEM

clean_up() {
    echo 0 >"$TRACING/events/kprobes/enable"
    echo >"$TRACING/kprobe_events"
    [ -b "$disk" ] || echo "$DEVICE" >$DRIVER/bind
    umount /tmp/beside 2>/dev/null || :
    rmdir /tmp/beside 2>/dev/null || :
    umount_if_mounted
    dd if=/dev/zero of="$disk" bs=512 count=1 conv=fsync 2>/dev/null
    blockdev --rereadpt "$disk"
}

# 128 MiB from 1 MiB on, and as much behind.
{
    dd if=/dev/zero bs=1 count=446
    printf '\000\000\000\000\203\000\000\000\000\010\000\000\000\000\004\000'
    printf '\000\000\000\000\203\000\000\000\000\010\004\000\000\000\004\000'
    dd if=/dev/zero bs=1 count=32
    printf '\125\252'
} 2>/dev/null | dd of="$disk" bs=512 conv=fsync iflag=fullblock 2>/dev/null
blockdev --rereadpt "$disk"
echo 'p:dax_is_gone dax_free_inode' >"$TRACING/kprobe_events"
trap clean_up EXIT
echo 1 >"$TRACING/events/kprobes/enable"
: >"$TRACING/trace"

mkfs.daxfs -q -f "${disk}p1"
mkfs.daxfs -q -f "${disk}p2"
mkdir -p /tmp/beside
mount -t daxfs "${disk}p1" "$MNT"
mount -t daxfs "${disk}p2" /tmp/beside
umount "$MNT"
# The one that is left is told of what happens to the device.
mount -t daxfs "${disk}p1" "$MNT"
umount "$MNT"
umount /tmp/beside
expect_fail grep dax_is_gone "$TRACING/trace"
echo "$DEVICE" >$DRIVER/unbind
for _ in $(seq 50); do
    ! grep -q dax_is_gone "$TRACING/trace" || break
    sleep 0.1
done
grep -q dax_is_gone "$TRACING/trace" || fail "somebody keeps the dax device"
bind
