# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# fs: none
# What may be laid over what, by right checksums: inodes over maps and journals, a file's blocks over another's node. Whoever
# could store in the one would change the other; EUCLEAN for who asks.
# shellcheck source=tests/live/hostile/lib
. /tests/hostile/lib

# ---- inodes in blocks of fixed place, and blocks of fixed place that are free ----
# Group 0: the bitmap is block 4, and the journals follow the maps.
for lie in "inodes 4 1" "inodes 40 1" "blocks 4 0" "blocks 40 0"; do
    echo "$lie"
    mkfs_mount
    echo content >"$MNT/file"
    umount "$MNT"
    # shellcheck disable=SC2086  # words
    damage bit $lie
    expect_fail fsck.daxfs -n "$PMEM" >/dev/null
    # Without the inode map not even the root directory is believed.
    if mount_fs errors=continue 2>/tmp/mount.err; then
        unclean mkdir "$MNT/dir"
        umount "$MNT"
    fi
    mount_fs ro
    expect_eq "$(cat "$MNT/file")" content "$lie: the file"
    umount "$MNT"
    # It is damage that can be mended.
    fsck.daxfs -y "$PMEM" >/tmp/fsck.out || [ $? = 1 ] || fail "$lie: $(cat /tmp/fsck.out)"
    fsck.daxfs -n "$PMEM" >/dev/null || fail "$lie: not mended"
done

# ---- a file's block over another file's node ----
echo "a node that was met"
overlay
mount_fs errors=continue
expect_eq "$(read_tree 2)" "extent 1" "the tree"
unclean cat "$MNT/window"
unclean dd if=/dev/zero of="$MNT/window" bs=4k count=1 conv=notrunc
unclean truncate -s 0 "$MNT/window"
expect_eq "$(read_tree 4)" "extent 2" "the tree"
umount "$MNT"

# The file's owner can change the node then, but not so that it reaches metadata: extents 2 and 3 over inodes and a node.
echo "a node that is met later"
overlay
mount_fs errors=continue
cat "$MNT/window" >/dev/null
expect_eq "$(read_tree 2)" "extent 1" "the tree"
place 2 $((window / 8))
place 3 "$leaf"
node=$(md5sum <"$MNT/window")
# It is the extents that are refused, not the node.
expect_eq "$(read_tree 8)" "extent 4" "the tree"
unclean dd if="$MNT/tree" of=/dev/null bs=4k skip=4 count=1
unclean dd if=/dev/zero of="$MNT/tree" bs=4k seek=4 count=1 conv=notrunc
unclean dd if=/dev/zero of="$MNT/tree" bs=4k seek=6 count=1 conv=notrunc
expect_eq "$(md5sum <"$MNT/window")" "$node" "the node that extent 3 led to"
# The rest of a block that a truncate keeps is zeroed.
unclean truncate -s $((4 * 4096 + 100)) "$MNT/tree"
remount ro
expect_eq "$(stat -c %F "$MNT/window")" "regular file" "an inode of the block that extent 2 led to"
umount "$MNT"
expect_eq "$(damage get inode "$window" 8 8)" "$window" "that inode on the device"

echo "the same, in the page cache"
overlay
mount_fs errors=continue,dax=never
cat "$MNT/window" >/dev/null
expect_eq "$(read_tree 2)" "extent 1" "the tree"
place 2 $((window / 8))
sync
unclean truncate -s $((4 * 4096 + 100)) "$MNT/tree"
umount "$MNT"
expect_eq "$(damage get inode "$window" 8 8)" "$window" "that inode on the device"

# What lies behind the end of a file is met by appends.
echo "an append"
overlay
damage put inode "$tree" $SIZE 8 4096
mount_fs errors=continue
cat "$MNT/window" >/dev/null
expect_eq "$(read_tree 0)" "extent 0" "the tree"
place 2 $((window / 8))
unclean dd if=/dev/zero of="$MNT/tree" bs=4k seek=4 count=1 conv=notrunc
umount "$MNT"
expect_eq "$(damage get inode "$window" 8 8)" "$window" "the inode that it would have reached"

# ---- free inodes that are none ----
echo "free inodes"
mkfs_mount
touch "$MNT/first"
first=$(stat -c %i "$MNT/first")
umount "$MNT"
# All that are left in its block.
i=$((first + 1))
while [ $((i % 8)) != 0 ]; do
    damage inode $i
    i=$((i + 1))
done
mount_fs errors=continue
for i in 1 2 3 4 5 6 7 8 9 10; do
    touch "$MNT/more$i" || fail "file $i"
done
umount "$MNT"

# ---- the target of a symbolic link, which is refused each time that it is read, and kept by nobody ----
echo "a target"
mkfs_mount
ln -s "$(printf '%0200d' 7)" "$MNT/link"
link=$(stat -c %i "$MNT/link")
i=0
while [ $i -lt 500 ]; do
    ln "$MNT/link" "$MNT/link$i"
    i=$((i + 1))
done
umount "$MNT"
damage put inode "$link" 200 1 0
mount_fs errors=continue
slab() { sed -n 's/^SUnreclaim: *\([0-9]*\).*/\1/p' /proc/meminfo; }
unclean readlink -v "$MNT/link"
ls -l "$MNT" >/dev/null 2>&1 || :
before=$(slab)
i=0
while [ $i -lt 40 ]; do
    ls -l "$MNT" >/dev/null 2>&1 || :
    i=$((i + 1))
done
[ $(($(slab) - before)) -lt 2000 ] || fail "40 listings of 500 links left $(($(slab) - before)) KiB in memory"
umount "$MNT"
