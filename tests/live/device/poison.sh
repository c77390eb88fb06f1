# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 240
# Blocks that the driver lists as bad. Of data: EIO, SIGBUS, and all the rest of the file; writing the block over brings
# it back. Of metadata: an error where it is first touched, the message names it, and what does not need it works.
BAD=/sys/block/pmem0/badblocks
POISON=/tests/bin/poison

bad() { # SECTOR: one block
    echo "$1 8" >$BAD
}

# Writing a block through the block device takes it off the list.
save_block() { # SECTOR
    dd if="$PMEM" of=/tmp/block bs=512 skip="$1" count=8 2>/dev/null
}
restore_block() { # SECTOR
    dd if=/tmp/block of="$PMEM" bs=4096 seek=$(($1 / 8)) count=1 conv=notrunc,fsync 2>/dev/null
    expect_eq "$(cat $BAD)" "" "list of bad blocks"
}

expect_report() { # PATTERN
    dmesg | grep -q "$1" || fail "no message '$1'"
}

# ---- data ----
mount_fs
dd if=/dev/urandom of="$MNT"/file bs=4k count=1024 2>/dev/null
sum=$(dd if="$MNT"/file bs=4k count=100 2>/dev/null | md5sum)
sector=$($POISON where "$MNT"/file 409600)
bad "$sector"
expect_eq "$($POISON read "$MNT"/file 409600 4096)" EIO "read of a bad block"
expect_eq "$($POISON read "$MNT"/file 409700 1)" EIO "read of a byte of a bad block"
expect_eq "$(dd if="$MNT"/file bs=4k count=100 2>/dev/null | md5sum)" "$sum" "bytes before the bad block"
expect_eq "$($POISON read "$MNT"/file 413696 65536)" data "bytes behind it"
expect_eq "$($POISON map "$MNT"/file 409601)" SIGBUS "load"
expect_eq "$($POISON store "$MNT"/file 409601)" SIGBUS "store"
expect_eq "$($POISON map "$MNT"/file 405000)" data "load beside it"
expect_eq "$($POISON write "$MNT"/file 409700 100)" EIO "write of a part of it"
expect_fail truncate -s 409700 "$MNT"/file 2>/dev/null
expect_eq "$(stat -c %s "$MNT"/file)" 4194304 "size after a truncate that failed"
umount "$MNT"
# Mounting goes around it.
mount_fs
expect_eq "$($POISON read "$MNT"/file 409600 4096)" EIO "read after a new mount"
# fsck.daxfs names the file and the bytes, and -y gives up no more than the sectors that are bad.
umount "$MNT"
code=0
fsck.daxfs -n "$PMEM" >/tmp/out || code=$?
expect_eq "$code" 4 "exit of fsck.daxfs -n"
grep -q "4096 bytes at byte 409600 cannot be read" /tmp/out || fail "fsck.daxfs -n: $(cat /tmp/out)"
code=0
fsck.daxfs -p "$PMEM" >/tmp/out || code=$?
expect_eq "$code" 4 "exit of fsck.daxfs -p, which may lose nothing"
expect_eq "$(cat $BAD)" "$sector 8" "list of bad blocks after fsck.daxfs -p"
mount_fs
# This driver has nothing to clear and takes the block off its list.
expect_eq "$($POISON write "$MNT"/file 409600 4096)" data "write of the whole block"
expect_eq "$($POISON read "$MNT"/file 409600 4096)" data "read of what was written over it"
expect_eq "$(cat $BAD)" "" "list of bad blocks"
unmount_check
mount_fs
before=$(dd if="$MNT"/file bs=512 count=802 2>/dev/null | md5sum)
behind=$(tail -c +411649 "$MNT"/file | md5sum)
umount "$MNT"
echo "$((sector + 2)) 2" >$BAD
fsck.daxfs -y "$PMEM" >/tmp/out || [ $? = 1 ] || fail "fsck.daxfs -y: $(cat /tmp/out)"
grep -q "lost: /file .*: what was at bytes 410624 to 411648" /tmp/out || fail "fsck.daxfs -y: $(cat /tmp/out)"
expect_eq "$(cat $BAD)" "" "list of bad blocks after fsck.daxfs -y"
mount_fs
expect_eq "$(dd if="$MNT"/file bs=512 count=802 2>/dev/null | md5sum)" "$before" "what was before the bad sectors"
expect_eq "$(tail -c +411649 "$MNT"/file | md5sum)" "$behind" "what was behind them"
expect_eq "$(dd if="$MNT"/file bs=512 skip=802 count=2 2>/dev/null | tr -d '\0' | wc -c)" 0 "bytes that are not zero"
unmount_check

# ---- metadata ----
mount_fs
mkdir "$MNT"/dir "$MNT"/other
for i in $(seq 60); do
    echo "$i" >"$MNT"/dir/f"$i"
    echo "$i" >"$MNT"/other/f"$i"
done
for i in $(seq 40); do
    dd if=/dev/zero of="$MNT"/sparse bs=4k count=1 seek=$((i * 3)) conv=notrunc 2>/dev/null
done
ln -s "$(printf '%0800d' 1)" "$MNT"/link
directory=$(stat -c %i "$MNT"/dir)
inode=$(stat -c %i "$MNT"/dir/f50)
sparse=$(stat -c %i "$MNT"/sparse)
umount "$MNT"

check_metadata() { # SECTOR COMMAND...: fails because of the bad block; the rest of the filesystem is there
    at=$1
    shift
    save_block "$at"
    bad "$at"
    dmesg -c >/dev/null
    mount_fs errors=continue
    expect_eq "$(cat "$MNT"/other/f1)" 1 "a file that has nothing to do with it"
    "$@" >/tmp/out 2>&1 && fail "succeeded with a bad block of metadata: $*"
    grep -q -i "input/output error" /tmp/out || fail "$*: $(cat /tmp/out)"
    expect_report "media error: metadata of inode .*block $((at / 8)),"
    umount "$MNT"
    restore_block "$at"
    fsck.daxfs -p "$PMEM" >/dev/null 2>&1 || [ $? = 1 ] || fail "fsck.daxfs -p"
    mount_fs
    "$@" >/dev/null || fail "$*: still fails"
    unmount_check
}
block=$((inode / 8))
check_metadata $((block * 8)) cat "$MNT"/dir/f50
check_metadata "$($POISON node "$PMEM" "$directory")" cat "$MNT"/dir/f1
# Of a directory that cannot be read nobody knows whether it is empty.
finds_names() {
    why=$(rmdir "$MNT"/dir 2>&1) && fail "a directory with names is gone"
    echo "$why" | grep -q -i "not empty" || {
        echo "$why"
        return 1
    }
}
check_metadata "$($POISON node "$PMEM" "$directory")" finds_names
check_metadata "$($POISON node "$PMEM" "$sparse")" cat "$MNT"/sparse

# The superblock and the repair intent beside it: no mount without them, and the message says so.
for sector in 0 8; do
    save_block "$sector"
    bad "$sector"
    dmesg -c >/dev/null
    expect_fail mount_fs 2>/dev/null
    expect_report "media error"
    restore_block "$sector"
done
fsck_clean
