# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# Allocation groups are written as they are needed, and everything in all of them is found again and freed.
mkfs.daxfs -q -f "$PMEM" 128M
ags() { cat /sys/fs/daxfs/pmem0/initialised_ags; }
mount_fs
expect_eq "$(ags)" 1 "groups in use at first"
free_before=$(stat -f -c %f "$MNT")
i=0
while [ $i -lt 11 ]; do
    dd if=/dev/urandom of="$MNT/f$i" bs=1M count=9 2>/dev/null
    i=$((i + 1))
done
used=$(ags)
[ "$used" -gt 2 ] || fail "99 MiB are in $used groups of 32 MiB"
(cd "$MNT" && md5sum f*) >/tmp/sums
umount "$MNT"
fsck_clean
mount_fs
expect_eq "$(ags)" "$used" "groups after a remount"
(cd "$MNT" && md5sum -c -s /tmp/sums) || fail "contents after a remount"
i=0
while [ $i -lt 40 ]; do
    mkdir "$MNT/dir$i"
    echo $i >"$MNT/dir$i/file"
    i=$((i + 1))
done
umount "$MNT"
fsck_clean
mount_fs
rm -r "$MNT"/f* "$MNT"/dir*
free_after=$(stat -f -c %f "$MNT")
[ $((free_before - free_after)) -le 400 ] || fail "free blocks: $free_before before, $free_after after"
unmount_check
