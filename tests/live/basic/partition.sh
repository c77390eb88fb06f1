# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# fs: none
# time: 120
# A filesystem on a partition that does not begin on 2 MiB: huge faults all the same, and offsets that count from the
# partition, with DAX and through the page cache. Where mkfs.daxfs was told another alignment the mount says so, and how to
# mend it. A partition that is not of whole pages is refused by both.
disk=$PMEM

clean_up() {
    if grep -q " $MNT daxfs " /proc/mounts; then
        umount "$MNT"
    fi
    dd if=/dev/zero of="$disk" bs=512 count=1 conv=fsync 2>/dev/null
    blockdev --rereadpt "$disk"
}

# From sector 2056 (1 MiB and 4 KiB) on, as many as the bytes say.
partition() { # LITTLE-ENDIAN-BYTES
    {
        dd if=/dev/zero bs=1 count=446
        printf '%b' '\000\000\000\000\203\000\000\000\010\010\000\000' "$1"
        dd if=/dev/zero bs=1 count=48
        printf '\125\252'
    } 2>/dev/null | dd of="$disk" bs=512 conv=fsync iflag=fullblock 2>/dev/null
    blockdev --rereadpt "$disk"
    [ -b "$PMEM" ] || fail "there is no $PMEM"
}

trap clean_up EXIT
PMEM=${disk}p1
# To the end of 1 GiB.
partition '\370\367\037\000'

mkfs_mount
/tests/bin/where "$MNT/dax" "$PMEM"
expect_eq "$(faults 9 /tests/bin/mapping store "$MNT/huge" 16)" 8 "huge faults of 16 MiB"
unmount_check
mount_fs dax=never
/tests/bin/where "$MNT/cached" "$PMEM"
unmount_check
! dmesg | grep 'in pages of 2 MiB' || fail "an alignment that is right is named"

mkfs_mount --align 0
dmesg | grep -q 'daxfs (pmem0p1): nothing can be mapped in pages of 2 MiB: .* start 1028 KiB .* mkfs.daxfs --align 255$' ||
    fail "an alignment that is wrong is not named"
expect_eq "$(faults 9 /tests/bin/mapping store "$MNT/huge" 16)" 0 "huge faults of 16 MiB with a wrong alignment"
unmount_check
mkfs_mount --align 255
expect_eq "$(faults 9 /tests/bin/mapping store "$MNT/huge" 16)" 8 "huge faults of 16 MiB with the alignment that was named"
unmount_check

partition '\361\367\037\000'
expect_fail mkfs.daxfs -q -f "$PMEM" 2>/tmp/refused
grep -q '2095089 sectors, no whole pages' /tmp/refused || fail "mkfs.daxfs: $(cat /tmp/refused)"
expect_fail mount_fs 2>/dev/null
