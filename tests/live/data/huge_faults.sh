# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# 16 MiB of a sparse file take 8 faults, and so does a file that write(2) made; what falls back says why.
mount_fs

reasons() {
    sed -n 's/.*daxfs_fault: .* order 9 .* reason \(.*\) ns .*/\1/p' "$TRACING/trace" | sort -u
}

expect_eq "$(faults 9 /tests/bin/mapping store "$MNT/sparse" 16)" 8 "huge faults of 16 MiB"
expect_eq "$(grep -c "daxfs_fault: .* order 0 " "$TRACING/trace" || true)" 0 "small faults of 16 MiB"
expect_eq "$(faults 9 /tests/bin/mapping load "$MNT/sparse")" 8 "huge faults of reading it"

dd if=/dev/zero of="$MNT/written" bs=1M count=64 2>/dev/null
expect_eq "$(faults 9 /tests/bin/mapping load "$MNT/written")" 32 "huge faults of 64 MiB that write(2) made"

fallocate -l 16777216 "$MNT/preallocated" || dd if=/dev/zero of="$MNT/preallocated" bs=16M count=1 2>/dev/null
expect_eq "$(faults 9 /tests/bin/mapping load "$MNT/preallocated")" 8 "huge faults of 16 MiB that fallocate made"

echo start >"$MNT/mixed"
truncate -s 4M "$MNT/mixed"
faults 9 /tests/bin/mapping load "$MNT/mixed" >/dev/null
reasons | grep -q "extent shorter than 2 MiB" || fail "a short extent is not named: $(reasons)"
unmount_check
