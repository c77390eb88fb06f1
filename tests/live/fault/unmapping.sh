# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# What a thread stores to a mapping that munmap(2) is taking down does not get into the file that has the blocks next. And
# a mapping grows where it is: the flag that would have the kernel see to the first forbids the second.
mount_fs
rounds=$(count 200)
/tests/bin/unmapping "$MNT" "$rounds" >/tmp/unmapping || fail "$(cat /tmp/unmapping)"
same=$(cat /tmp/unmapping)
[ "$same" -ge $((rounds / 10)) ] || fail "the other file got the same blocks in $same of $rounds rounds"
unmount_check
