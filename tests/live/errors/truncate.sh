# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# fs: none
# time: 240
# module: points
# Damage in the middle of a truncate or a collapse that takes many transactions costs what is damaged: other files stay
# as they are, and the next mount goes on with it.
POINT=/sys/kernel/debug/daxfs/points/committed
extents=2000

# A file with a tree of leaves, and two small ones.
make() {
    mkfs_mount
    free=$(stat -f -c %f "$MNT")
    /tests/bin/shift make "$MNT/big" $extents
    echo sound >"$MNT/sound"
    echo bad >"$MNT/bad"
    big=$(stat -c %i "$MNT/big")
    bad=$(stat -c %i "$MNT/bad")
    umount "$MNT"
}

says() { # WHAT WANTED COMMAND...
    what=$1
    wanted=$2
    shift 2
    expect_eq "$(/tests/bin/errors "$@")" "$wanted" "$what"
}

# Whole again, and free of notes.
healed() {
    fsck.daxfs -p "$PMEM" >/tmp/fsck.out || [ $? = 1 ] || {
        cat /tmp/fsck.out
        fail "fsck.daxfs -p"
    }
    fsck_clean
    mount_fs
}

# ---- another inode is damaged ----
for mode in remount-ro continue; do
    make
    /tests/bin/damage "$PMEM" inode "$bad"
    mount_fs errors=$mode
    echo "delay 300000" >$POINT
    /tests/bin/errors truncate "$MNT/big" 5000 >/tmp/truncate &
    sleep 0.7
    expect_fail cat "$MNT/bad" 2>/dev/null
    wait $!
    echo off >$POINT
    expect_eq "$(cat "$MNT/sound")" sound "$mode: a sound file"
    expect_eq "$(stat -c %s "$MNT/big")" 5000 "$mode: the size"
    says "$mode: a block in front of the cut" ok read "$MNT/big" 0
    if [ $mode = continue ]; then
        expect_eq "$(cat /tmp/truncate)" ok "the truncate"
        says "a write" ok write "$MNT/big" 7
    else
        expect_eq "$(cat /tmp/truncate)" "Read-only file system" "the truncate"
    fi
    umount "$MNT"
    /tests/bin/damage "$PMEM" inode "$bad"
    [ $mode = continue ] || expect_eq "$(fsck.daxfs -n "$PMEM" | grep -c 'truncat')" 1 "a truncate to go on with"
    mount_fs
    [ "$(stat -c %b "$MNT/big")" -le 24 ] || fail "$mode: $(stat -c %b "$MNT/big") sectors are left"
    umount "$MNT"
    healed
    umount "$MNT"
done

# ---- a leaf of its own is damaged: the last of what is to be freed ----
make
/tests/bin/damage "$PMEM" leaf "$big" 0
mount_fs errors=continue
says "the truncate" "Structure needs cleaning" truncate "$MNT/big" 4096
expect_eq "$(stat -c %s "$MNT/big")" 4096 "the size"
says "a write" "Structure needs cleaning" write "$MNT/big" 0
says "a write behind the end" "Structure needs cleaning" write "$MNT/big" 5000
says "to grow" "Structure needs cleaning" truncate "$MNT/big" 9000000
says "to shrink" "Structure needs cleaning" truncate "$MNT/big" 1
echo more >>"$MNT/sound"
mkdir "$MNT/dir"
# Unlinked, it is counted as an orphan once.
ln "$MNT/big" "$MNT/dir/big"
rm "$MNT/big"
mv "$MNT/dir/big" "$MNT/big"
umount "$MNT"
/tests/bin/damage "$PMEM" leaf "$big" 0
mount_fs
expect_eq "$(stat -c %s "$MNT/big")" 4096 "the size"
[ "$(stat -c %b "$MNT/big")" -le 24 ] || fail "$(stat -c %b "$MNT/big") sectors are left"
says "a write" ok write "$MNT/big" 0
umount "$MNT"
healed
umount "$MNT"

# ---- ... and then it loses its name ----
make
/tests/bin/damage "$PMEM" leaf "$big" 0
mount_fs errors=continue
says "the truncate" "Structure needs cleaning" truncate "$MNT/big" 4096
rm "$MNT/big"
umount "$MNT"
/tests/bin/damage "$PMEM" leaf "$big" 0
mount_fs
# Of what the mount finishes only the two small files are left, and what holds them.
[ "$(stat -f -c %f "$MNT")" -ge $((free - 32)) ] || fail "$((free - $(stat -f -c %f "$MNT"))) blocks are not free again"
umount "$MNT"
healed
umount "$MNT"

# ---- a collapse that comes to a damaged leaf ----
make
/tests/bin/damage "$PMEM" leaf "$big" 8
mount_fs errors=continue
says "the collapse" "Structure needs cleaning" collapse "$MNT/big" 1001 77
says "a block in front of it" ok read "$MNT/big" 1000
says "the last block" "Structure needs cleaning" read "$MNT/big" 3900
# Not even a byte of a sound block becomes zero.
dd if="$MNT/big" bs=4096 count=1 2>/dev/null >/tmp/first
says "to zero bytes" "Structure needs cleaning" zero "$MNT/big" 100 50
says "to allocate" "Structure needs cleaning" allocate "$MNT/big" 0 1
dd if="$MNT/big" bs=4096 count=1 2>/dev/null | cmp - /tmp/first
says "a write" "Structure needs cleaning" write "$MNT/big" 0
says "to shrink" "Structure needs cleaning" truncate "$MNT/big" 1
echo more >>"$MNT/sound"
umount "$MNT"
/tests/bin/damage "$PMEM" leaf "$big" 8
mount_fs
expect_eq "$(/tests/bin/shift check "$MNT/big" $extents)" collapsed "the file"
umount "$MNT"
healed
umount "$MNT"
