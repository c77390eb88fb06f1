# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# fs: none
# time: 120
# A filesystem on a partition that does not begin on 2 MiB: huge faults all the same, and offsets that count from the
# partition, with DAX and through the page cache.
disk=$PMEM

clean_up() {
    if grep -q " $MNT daxfs " /proc/mounts; then
        umount "$MNT"
    fi
    dd if=/dev/zero of="$disk" bs=512 count=1 conv=fsync 2>/dev/null
    blockdev --rereadpt "$disk"
}

# From sector 2056 (1 MiB and 4 KiB) to the end of 1 GiB.
{
    dd if=/dev/zero bs=1 count=446
    printf '\000\000\000\000\203\000\000\000\010\010\000\000\370\367\037\000'
    dd if=/dev/zero bs=1 count=48
    printf '\125\252'
} 2>/dev/null | dd of="$disk" bs=512 conv=fsync iflag=fullblock 2>/dev/null
trap clean_up EXIT
blockdev --rereadpt "$disk"
PMEM=${disk}p1
[ -b "$PMEM" ] || fail "there is no $PMEM"

mkfs_mount
/tests/bin/where "$MNT/dax" "$PMEM"
expect_eq "$(faults 9 /tests/bin/mapping store "$MNT/huge" 16)" 8 "huge faults of 16 MiB"
unmount_check
mount_fs dax=never
/tests/bin/where "$MNT/cached" "$PMEM"
unmount_check
