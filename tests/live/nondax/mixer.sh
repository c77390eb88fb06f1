# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 300
# The data mixer on files in the page cache: threads on the same bytes and on neighbouring ones, direct I/O among them.
mount_fs dax=never
mix() { # FILE OPTION...
    file=$MNT/$1
    shift
    /tests/bin/mixer "$file" "$@"
}
mix alone --rounds 600 --seed 11
mix together --threads 3 --rounds 80 --seed 13
mix apart --threads 4 --disjoint --rounds 80 --seed 15
sums=$(cd "$MNT" && md5sum a* t*)
remount dax=always
expect_eq "$(cd "$MNT" && md5sum a* t*)" "$sums" "contents through DAX"
unmount_check
