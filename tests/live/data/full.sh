# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 300
# A write that fills the device keeps what fitted, a store gets SIGBUS, and all space comes back.
mkfs.daxfs -q -f "$PMEM" 128M
mount_fs
/tests/bin/sizes full "$MNT/file"
unmount_check
