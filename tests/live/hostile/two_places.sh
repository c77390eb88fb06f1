# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# fs: none
# Two files that map one block, and a file that maps one twice: through a mapping only one of them has it, the other gets
# SIGBUS, also where both come at once; the DAX core sees nothing of it and warns of nothing.
# shellcheck source=tests/live/hostile/lib
. /tests/hostile/lib
touch_page() { /tests/bin/two_places touch "$@"; }
LENGTH=176

mkfs_mount
for f in a b c d e; do
    dd if=/dev/zero of="$MNT/$f" bs=1M count=4 2>/dev/null
done
dd if=/dev/zero of="$MNT/twice" bs=4k count=1 2>/dev/null
dd if=/dev/zero of="$MNT/twice" bs=4k count=1 seek=2 conv=notrunc 2>/dev/null
dd if=/dev/zero of="$MNT/race1" bs=1M count=4 2>/dev/null
dd if=/dev/zero of="$MNT/race2" bs=1M count=4 2>/dev/null
for f in a b c d e twice race1 race2; do
    eval "$f=$(stat -c %i "$MNT/$f")"
done
umount "$MNT"

same() { # FILE AS-FILE
    damage put inode "$1" $FORK_BLOCK 8 "$(damage get inode "$2" $FORK_BLOCK 8)"
    damage put inode "$1" $LENGTH 4 "$(damage get inode "$2" $LENGTH 4)"
}
# shellcheck disable=SC2154
same "$b" "$a"
# shellcheck disable=SC2154
same "$e" "$d"
# shellcheck disable=SC2154
same "$race2" "$race1"
# The second extent of the file lies 24 bytes behind the first.
# shellcheck disable=SC2154
damage put inode "$twice" $((FORK_BLOCK + 24)) 8 "$(damage get inode "$twice" $FORK_BLOCK 8)"

mount_fs errors=continue
expect_eq "$(touch_page "$MNT/a" 0 huge write)" mapped "a huge page"
expect_eq "$(touch_page "$MNT/b" 5 huge write)" SIGBUS "a page of another's huge page"
expect_eq "$(touch_page "$MNT/b" 5 small read)" SIGBUS "a page of another's huge page, read"
expect_eq "$(touch_page "$MNT/d" 7 small read)" mapped "a small page"
expect_eq "$(touch_page "$MNT/e" 7 huge write)" SIGBUS "a huge page, one page of which is another's"
expect_eq "$(touch_page "$MNT/e" 8 small write)" mapped "a page beside it"
expect_eq "$(touch_page "$MNT/twice" 0 small write)" mapped "a block's first place"
expect_eq "$(touch_page "$MNT/twice" 2 small read)" SIGBUS "a block's second place"
expect_eq "$(touch_page "$MNT/twice" 0 small read)" mapped "a block's first place again"
/tests/bin/two_places race "$MNT/race1" "$MNT/race2" 512
# With the first file's entries the block is the other's to map.
: >"$MNT/c"
umount "$MNT"
mount_fs errors=continue
expect_eq "$(touch_page "$MNT/b" 5 huge write)" mapped "the other file in the next mount"
umount "$MNT"
