# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# fs: none
# time: 180
# tool: dmsetup
# A 32-bit program's statfs(2) of a large filesystem: with 4 TiB free there is space for more inodes than 32 bits count.
# The device is 4 TiB of addresses: the group in use, and behind it the same 256 MiB again and again, which nobody gets to.
disk=$PMEM
modprobe dm_mod
mib() { # in sectors
    echo $(($1 * 2048))
}

# device GIB: /dev/dm-0, of so many
device() {
    awk -v disk="$disk" -v part="$(mib 256)" -v parts=$(($1 * 4)) 'BEGIN {
        print 0, 2 * part, "linear", disk, 0
        for (i = 2; i < parts; i++)
            print i * part, part, "linear", disk, 2 * part
    }' >/tmp/table
    dm_device /tmp/table
}
PMEM=/dev/dm-0
told() { /tests/bin/statfs32 "$MNT"; }
own() { stat -f -c '%b %f %c %d' "$MNT"; }

# Where all of it fits, both are told the same.
device 64
mkfs_mount
expect_eq "$(told)" "$(own)" "64 GiB"
umount "$MNT"

device 4096
mkfs_mount
for i in 1 2 3; do
    : >"$MNT/file$i"
done
# shellcheck disable=SC2046
set -- $(own)
[ "$3" -gt 4294967295 ] || fail "too few inodes for this test: $*"
expect_eq "$(told)" "$1 $2 4294967295 $((4294967295 - ($3 - $4)))" "4 TiB, of which a 64-bit program is told $*"
[ $(($3 - $4)) -ge 3 ] || fail "three files, and in use are $(($3 - $4))"
umount "$MNT"
