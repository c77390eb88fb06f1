# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# A 32-bit program lists a directory whole, with either system call and buffers of any size, and its positions fit 31 bits;
# also where names share a position.
mount_fs
mkdir "$MNT/dir" "$MNT/empty"
/tests/bin/directory fill "$MNT/dir" "$(count 5000)"
umount "$MNT"
/tests/bin/directory sharing "$PMEM" >/tmp/sharing
[ "$(wc -l </tmp/sharing)" -ge 20 ] || fail "too few names that share a position"
mount_fs
while read -r name; do
    : >"$MNT/dir/$name"
done </tmp/sharing

# shellcheck disable=SC2012  # names are plain, and "." and ".." are wanted
ls -a "$MNT/dir" | sort >/tmp/wanted
for call in getdents getdents64; do
    for bytes in 40 100 1000 32768; do
        /tests/bin/readdir32 list $call $bytes "$MNT/dir" >/tmp/listed
        sort /tmp/listed >/tmp/got
        cmp -s /tmp/wanted /tmp/got || fail "$call in $bytes bytes: not every name once"
    done
    /tests/bin/readdir32 seek $call 32768 "$MNT/dir" >/tmp/seeks
    expect_eq "$(/tests/bin/readdir32 list $call 100 "$MNT/empty" | xargs)" ". .." "$call of an empty directory"
    # As many positions are shared as the names were made for.
    [ "$(sed -n 's/^shared positions: //p' /tmp/seeks)" -ge "$(($(wc -l </tmp/sharing) / 2))" ] ||
        fail "$call: $(cat /tmp/seeks)"
done

# A file's generation, which has a number of its own there.
generation=$(/tests/bin/readdir32 generation getdents 0 "$MNT/empty")
[ "$generation" -gt 0 ] || fail "the generation: $generation"
unmount_check
