# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# fs: none
# time: 300
# Journals that would undo what no transaction changes, with right checksums: nothing is applied, and the kernel refuses
# what fsck.daxfs calls damage. A mount with ro shows the files, without recovery, and stays read-only.
sum() { dd if="$PMEM" bs=1M count=4 2>/dev/null | md5sum; }

new() {
    mkfs.daxfs -q -f --journals 2 "$PMEM" 32M
    mount_fs
    echo text >"$MNT/file"
    umount "$MNT"
}

refused() { # WHAT
    before=$(sum)
    dmesg -c >/dev/null
    expect_fail mount_fs 2>/dev/null
    dmesg | grep -q 'daxfs (pmem0): damage: ' || fail "$1: the log does not name it"
    dmesg | grep -q 'run fsck.daxfs' || fail "$1: the log does not say what to do"
    mount_fs ro
    expect_eq "$(cat "$MNT/file")" text "$1: the file"
    expect_fail mount -o remount,rw "$MNT" 2>/dev/null
    umount "$MNT"
    expect_eq "$(sum)" "$before" "$1: the device"
    fsck.daxfs -n "$PMEM" >/tmp/fsck.out && fail "$1: fsck.daxfs finds nothing"
    grep -q "journal" /tmp/fsck.out || fail "$1: fsck.daxfs: $(cat /tmp/fsck.out)"
}

for change in "journal_count 200" "journal_blocks 64" "journal_count 0" "block_count 100" "root_ino 9" "nonce 1" \
    "hash_key 1" "version 9" "incompat 1" "initialised_ags 9" "initialised_ags 0"; do
    new
    # shellcheck disable=SC2086
    /tests/bin/damage "$PMEM" undo-super $change
    refused "$change"
done
# The superblock in part, the intents, the journals themselves, across the end of a block, and outside.
for place in "0 0 64" "0 4096 64" "0 8192 512" "0 28672 128" "1 28800 8" "0 36800 128" "0 99999999999 8"; do
    new
    # shellcheck disable=SC2086
    /tests/bin/damage "$PMEM" undo $place
    refused "undo $place"
done
# Two journals, and one inode.
new
/tests/bin/damage "$PMEM" undo 0 12582912 8
/tests/bin/damage "$PMEM" undo 1 12583136 8
refused "two that share a unit"
for what in "journal 0" "word 1"; do
    new
    # shellcheck disable=SC2086
    /tests/bin/damage "$PMEM" $what
    refused "$what"
    # shellcheck disable=SC2086
    /tests/bin/damage "$PMEM" $what
    mount_fs
    unmount_check
done

# What a transaction does change is rolled back.
for change in "state 1" "label 65"; do
    new
    # shellcheck disable=SC2086
    /tests/bin/damage "$PMEM" undo-super $change
    mount_fs
    echo more >>"$MNT/file"
    umount "$MNT"
    dmesg | grep -q 'journal 0: rolled back' || fail "$change: not rolled back"
done
new
/tests/bin/damage "$PMEM" undo 0 12582912 8
/tests/bin/damage "$PMEM" undo 1 12583424 8
mount_fs
unmount_check
