# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# What a large file has behind its last 2 MiB keeps no huge page for itself.
mkfs.daxfs -q -f --ag-size 128M "$PMEM" 128M
mount_fs
/tests/bin/tails "$MNT" /sys/fs/daxfs/pmem0
unmount_check
