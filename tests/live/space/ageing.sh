# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 180
# After thousands of creates, appends, rewrites and deletes on a filesystem that is three quarters full, a new file is
# still mapped by huge pages; when half of the files are gone, what they leave is huge pages.
stats=/sys/fs/daxfs/pmem0
mkfs.daxfs -q -f "$PMEM" 384M
mount_fs

# new_file PERCENT WHAT: of a new file's 2 MiB so many at least are mapped by one fault each
new_file() {
    result=$(/tests/bin/age measure "$MNT")
    echo "$2: $result; $(cat $stats/free_huge_pages) huge pages, $(cat $stats/free_blocks) blocks free"
    echo "$result" | awk -v bar="$1" '{ exit !($1 * 100 >= $3 * bar) }' || fail "$2: $result"
}

/tests/bin/age run "$MNT" 1 75 4000
expect_eq "$(cat $stats/kept_blocks)" 0 "blocks kept when all files are closed"
new_file 80 "aged"
/tests/bin/age thin "$MNT"
new_file 95 "thinned"
[ $(($(cat $stats/free_huge_pages) * 512 * 100)) -ge $(($(cat $stats/free_blocks) * 50)) ] ||
    fail "$(cat $stats/free_huge_pages) huge pages in $(cat $stats/free_blocks) free blocks"

# What is removed comes back to the block.
mkdir -p "$MNT/d9"
before=$(cat $stats/free_blocks)
cp -r "$MNT/d0" "$MNT/d9/copy"
rm -r "$MNT/d9/copy"
after=$(cat $stats/free_blocks)
[ $((before - after)) -le 200 ] || fail "$before blocks free before, $after after"
unmount_check
