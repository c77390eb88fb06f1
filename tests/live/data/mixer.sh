# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 200
# Random operations through every door of a file agree with a model in memory: one thread, several on the same bytes,
# several on neighbouring bytes of the same blocks; and the bytes are there after a new mount.
mount_fs
mix() { # FILE OPTION...
    file=$MNT/$1
    shift
    /tests/bin/mixer "$file" "$@"
}
mix alone --rounds "$(count 2000)"
mix alone2 --rounds "$(count 600)" --size 4M --seed 2
mix together --threads 3 --rounds "$(count 150)" --seed 3
mix together2 --threads 2 --rounds "$(count 150)" --seed 4 --size 16384
mix apart --threads 4 --disjoint --rounds "$(count 150)" --seed 5
sums=$(cd "$MNT" && md5sum a* t*)
remount
expect_eq "$(cd "$MNT" && md5sum a* t*)" "$sums" "contents after a new mount"
unmount_check
