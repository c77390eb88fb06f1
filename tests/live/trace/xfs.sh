# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# fs: none
# tool: mkfs.xfs
# time: 300
# On XFS with DAX: faults of 2 MiB and mappings are seen.
# shellcheck source=tests/live/trace/lib
. /tests/trace/lib
mkfs.xfs -q -f -m reflink=0 -d su=2m,sw=1 "$PMEM"
mount -t xfs -o dax=always "$PMEM" "$MNT"
fallocate -l 16777216 "$MNT/a"
traced "$TOUCH" "$MNT/a" w 0 16777216 4096
faults 8 0 0 "16 MiB written"
expect_eq "$(op get_blocks_fault_write)" 8 "mappings for write faults"
# Its faults of 4 KiB take no second attempt: the first one's fallback is one.
traced "$TOUCH" "$MNT/a" r 0 16777216 4096 4096
faults 0 9 4096 "misaligned mapping"
umount "$MNT"
