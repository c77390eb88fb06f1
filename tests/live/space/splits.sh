# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# fallocate(2) has promised the blocks, but writing to every second one needs nodes of the extent tree, more than are kept
# for that. Through DAX neither a write nor a store fails. In the page cache a write(2) says ENOSPC at once where writeback
# would have no space: what it took is there afterwards.
SPLITS=/tests/bin/splits

fresh() { # OPTIONS
    mkfs.daxfs -q -f "$PMEM" 64M
    mount_fs "$1"
    files=$($SPLITS fill "$MNT") || fail "fill: $files"
    [ "$files" -gt 600 ] || fail "only $files files"
}

# Half of what is kept for metadata, 256 blocks here, stays for those who free something.
expect_reserve() {
    free=$(cat /sys/fs/daxfs/pmem0/free_blocks)
    [ "$free" -ge 128 ] || fail "$free blocks are left of what is kept for metadata"
}

reread() { # COUNT
    sync
    echo 3 >/proc/sys/vm/drop_caches
    out=$($SPLITS check "$MNT" "$1") || fail "$out"
    umount "$MNT"
    mount_fs "$options"
    out=$($SPLITS check "$MNT" "$1") || fail "after a new mount: $out"
    unmount_check
}

options=dax=always
for verb in write store; do
    fresh $options
    written=$($SPLITS $verb "$MNT") || fail "$verb: $written"
    expect_eq "$written" "$files" "files that a $verb through DAX reached"
    expect_reserve
    reread "$files"
done

options=dax=never
fresh $options
written=$($SPLITS write "$MNT") || fail "write: $written"
[ "$written" -gt 64 ] || fail "only $written files were written"
sync
expect_reserve
reread "$written"
