# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# fs: none
# time: 300
# tool: dmsetup
# Devices that device-mapper puts together: of parts of whole 4 MiB, as LVM lays them out, and of stripes of 2 MiB. What is put
# together of smaller parts is refused, by mkfs.daxfs as by the module.
disk=$PMEM
modprobe dm_mod
# device TABLE
device() {
    printf '%b' "$1" >/tmp/table
    dm_device /tmp/table
}
mib() { # in sectors
    echo $(($1 * 2048))
}
PMEM=/dev/dm-0

# A file that reaches over the borders, names, and what a power cut leaves.
use_it() { # MKFS-OPTION...
    mkfs_mount "$@"
    cat /tests/bin/* | head -c 30000000 >"$MNT/file-large"
    for i in $(seq 50); do
        echo "$i" >"$MNT/file-$i"
    done
    sum=$(cat "$MNT"/file-* | md5sum)
    /tests/bin/shutdown "$MNT"
    umount "$MNT"
    mount_fs
    expect_eq "$(cat "$MNT"/file-* | md5sum)" "$sum" "contents"
    rm "$MNT"/file-[1l]*
    unmount_check
}

# The second extent of the volume lies before the first on the disk; both begin 1 MiB behind 4 MiB.
device "0 $(mib 20) linear $disk $(mib 401)\n$(mib 20) $(mib 120) linear $disk $(mib 1)\n"
mkfs_mount
dmesg | grep -q 'daxfs (dm-0): nothing can be mapped in pages of 2 MiB: .* 1024 KiB .* mkfs.daxfs --align 256' ||
    fail "the alignment is not named"
umount "$MNT"
dmesg -c >/dev/null
use_it --align 256
mount_fs
expect_eq "$(faults 9 /tests/bin/mapping store "$MNT/huge" 16)" 8 "huge faults of 16 MiB"
umount "$MNT"
! dmesg | grep 'cannot be mapped\|nothing can be mapped' || fail "an alignment that is right is named"

# Parts that lie differently to 2 MiB.
device "0 $(mib 100) linear $disk $(mib 401)\n$(mib 100) $(mib 300) linear $disk $(mib 2)\n"
mkfs_mount
dmesg | grep -q 'daxfs (dm-0): parts of the device cannot be mapped' || fail "parts that lie differently are not named"
unmount_check

# Stripes: journals lie across them.
device "0 $(mib 600) striped 2 $(mib 2) $disk 0 $disk $(mib 512)\n"
use_it --journal-size 4M
device "0 $(mib 600) striped 2 128 $disk 0 $disk $(mib 512)\n"
dmesg -c >/dev/null
expect_fail mkfs.daxfs -f "$PMEM" 2>/tmp/refused
grep -q 'stripes of 64 KiB' /tmp/refused || fail "mkfs.daxfs: $(cat /tmp/refused)"
expect_fail mount_fs 2>/dev/null
dmesg | grep -q 'daxfs (dm-0): the device is put together from parts' || fail "the mount does not say why"

# A border inside of 2 MiB; but none where the parts follow each other on the disk.
device "0 $(mib 101) linear $disk $(mib 400)\n$(mib 101) $(mib 100) linear $disk 0\n"
expect_fail mkfs.daxfs -f "$PMEM" 2>/tmp/refused
grep -q 'no multiple of 2 MiB' /tmp/refused || fail "mkfs.daxfs: $(cat /tmp/refused)"
expect_fail mount_fs 2>/dev/null
device "0 $(mib 101) linear $disk $(mib 200)\n$(mib 101) $(mib 300) linear $disk $(mib 301)\n"
mkfs_mount
unmount_check
