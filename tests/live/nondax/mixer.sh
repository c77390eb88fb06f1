# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 300
# The data mixer on files in the page cache: threads on the same bytes and on neighbouring ones, direct I/O among them.
# A direct write and a store through a mapping to one page exclude each other: the page cache can be neither dropped nor
# written, and the kernel answers the next fsync() or msync() with EIO. So they meet in one thread, or on pages of their
# own, and each by itself meets everything else.
mount_fs dax=never
mix() { # FILE OPTION...
    file=$MNT/$1
    shift
    /tests/bin/mixer "$file" "$@"
}
anything=read,dread,load,write,swrite,punch,zero,zerokeep,alloc,allockeep,truncate,msync,fsync,reopen,remap
mix alone --rounds 600 --seed 11
mix stores --threads 3 --rounds 60 --seed 13 --ops "$anything,store"
mix direct --threads 3 --rounds 60 --seed 14 --ops "$anything,dwrite"
mix apart --threads 4 --disjoint --align 4096 --rounds 80 --seed 15
sums=$(cd "$MNT" && md5sum alone stores direct apart)
remount dax=always
expect_eq "$(cd "$MNT" && md5sum alone stores direct apart)" "$sums" "contents through DAX"
unmount_check
