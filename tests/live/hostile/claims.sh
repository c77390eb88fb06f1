# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 240
# fs: none
# A file that claims blocks which are not its own, by right checksums: inodes, its own among them, free blocks, groups that
# are not in use, journals. Who asks for them gets EUCLEAN, whoever reads, writes, maps or removes; nothing is written
# there, and what else the file and the filesystem have can be read.
# shellcheck source=tests/live/hostile/lib
. /tests/hostile/lib

# Where an extent of a leaf lies.
LEAF_BLOCK() { echo $((64 + 24 * $1 + 8)); }

make() {
    mkfs_mount --ag-size 32M
    echo other >"$MNT/other"
    echo mine >"$MNT/file"
    make_tree "$MNT/tree"
    file=$(stat -c %i "$MNT/file")
    tree=$(stat -c %i "$MNT/tree")
    umount "$MNT"
    leaf=$(damage get inode "$tree" $FORK_BLOCK 8)
}

try() { # WHAT BLOCK
    echo "$1: block $2"
    make
    dd if="$PMEM" of=/tmp/before bs=4k skip="$2" count=1 2>/dev/null
    damage put inode "$file" $FORK_BLOCK 8 "$2"
    damage put node "$leaf" "$(LEAF_BLOCK 3)" 8 "$2"
    mount_fs errors=continue
    unclean cat "$MNT/file"
    unclean dd if=/dev/zero of="$MNT/file" bs=4k count=1 conv=notrunc
    unclean truncate -s 1 "$MNT/file"
    unclean dd if="$MNT/tree" of=/dev/null bs=4k skip=6 count=1
    unclean dd if=/dev/zero of="$MNT/tree" bs=4k seek=6 count=1 conv=notrunc
    # A hole beside it.
    unclean dd if=/dev/zero of="$MNT/tree" bs=4k seek=9 count=1 conv=notrunc
    expect_eq "$(dd if="$MNT/tree" bs=4k skip=8 count=1 2>/dev/null | head -c 8)" "extent 4" "an extent beside the wrong one"
    expect_eq "$(cat "$MNT/other")" other "another file"
    echo more >>"$MNT/other"
    # The names go; the blocks stay with inodes that cannot be freed.
    rm "$MNT/file" "$MNT/tree"
    umount "$MNT"
    dd if="$PMEM" of=/tmp/after bs=4k skip="$2" count=1 2>/dev/null
    [ "$1" = inodes ] || cmp /tmp/before /tmp/after || fail "$1: block $2 has changed"
    expect_fail fsck.daxfs -n "$PMEM" >/dev/null
}

make
try inodes $((file / 8))
try "a free block" 6000
try "a group that is not in use" 20000
try "a journal" 40
try "the head of a group" 4
