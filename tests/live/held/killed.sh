# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 60
# Whoever unmounts is killed while a pipe refers to pages: the unmounting goes on without him, and says so. Until nobody
# refers to them the device is in use and so is the module; then it is mounted as any other.
mount_fs
/tests/bin/held killed "$PMEM" "$MNT" "$MNT/file" /sys/fs/daxfs/pmem0
[ "$(dmesg | grep -c 'daxfs (pmem0): the unmounting goes on in the background: .* refers to 8 blocks (the first is block [1-9]')" = 2 ] ||
    fail "the log does not tell of an unmounting in the background"
unmount_check
