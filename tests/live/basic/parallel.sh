# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 180
# More tasks than journals, in directories of their own and in one together.
mount_fs
mkdir "$MNT/shared"
worker() {
    mkdir "$MNT/own$1"
    i=0
    while [ $i -lt 60 ]; do
        echo "$1 $i" >"$MNT/own$1/f$i"
        echo "$1 $i" >"$MNT/shared/$1-$i"
        [ $((i % 3)) != 0 ] || rm "$MNT/own$1/f$i"
        mv "$MNT/shared/$1-$i" "$MNT/own$1/moved$i"
        i=$((i + 1))
    done
}
w=0
while [ $w -lt 12 ]; do
    worker $w &
    w=$((w + 1))
done
wait
expect_eq "$(find "$MNT" -name 'moved*' | wc -l)" 720 "moved files"
expect_eq "$(find "$MNT" -path '*/own*/f*' | wc -l)" 480 "files of their own"
expect_eq "$(cat "$MNT/own7/moved31")" "7 31" "contents"
unmount_check
