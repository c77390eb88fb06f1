# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 90
# fs: none
# Metadata that changes between two loads. An image says that blocks of a file are nodes of an extent tree and of a
# directory's tree; an ordinary program maps the file and stores to them while others work with the trees.
# shellcheck source=tests/live/hostile/lib
. /tests/hostile/lib

mkfs_mount
mkdir "$MNT/names"
i=0
while [ $i -lt 40 ]; do
    : >"$MNT/names/$(printf '%0100d' $i)"
    echo x | dd of="$MNT/tree" bs=4k seek=$((i * 3)) conv=notrunc 2>/dev/null
    i=$((i + 1))
done
ln -s "$(printf '%0300d' 7)" "$MNT/link"
# Three extents: one for each tree's first leaf, one for the symbolic link's block.
for i in 0 1 2; do
    echo x | dd of="$MNT/window" bs=4k seek=$i conv=notrunc 2>/dev/null
    : >"$MNT/between"
    echo x >"$MNT/between$i"
done
window=$(stat -c %i "$MNT/window")
set -- "$(stat -c %i "$MNT/tree")" "$(stat -c %i "$MNT/names")" "$(stat -c %i "$MNT/link")"
umount "$MNT"
i=0
for ino in "$@"; do
    # file block, disk block, length, state
    damage put inode "$window" $((160 + 24 * i)) 8 $i
    damage put inode "$window" $((FORK_BLOCK + 24 * i)) 8 "$(damage get inode "$ino" $FORK_BLOCK 8)"
    damage put inode "$window" $((176 + 24 * i)) 4 1
    damage put inode "$window" $((180 + 24 * i)) 1 1
    i=$((i + 1))
done
damage put inode "$window" 20 2 3
mount_fs errors=continue
/tests/bin/changing "$MNT" 20 3
umount "$MNT"
