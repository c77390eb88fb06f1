# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# fs: none
# Nodes of trees, directories' among them, and symbolic links' blocks that the bitmap calls free, or that hold inodes by the
# inode map: the allocator would give them to somebody else. EUCLEAN for who asks for them.
damage() { /tests/bin/damage "$PMEM" "$@"; }
FORK_BLOCK=168

make() {
    mkfs_mount
    mkdir "$MNT/dir"
    echo x >"$MNT/dir/x"
    ln -s "$(printf '%0300d' 7)" "$MNT/link"
    i=0
    while [ $i -lt 20 ]; do
        echo "extent $i" | dd of="$MNT/tree" bs=4k seek=$((i * 2)) conv=notrunc 2>/dev/null
        i=$((i + 1))
    done
    dir=$(stat -c %i "$MNT/dir")
    link=$(stat -c %i "$MNT/link")
    tree=$(stat -c %i "$MNT/tree")
    umount "$MNT"
}

check() { # MAP VALUE
    make
    for ino in "$dir" "$link" "$tree"; do
        damage bit "$1" "$(damage get inode "$ino" $FORK_BLOCK 8)" "$2"
    done
    mount_fs errors=continue
    for command in "/tests/bin/directory ls $MNT/dir" "cat $MNT/dir/x" "readlink -v $MNT/link" "cat $MNT/tree"; do
        # shellcheck disable=SC2086
        if $command >/tmp/out 2>&1; then
            fail "$1 $2: succeeded: $command"
        fi
        grep -q 'needs cleaning' /tmp/out || fail "$command: $(cat /tmp/out)"
    done
    expect_fail touch "$MNT/dir/new"
    umount "$MNT"
    expect_fail fsck.daxfs -n "$PMEM" >/dev/null
}

check blocks 0
check inodes 1
