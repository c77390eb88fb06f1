# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 60
# module: points
# fallocate(2) that waits for the file's lock while the file becomes immutable, or append-only, changes nothing: the VFS
# looked at the flags before.
POINT=/sys/kernel/debug/daxfs/points/unmapped

# While a truncate has the lock a flag is asked for, and then WHAT
refused() { # FLAG WHAT...
    flag=$1
    shift
    dd if=/dev/zero of="$MNT/file" bs=4096 count=8 2>/dev/null
    echo "delay 1000000" >$POINT
    /tests/bin/errors truncate "$MNT/file" 16384 >/tmp/truncate &
    truncating=$!
    sleep 0.3
    /tests/bin/errors flags "$MNT/file" "$flag" >/dev/null &
    flagging=$!
    sleep 0.3
    what=$1
    shift
    expect_eq "$(/tests/bin/errors "$what" "$MNT/file" "$@")" "Operation not permitted" "flag $flag: $what"
    wait $truncating
    wait $flagging
    echo off >$POINT
    expect_eq "$(cat /tmp/truncate)" ok "the truncate"
    expect_eq "$(stat -c %s "$MNT/file")" 16384 "the size"
    /tests/bin/errors flags "$MNT/file" 0 >/dev/null
}

mount_fs
# FS_IMMUTABLE_FL, FS_APPEND_FL
refused 0x10 allocate 4 4
refused 0x10 zero 100 50
refused 0x20 zero 100 50
unmount_check
