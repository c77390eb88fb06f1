# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# module: points
# One create is held in its commit, with its allocation group locked. Creates that wait for that group hold no slot of the
# journals: a change that needs no group goes through, with two journals and eight waiters.
logged=/sys/kernel/debug/daxfs/points/logged
mkfs.daxfs -q -f --journals 2 --ag-size 64M "$PMEM" 64M
mount_fs
touch "$MNT/file"
mkdir "$MNT/d0"
for i in 1 2 3 4 5 6 7 8; do mkdir "$MNT/d$i"; done

echo park >$logged
touch "$MNT/d0/held" &
held=$!
await_parked $logged $held
others=
for i in 1 2 3 4 5 6 7 8; do
    touch "$MNT/d$i/waits" &
    others="$others $!"
done
sleep 1
chmod 600 "$MNT/file" &
change=$!
for _ in $(seq 100); do
    kill -0 $change 2>/dev/null || break
    sleep 0.1
done
kill -0 $change 2>/dev/null && late=1
# shellcheck disable=SC2086
for pid in $others; do kill -0 "$pid" 2>/dev/null && waiting=$((${waiting:-0} + 1)); done
echo go >$logged
# shellcheck disable=SC2086
wait $held $change $others
expect_eq "${late:-0}" 0 "chmod waited for a slot"
# All of them are in the one group that there is.
expect_eq "${waiting:-0}" 8 "creates that waited for the group"
expect_eq "$(stat -c %a "$MNT/file")" 600 "mode"
for i in 1 2 3 4 5 6 7 8; do [ -e "$MNT/d$i/waits" ] || fail "d$i/waits is missing"; done
unmount_check
