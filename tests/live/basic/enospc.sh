# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 180
# A full filesystem says so, loses nothing, and takes files again once some are gone.
mkfs.daxfs -q -f "$PMEM" 32M
mount_fs
free_before=$(stat -f -c %f "$MNT")
i=0
while dd if=/dev/urandom of="$MNT/f$i" bs=256k count=4 2>/dev/null; do
    i=$((i + 1))
    [ $i -lt 64 ] || fail "64 MiB fit a filesystem of 32 MiB"
done
[ $i -ge 20 ] || fail "only $i MiB fit a filesystem of 32 MiB"
(cd "$MNT" && md5sum f*) >/tmp/sums
j=0
while true >"$MNT/small$j" && echo x >"$MNT/small$j"; do
    j=$((j + 1))
    [ $j -lt 20000 ] || fail "endless small files"
done 2>/dev/null
umount "$MNT"
fsck_clean
mount_fs
(cd "$MNT" && md5sum -c -s /tmp/sums) || fail "contents of a full filesystem"
rm "$MNT"/small* "$MNT"/f1 "$MNT"/f2
dd if=/dev/zero of="$MNT/again" bs=256k count=4 2>/dev/null || fail "no space after files were removed"
rm "$MNT"/f* "$MNT"/again
free_after=$(stat -f -c %f "$MNT")
[ $((free_before - free_after)) -le 2000 ] || fail "free blocks: $free_before before, $free_after after"
unmount_check
