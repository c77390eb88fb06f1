# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# fs: none
# tool: mkfs.ext4
# time: 300
# On ext4 with DAX: as many 2 MiB faults as the mapping has 2 MiB, and the right reason for each that falls back.
# shellcheck source=tests/live/trace/lib
. /tests/trace/lib
mkfs.ext4 -q -F -b 4096 -E stride=512,stripe_width=512 "$PMEM"
mount -t ext4 -o dax=always "$PMEM" "$MNT"
check_faults

fallocate -l 2097152 "$MNT/sync"
traced "$TOUCH" "$MNT/sync" ws 0 2097152 2097152
faults 1 0 0 "MAP_SYNC"
expect_eq "$(op map_sync_flush)" 1 "metadata flushed for a MAP_SYNC fault"

traced "$TOUCH" "$MNT/a" wm 0 2097152 4096
expect_eq "$(op writeback bytes)" 2097152 "bytes that msync flushed"
expect_eq "$(op fault_error)" 0 "failed faults"

# Of 4 KiB entries nothing but eviction rids the cache.
traced "$TOUCH" "$MNT/c" w 0 2097152 2097152
reasons_are "cached_as_4k=1" "a file that is cached as 4 KiB entries"
umount "$MNT"
