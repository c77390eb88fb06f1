# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# fs: none
# time: 120
# module: points
# A call that changes attributes, and fails because damage was met elsewhere when it had begun, changes none: what the
# mount says of the file is what is on the device.
POINT=/sys/kernel/debug/daxfs/points/committed

state_of() { sed 's/.*) //; s/ .*//' "/proc/$1/stat"; }

# Until it waits for the inode lock.
await_blocked() { # PID
    for _ in $(seq 100); do
        [ "$(state_of "$1")" != D ] || return 0
        sleep 0.1
    done
    fail "it does not wait"
}

says() { stat -c 'mode %a owner %u:%g size %s times %x %y %z' "$MNT/file"; }

prepare() {
    mkfs_mount
    echo bad >"$MNT/bad"
    bad=$(stat -c %i "$MNT/bad")
    echo text >"$MNT/file"
    truncate -s 20000 "$MNT/file"
    chmod 4755 "$MNT/file"
    touch -d '2001-02-03 04:05:06' "$MNT/file"
    umount "$MNT"
    /tests/bin/damage "$PMEM" inode "$bad"
    mount_fs errors=remount-ro
}

# Damage, while somebody is parked; then he goes on.
meet_damage() {
    expect_fail cat "$MNT/bad" 2>/dev/null
    echo go >$POINT
}

same_on_device() { # WHAT
    now=$(says)
    umount "$MNT"
    /tests/bin/damage "$PMEM" inode "$bad"
    mount_fs
    expect_eq "$now" "$(says)" "$1"
    umount "$MNT"
    # That damage was met is noted.
    fsck.daxfs -p "$PMEM" >/tmp/fsck.out || [ $? = 1 ] || fail "fsck.daxfs -p: $(cat /tmp/fsck.out)"
    fsck_clean
}

# A store to a hole holds the inode lock, and neither the inode's i_rwsem nor what says that it may be written.
try() { # COMMAND...
    prepare
    parked_at $POINT /tests/bin/poison store "$MNT/file" 8192 >/tmp/stored &
    store=$!
    await_parked $POINT $store
    "$@" "$MNT/file" >/tmp/call 2>&1 &
    call=$!
    await_blocked $call
    meet_damage
    wait $store
    wait $call || :
    grep -q "Read-only file system" /tmp/call || fail "$*: $(cat /tmp/call)"
    same_on_device "$*"
}
flags() { exec /tests/bin/errors flags "$1" 0x40; } # FS_NODUMP_FL
try chmod 0600
try chown 12:34
try touch -d '2011-02-03 04:05:06'
try flags

# The size moves in a transaction of its own, the times with what follows.
prepare
parked_at $POINT /tests/bin/errors truncate "$MNT/file" 4096 >/tmp/call &
call=$!
await_parked $POINT $call
meet_damage
wait $call
expect_eq "$(cat /tmp/call)" "Read-only file system" "the truncate"
same_on_device truncate
