# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# fs: none
# time: 240
# module: points
# Memory that is short is no damage, and leaves nothing unfinished. On a kernel that can have allocations fail (debug) those
# of the module in a mount fail in turn: the mount fails, or has done all of it. On others none does.
POINT=/sys/kernel/debug/daxfs/points/committed
extents=1200

# Those that have the module on the stack. Copies from and to user space are counted among them.
choose_allocations() {
    text=$(cat /sys/module/daxfs/sections/.text)
    size=$(awk '$1 == "daxfs" { print $2 }' /proc/modules)
    for fault in /sys/kernel/debug/failslab /sys/kernel/debug/fail_page_alloc /sys/kernel/debug/fail_usercopy; do
        echo 0 >$fault/verbose
        echo -1 >$fault/times
        [ ! -e $fault/ignore-gfp-wait ] || echo N >$fault/ignore-gfp-wait
        echo 32 >$fault/stacktrace-depth
        echo "$text" >$fault/require-start
        printf '0x%x\n' $((text + size)) >$fault/require-end
    done
    echo 0 >/sys/kernel/debug/fail_page_alloc/min-order
}

first=0
can_fail=
if [ -e /proc/self/fail-nth ]; then
    choose_allocations
    can_fail=yes
    first=1
fi

keep_image() { dd if="$PMEM" of=/tmp/image bs=1M count=32 2>/dev/null; }
bring_image() { dd if=/tmp/image of="$PMEM" bs=1M conv=notrunc 2>/dev/null; }

# failing N ...: $result is what came of it, $reached how many allocations it had, N at most
failing() {
    dmesg -c >/dev/null
    result=$(/tests/bin/failing "$@") || fail "failing $*: $result"
    reached=${result%% *}
    result=${result#* }
    [ "$result" = ok ] || [ "$result" = "Cannot allocate memory" ] || fail "failing $*: $result"
    no_damage "failing $*: $result"
}

no_damage() { # WHAT
    ! dmesg | grep 'daxfs.*damage' || fail "$1: damage"
}

# each_failing FROM BEFORE AFTER COMMAND...: from allocation FROM to the last, with something done before and after
each_failing() {
    n=$1
    before=$2
    after=$3
    shift 3
    while :; do
        $before
        failing "$n" "$@"
        $after
        [ "$n" = "$reached" ] || break
        [ $can_fail ] || break
        n=$((n + 1))
    done
    echo "$*: $reached allocations"
}

# Of a mount those of its last part, in which recovery is: before that it fails.
each_mount() { # CHECK
    check=$1
    bring_image
    from=0
    if [ $can_fail ]; then
        failing 100000 mount "$PMEM" "$MNT"
        umount "$MNT"
        bring_image
        from=$((reached > 60 ? reached - 60 : 1))
    fi
    mounts=0
    each_failing $from : look_at_mount mount "$PMEM" "$MNT"
    [ $mounts -gt 0 ] || fail "no mount succeeded"
    echo "$check: $mounts mounts"
}

look_at_mount() {
    # What failed is mounted again as it is.
    [ "$result" = ok ] || return 0
    mounts=$((mounts + 1))
    echo more >"$MNT/more"
    $check
    no_damage "$check, after a mount with allocation $n failing"
    unmount_check
    bring_image
}

# Stops the filesystem in the middle of an operation that takes many transactions.
cut_off() { # CALL ARGUMENT...
    mkfs.daxfs -q -f "$PMEM" 32M
    mount_fs
    /tests/bin/shift make "$MNT/big" $extents
    what=$1
    shift
    parked_at $POINT /tests/bin/errors "$what" "$MNT/big" "$@" >/tmp/cut &
    await_parked $POINT $!
    /tests/bin/shutdown "$MNT"
    echo off >$POINT
    wait $!
    expect_eq "$(cat /tmp/cut)" "Input/output error" "a $what that is cut off"
    umount "$MNT"
    fsck.daxfs -n "$PMEM" >/tmp/fsck.out || :
    grep -q '(/big)' /tmp/fsck.out || fail "no $what to go on with: $(cat /tmp/fsck.out)"
    keep_image
}

# ---- an orphan in a group that only recovery looks into, and a file in the same block of inodes ----
mkfs.daxfs -q -f --ag-size 16M "$PMEM" 32M
mount_fs
mkdir "$MNT/a" "$MNT/b" "$MNT/c" "$MNT/d"
dir=$(basename "$(stat -c '%i %n' "$MNT"/[a-d] | sort -n | tail -n 1 | cut -d ' ' -f 2)")
for i in 1 2 3 4; do
    echo $i >"$MNT/$dir/left$i"
done
[ "$(stat -c %i "$MNT/$dir")" -gt $(((16 << 20) / 512)) ] || fail "$dir is in the first group"
exec 8<"$MNT/$dir/left2"
rm "$MNT/$dir/left2"
/tests/bin/shutdown "$MNT"
exec 8<&-
umount "$MNT"
keep_image
loses_another_name() {
    rm "$MNT/$dir/left3"
    expect_eq "$(cat "$MNT/$dir"/left*)" "1
4" "what is left"
}
each_mount loses_another_name

# ---- names of inodes in a group that nobody has looked into ----
mount_cold() { /tests/bin/failing 0 mount "$PMEM" "$MNT" ro >/dev/null; }
each_failing $first mount_cold "umount $MNT" stat "$MNT/$dir/left1"

# ---- operations that were cut off ----
goes_on() {
    expect_eq "$(/tests/bin/errors write "$MNT/big" 0)" ok "a write with allocation $n failing"
}
cut_off truncate 4096
each_mount goes_on
is_collapsed() {
    expect_eq "$(/tests/bin/shift check "$MNT/big" $extents)" collapsed "the file with allocation $n failing"
    goes_on
}
cut_off collapse 1001 77
each_mount is_collapsed
