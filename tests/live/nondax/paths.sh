# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 400
# The bytes are the same whichever way they are reached: random operations through the page cache, by direct I/O and
# through mappings, on files that change between DAX and the page cache by option and by flag.
for mode in never always never; do
    mount_fs "dax=$mode"
    for seed in 1 2 3; do
        /tests/bin/paths "$MNT/file$seed" $seed 150
    done
    md5sum "$MNT"/file* >/tmp/sums
    umount "$MNT"
    fsck_clean
    mount_fs dax=inode
    md5sum -c -s /tmp/sums || fail "contents differ after dax=$mode"
    umount "$MNT"
done
mount_fs dax=inode
for round in 1 2 3 4; do
    /tests/bin/dax_flag while-open "$MNT/file1"
    /tests/bin/paths "$MNT/file1" "1$round" 150
done
/tests/bin/model "$MNT/model" 7 300 1
unmount_check
