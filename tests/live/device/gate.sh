# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# module: points
# time: 240
# The driver is unbound while a thread is held in the middle of an operation: the memory stays until the thread is out.
# Other tests of removal see nothing of a gate that is open, because a call takes microseconds and the removal far longer
# before it comes to give the memory back.
# shellcheck source=tests/live/device/lib
. /tests/device/lib

# Later tests find their device.
trap 'umount "$MNT" 2>/dev/null || true; [ -b "$PMEM" ] || bind' EXIT

# The operation, and where it is held.
for case in "write reserve" "write stored" "mkdir stored" "truncate logged" "fault zero"; do
    # shellcheck disable=SC2086
    set -- $case
    mount_fs
    result=$(/tests/bin/gate "$1" "$2" "$MNT/file" $DRIVER/unbind "$DEVICE") || fail "$1 held at $2: $result"
    echo "$1 held at $2: $result"
    umount "$MNT"
    bind
    fsck.daxfs -p "$PMEM" >/tmp/fsck.out 2>&1 || [ $? = 1 ] || {
        cat /tmp/fsck.out
        fail "$1 held at $2: fsck.daxfs -p"
    }
    mount_fs
    # Whoever had begun a transaction finished it; what was said to be done is there.
    case "$case $result" in
    "write "*" EIO") expect_eq "$(stat -c %s "$MNT/file")" 0 "size after a write that failed" ;;
    "write "*) expect_eq "$(tr -d f <"$MNT/file" | wc -c) $(stat -c %s "$MNT/file")" "0 ${result#done }" "what was written" ;;
    "mkdir stored done 0") [ -d "$MNT/file.new" ] || fail "a directory that was made is not there" ;;
    "mkdir stored EIO") [ ! -e "$MNT/file.new" ] || fail "a directory that could not be made is there" ;;
    "truncate logged "*) expect_eq "$(stat -c %s "$MNT/file")" 100 "size after a truncate" ;;
    "fault zero "*) ;;
    *) fail "$1 held at $2: $result" ;;
    esac
    rm -rf "$MNT"/file*
    unmount_check
done
