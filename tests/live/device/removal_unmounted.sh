# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 60
# A device is removed while an unmounting goes on in the background: the removal waits for the same pages, and then the
# device comes back as any other.
# shellcheck source=tests/live/device/lib
. /tests/device/lib

mount_fs
hold_pages "$MNT/file"
umount "$MNT" &
unmount=$!
log_says 'pmem0): unmounting waits for 8 blocks'
kill -9 $unmount
log_says 'pmem0): the unmounting goes on in the background'
# How many it waits for, though a file has them.
[ "$(cat /sys/fs/daxfs/pmem0/held_blocks)" = 8 ] || fail "the number of held blocks"
echo "$DEVICE" >$DRIVER/unbind &
removal=$!
log_says 'pmem0): the removal waits for 8 blocks'
sleep 1
[ -d /proc/$removal ] || fail "the device is gone while a pipe refers to its pages"
kill $holder
wait $removal
log_says 'pmem0): unmounted'
bind
mount_fs
unmount_check
# Nothing of it is left.
rmmod daxfs
modprobe daxfs
