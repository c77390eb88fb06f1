# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 600
# A filesystem that goes down in the middle of an insert, a collapse or a truncate over thousands of extents: the next
# mount, also a read-only one, or fsck.daxfs -p finishes it, and the file is as before the call or as after it.
extents=20000
file=$MNT/file
cuts=0
in_between=0
mount_fs

# What nobody has recovered yet can be read up to the place from which on it is neither as before nor as after.
look_unrecovered() {
    fsck.daxfs -n "$PMEM" >/tmp/fsck.out 2>&1 || grep -q 'needs recovery' /tmp/fsck.out || {
        cat /tmp/fsck.out
        fail "fsck.daxfs -n finds more than a crash leaves"
    }
    grep -q 'a collapse or insert at' /tmp/fsck.out || return 0
    in_between=$((in_between + 1))
    mount_fs ro,norecovery
    why=$(cat "$file" 2>&1 >/dev/null) && fail "a file in between can be read"
    [ "${why%cleaning}" != "$why" ] || fail "a file in between: $why"
    umount "$MNT"
}

# Unmounts, and mounts again what was recovered HOW.
recover() { # mount|ro|fsck
    umount "$MNT"
    look_unrecovered
    case $1 in
    fsck)
        fsck.daxfs -p "$PMEM" >/tmp/fsck.out 2>&1 || [ $? = 1 ] || {
            cat /tmp/fsck.out
            fail "fsck.daxfs -p"
        }
        fsck_clean
        ;;
    ro)
        mount_fs ro
        state=$(/tests/bin/shift check "$file" $extents) || fail "read-only: $state"
        umount "$MNT"
        fsck_clean
        ;;
    esac
    mount_fs
}

# Cut off after TENTHS of the time that it takes; $state: what the file is then.
cut_shift() { # collapse|insert TENTHS HOW
    ended=$(/tests/bin/shift cut "$file" "$1" $(($2 * duration / 10)))
    recover "$3"
    before=$state
    state=$(/tests/bin/shift check "$file" $extents) || fail "$1, $2 tenths, $3: $state"
    echo "$1 of a file that was $before, $2 tenths, $3: $ended, $state"
    [ "$ended" = cut ] || return 0
    cuts=$((cuts + 1))
    # What was announced and did not end: an insert has not been, a collapse has.
    [ "$1" = collapse ] || expect_eq "$state" "$before" "an insert that was cut off"
}

cut_truncate() { # TENTHS HOW
    ended=$(/tests/bin/shift cut "$file" truncate $(($1 * duration / 10)))
    umount "$MNT"
    [ "$2" = mount ] || fsck.daxfs -p "$PMEM" >/dev/null || [ $? = 1 ] || fail "fsck.daxfs -p"
    mount_fs
    size=$(stat -c %s "$file")
    echo "truncate, $1 tenths, $2: $ended, $size bytes"
    [ "$ended" != cut ] || cuts=$((cuts + 1))
    if [ "$size" != $((extents * 8192)) ]; then
        expect_eq "$size" 4096010 "the size after a truncate that was cut off"
        # 501 blocks and their tree nodes.
        [ "$(stat -c %b "$file")" -le $((510 * 8)) ] || fail "$(stat -c %b "$file") sectors are left"
    fi
}

/tests/bin/shift make "$file" $extents
state=made
duration=$(/tests/bin/shift run "$file" insert)
echo "an insert takes $duration us"
/tests/bin/shift run "$file" collapse >/dev/null
for tenths in 1 3 5 8; do
    for how in mount fsck ro; do
        if [ "$state" = made ]; then
            cut_shift insert $tenths $how
        else
            cut_shift collapse $tenths $how
        fi
    done
    # Whole and again, so that collapses get their share.
    [ "$state" = inserted ] || /tests/bin/shift run "$file" insert >/dev/null
    state=inserted
    cut_shift collapse $tenths fsck
    [ "$state" = made ] || /tests/bin/shift run "$file" collapse >/dev/null
    state=made
done
echo "$cuts shifts were cut, $in_between of them in between"
[ $in_between -ge 6 ] || fail "only $in_between of $cuts cuts left a file in between"
for how in mount fsck; do
    cut_shift collapse 3 $how # of blocks that are there
    /tests/bin/shift make "$file" $extents
    state=made
    cut_truncate 4 $how
    /tests/bin/shift make "$file" $extents
done
unmount_check
