# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# Directories of the root are dealt out to as many groups as there are processors, from an empty filesystem on, and what
# is in a directory stays in its group: inodes, and data in huge pages.
ags() { cat /sys/fs/daxfs/pmem0/initialised_ags; }
cpus=$(nproc)
[ "$cpus" -gt 1 ] || fail "one processor"

# group_of_inode PATH, groups_of_data PATH: of 32 MiB
group_of_inode() { echo $(($(stat -c %i "$1") / 8 / 8192)); }
groups_of_data() { /tests/bin/where "$1" | awk '{ print int($1 / 8192) }' | sort -u; }

mkfs_mount --ag-size 32M
expect_eq "$(ags)" 1 "groups in use at first"
for i in $(seq 8); do
    mkdir "$MNT/d$i"
    for j in $(seq 6); do
        dd if=/dev/zero of="$MNT/d$i/f$j" bs=100k count=1 2>/dev/null
    done
    fallocate -l 4M "$MNT/d$i/large"
    mkdir "$MNT/d$i/sub"
done
for group in $(seq 0 $((cpus - 1))); do
    count=0
    for i in $(seq 8); do
        [ "$(group_of_inode "$MNT/d$i")" != "$group" ] || count=$((count + 1))
    done
    [ $count -ge $((8 / cpus)) ] || fail "$count of 8 directories are in group $group"
done
expect_eq "$(ags)" "$cpus" "groups in use"
for i in $(seq 8); do
    group=$(group_of_inode "$MNT/d$i")
    for path in "$MNT/d$i"/*; do
        expect_eq "$(group_of_inode "$path")" "$group" "the group of $path"
    done
    # Small ones may fill holes anywhere.
    expect_eq "$(groups_of_data "$MNT/d$i/large")" "$group" "the groups of the data of d$i/large"
done

# A directory whose group is nearly full: the next goes elsewhere.
home=$(group_of_inode "$MNT/d1")
while [ "$(group_of_inode "$MNT/d1/more$((more))")" = "$home" ]; do
    [ $((more += 1)) -lt 12 ] || fail "no directory left the full group"
    dd if=/dev/zero of="$MNT/d1/fill$more" bs=1M count=3 2>/dev/null
    mkdir "$MNT/d1/more$more"
done 2>/dev/null
unmount_check

# With one group all is in it.
mkfs_mount --ag-size 1G
mkdir "$MNT/a" "$MNT/b"
expect_eq "$(ags)" 1 "groups in use of one"
unmount_check
