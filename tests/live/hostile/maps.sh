# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# fs: none
# Where the maps of a group are damaged nobody vouches for what lies in it: it can be read, so that data can be copied
# off, and is not changed.
# shellcheck source=tests/live/hostile/lib
. /tests/hostile/lib

# One group: all of it is in group 0.
mkfs_mount --ag-size 1G
mkdir "$MNT/dir"
echo content >"$MNT/dir/file"
ln -s "$(printf '%0300d' 7)" "$MNT/link"
make_tree "$MNT/tree"
md5sum "$MNT/dir/file" "$MNT/tree" >/tmp/sums
umount "$MNT"
# The bitmap is block 4 of group 0. Its last bytes are of blocks behind those in use.
printf '\125' | dd of="$PMEM" bs=1 seek=$((4 * 4096 + 1000)) conv=notrunc 2>/dev/null
mount_fs errors=continue
md5sum -c -s /tmp/sums || fail "what is there cannot be read"
expect_eq "$(readlink "$MNT/link")" "$(printf '%0300d' 7)" "the symbolic link"
unclean dd if=/dev/zero of="$MNT/dir/file" bs=4k count=1 conv=notrunc
unclean dd if=/dev/zero of="$MNT/tree" bs=4k seek=2 count=1 conv=notrunc
unclean touch "$MNT/dir/new"
unclean rm "$MNT/dir/file"
md5sum -c -s /tmp/sums || fail "what is there has changed"
umount "$MNT"
