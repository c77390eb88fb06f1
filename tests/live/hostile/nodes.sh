# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# fs: none
# Nodes of trees, directories' among them, and symbolic links' blocks that the bitmap calls free, or that hold inodes by the
# inode map: the allocator would give them to somebody else. EUCLEAN for who asks for them.
# shellcheck source=tests/live/hostile/lib
. /tests/hostile/lib

make() {
    mkfs_mount
    mkdir "$MNT/dir"
    echo x >"$MNT/dir/x"
    ln -s "$(printf '%0300d' 7)" "$MNT/link"
    make_tree "$MNT/tree"
    dir=$(stat -c %i "$MNT/dir")
    link=$(stat -c %i "$MNT/link")
    tree=$(stat -c %i "$MNT/tree")
    umount "$MNT"
}

check() { # MAP VALUE
    echo "$1 $2"
    make
    for ino in "$dir" "$link" "$tree"; do
        damage bit "$1" "$(damage get inode "$ino" $FORK_BLOCK 8)" "$2"
    done
    mount_fs errors=continue
    unclean /tests/bin/directory ls "$MNT/dir"
    unclean cat "$MNT/dir/x"
    unclean readlink -v "$MNT/link"
    unclean cat "$MNT/tree"
    unclean touch "$MNT/dir/new"
    umount "$MNT"
    expect_fail fsck.daxfs -n "$PMEM" >/dev/null
}

check blocks 0
check inodes 1
