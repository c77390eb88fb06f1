# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# fs: none
# Where the maps of a group are damaged nobody vouches for what lies in it: it can be read, so that data can be copied
# off, and is not changed.
mkfs_mount
mkdir "$MNT/dir"
echo content >"$MNT/dir/file"
ln -s "$(printf '%0300d' 7)" "$MNT/link"
i=0
while [ $i -lt 20 ]; do
    echo "extent $i" | dd of="$MNT/tree" bs=4k seek=$((i * 2)) conv=notrunc 2>/dev/null
    i=$((i + 1))
done
md5sum "$MNT/dir/file" "$MNT/tree" >/tmp/sums
umount "$MNT"
# The bitmap is block 4 of group 0. Its last bytes are of blocks behind those in use.
printf '\125' | dd of="$PMEM" bs=1 seek=$((4 * 4096 + 1000)) conv=notrunc 2>/dev/null
mount_fs errors=continue
md5sum -c -s /tmp/sums || fail "what is there cannot be read"
expect_eq "$(readlink "$MNT/link")" "$(printf '%0300d' 7)" "the symbolic link"
expect_fail dd if=/dev/zero of="$MNT/dir/file" bs=4k count=1 conv=notrunc 2>/tmp/out
grep -q 'needs cleaning' /tmp/out || fail "$(cat /tmp/out)"
expect_fail dd if=/dev/zero of="$MNT/tree" bs=4k seek=2 count=1 conv=notrunc 2>/dev/null
expect_fail touch "$MNT/dir/new"
expect_fail rm "$MNT/dir/file"
md5sum -c -s /tmp/sums || fail "what is there has changed"
umount "$MNT"
