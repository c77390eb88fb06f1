# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# module: points
# Whoever makes new inodes has one of them, however fast others take all that there are: no ENOSPC while there is space.
point=/sys/kernel/debug/daxfs/points/claim
free_inodes() { echo $(($(stat -f -c %d "$MNT") - 8 * $(cat /sys/fs/daxfs/pmem0/free_blocks))); }
made=0
take() { # COUNT: so many free inodes
    /tests/bin/inodes create "$MNT/others" $made "$1"
    made=$((made + $1))
}

mkfs.daxfs -q -f --ag-size 1G "$PMEM"
mount_fs
mkdir "$MNT/own" "$MNT/others"
[ "$(free_inodes)" -gt 1 ] || take 1
take $(($(free_inodes) - 1))
expect_eq "$(free_inodes)" 1 "free inodes"
rm -f /tmp/tid /tmp/created
{
    sh -c "echo \$\$ >/tmp/tid; echo park \$\$ >$point; exec touch $MNT/own/file" && echo yes >/tmp/created ||
        echo no >/tmp/created
} &
await_parked $point $!
for round in $(seq 60); do
    take "$(free_inodes)"
    echo "park $(cat /tmp/tid)" >$point
    echo go >$point
    until [ -e /tmp/created ] || grep -q 'hits 1 parked 1' $point; do sleep 0.01; done
    [ ! -e /tmp/created ] || break
done
echo off >$point
wait
expect_eq "$(cat /tmp/created)" yes "created, after round $round"
[ -e "$MNT/own/file" ] || fail "no file"
unmount_check
