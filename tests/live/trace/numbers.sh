# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 300
# Each kind of allocation and each state of a mapping that the module has is counted under its own name.
# shellcheck source=tests/live/trace/lib
. /tests/trace/lib
mount_fs

# blocks KIND: how many were reserved of it
blocks() {
    awk -v name="\"$1\":" '$1 == name && $2 == "{" { on = 1 } on && $1 == "\"blocks\":" { print $2 + 0; exit }' "$REPORT"
}

# state NAME: how many mappings were in it
state() {
    awk -v name="\"$1\":" '/"mapping_states":/ { on = 1 } on && $1 == name { print $2 + 0; exit }' "$REPORT"
}

nothing_other() {
    expect_eq "$(blocks other)" 0 "blocks of a kind that daxtrace does not know, $1"
    expect_eq "$(state other)" 0 "mappings in a state that daxtrace does not know, $1"
}

# format_has EVENT TEXT: tracefs explains the numbers too
format_has() {
    grep -qF "$2" "$TRACING/events/daxfs/$1/format" || fail "the format of $1 has no $2"
}

grep -q " $TRACING " /proc/mounts || mount -t tracefs tracefs "$TRACING"
format_has daxfs_alloc '{ 4, "medium" }'
format_has daxfs_get_blocks_exit '{ 2, "unwritten" }'
format_has daxfs_fault '{ 10, "cached as 4 KiB" }'

traced dd if=/dev/zero of="$MNT/small" bs=32k count=1
expect_eq "$(blocks small)" 8 "blocks reserved for 32 KiB"
nothing_other "32 KiB"

traced dd if=/dev/zero of="$MNT/medium" bs=1M count=1
expect_eq "$(blocks medium)" 256 "blocks reserved for 1 MiB"
expect_eq "$(op write_done blocks_allocated)" 256 "blocks that 1 MiB took"
nothing_other "1 MiB"

traced dd if=/dev/zero of="$MNT/data" bs=4M count=1
expect_eq "$(blocks data)" 1024 "blocks reserved for 4 MiB"
nothing_other "4 MiB"

truncate -s 2097152 "$MNT/huge"
traced "$TOUCH" "$MNT/huge" w 0 2097152 2097152
expect_eq "$(blocks huge)" 512 "blocks reserved for a fault of 2 MiB"
expect_eq "$(state written)" 1 "mappings of a fault of 2 MiB"
nothing_other "a fault of 2 MiB"

# A target that is too long for the inode.
traced ln -s "$(printf '%0300d' 0)" "$MNT/symlink"
expect_eq "$(blocks meta)" 1 "blocks reserved for a symbolic link"

truncate -s 4096 "$MNT/hole"
traced dd if="$MNT/hole" of=/dev/null bs=4k
[ "$(state hole)" -gt 0 ] || fail "no hole was read"
fallocate -l 4096 "$MNT/unwritten"
traced dd if="$MNT/unwritten" of=/dev/null bs=4k
[ "$(state unwritten)" -gt 0 ] || fail "no unwritten blocks were read"
traced dd if="$MNT/medium" of=/dev/null bs=1M
[ "$(state written)" -gt 0 ] || fail "no written blocks were read"
nothing_other "reads"

# A file that grows to 2 MiB: what moves into the huge page of the rest was reserved too.
traced sh -c "dd if=/dev/zero of=$MNT/grown bs=32k count=1; dd if=/dev/zero of=$MNT/grown bs=32k seek=1 count=63"
expect_eq "$(op write_done blocks_allocated)" 512 "blocks that writes of 2 MiB took"
reserved=$(awk '/"allocations":/ { on = 1 } /"recovery":/ { on = 0 } on && $1 == "\"blocks\":" { sum += $2 } END { print sum }' \
    "$REPORT")
[ "$reserved" -gt 512 ] || fail "$reserved blocks reserved: none for what moved"
nothing_other "a file that grew"
