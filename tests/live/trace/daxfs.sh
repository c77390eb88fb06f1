# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 300
# On daxfs: the same faults and reasons, told by its own tracepoints, and its writes and commits.
# shellcheck source=tests/live/trace/lib
. /tests/trace/lib
mount_fs
check_faults

traced dd if=/dev/zero of="$MNT/written" bs=1048576 count=4
expect_eq "$(op write_done bytes)" 4194304 "bytes written"
expect_eq "$(op write_done blocks_allocated)" 1024 "blocks that they took"
[ "$(op commit)" -gt 0 ] || fail "no commit was seen"
grep -A1 '"commits"' "$REPORT" | grep -q '"entries": [1-9]' || fail "commits logged nothing"

# Metadata is durable already: nothing is left to flush for MAP_SYNC.
fallocate -l 2097152 "$MNT/sync"
traced "$TOUCH" "$MNT/sync" ws 0 2097152 2097152
faults 1 0 0 "MAP_SYNC"
expect_eq "$(op map_sync_flush)" 0 "metadata flushed for a MAP_SYNC fault"
grep -A1 '"map_sync"' "$REPORT" | grep -q '"faults": 1,' || fail "the MAP_SYNC fault was not seen"

# A file that nothing maps any more is not kept from huge pages by its cached 4 KiB entries; one that is mapped is.
traced "$TOUCH" "$MNT/c" w 0 2097152 2097152
faults 1 0 0 "a file that was mapped by 4 KiB pages"
dd if=/dev/zero of="$MNT/twice" bs=1048576 count=2 2>/dev/null
traced "$TOUCH" "$MNT/twice" wt 0 2097152 2097152
reasons_are "cached_as_4k=1" "a file that is mapped by 4 KiB pages elsewhere"

# A daxfs operation also passes the general code: it must not be counted twice.
traced "$TOUCH" "$MNT/a" r 0 2097152 2097152
expect_eq "$(event seen)" 2 "events of one read fault: itself and its mapping"
