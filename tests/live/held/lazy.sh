# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 90
# The last user of a filesystem that was detached unmounts it in his exit, where no signal ends the waiting: he waits for half
# a minute, and the unmounting goes on without him. Nobody else gets the device before the pipe has let go of its pages.
mount_fs
/tests/bin/held lazy "$PMEM" "$MNT" "$MNT/file" /sys/fs/daxfs/pmem0
dmesg | grep -q 'daxfs (pmem0): the unmounting goes on in the background: .* refers to 8 blocks (the first is block [1-9]' ||
    fail "the log does not tell of an unmounting in the background"
unmount_check
