# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# fs: none
# time: 60
# The first transaction of each slot in a mount leaves a sequence out, so that nothing that a power cut left behind in
# the slot has the sequence of a transaction to come (tests/model/journal.pml has what would happen). The commit words
# add up to one for each commit, and one more for each slot that was used.
sequences() {
    for id in 0 1; do
        daxdb -c "journal $id" "$PMEM" | awk '$1 == "sequence" { print $2 }'
    done
}

mkfs.daxfs -q -f --journals 2 "$PMEM" 32M
for round in 1 2 3; do
    sequences >/tmp/before
    mount_fs
    first=$(cat /sys/fs/daxfs/pmem0/commits)
    echo text >"$MNT/file-$round"
    rm "$MNT/file-$round"
    commits=$(($(cat /sys/fs/daxfs/pmem0/commits) - first))
    [ "$commits" -ge 2 ] || fail "round $round: $commits commits"
    sequences >/tmp/after
    moved=$(paste /tmp/before /tmp/after | awk '{ sum += $2 - $1 } END { print sum }')
    slots=$(paste /tmp/before /tmp/after | awk '$1 != $2 { used++ } END { print used }')
    expect_eq "$moved" $((commits + slots)) "round $round: sequences for $commits commits in $slots slots"
    umount "$MNT"
done
