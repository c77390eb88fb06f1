# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 240
# Where nothing fits the search for space gives up after as much as on a small device: in many small groups, and in one
# large group.
limit=200

# search SIZE GROUP
search() {
    mkfs.daxfs -q -f --ag-size "$2" "$PMEM" "$1"
    mount_fs
    /tests/bin/search "$MNT" /sys/fs/daxfs/pmem0 $limit || fail "$1 in groups of $2"
    umount "$MNT"
    fsck_clean
}

search 64M 32M
search 1000M 16M
search 1000M 1G
