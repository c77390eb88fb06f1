# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 240
# Two processors at work in two directories of the root, which are in two groups, never wait for a lock of ours; in two
# directories of one group they do. The kernel tells of each wait, and who wanted the lock.
mkfs.daxfs -q -f "$PMEM" 1G
mount_fs
mkdir "$MNT/a" "$MNT/b" "$MNT/a/x" "$MNT/a/y"
grep -q " $TRACING " /proc/mounts || mount -t tracefs tracefs "$TRACING"

# waits DIRECTORY DIRECTORY: how often somebody waited for a lock that a function of the module takes itself
waits() {
    # The first of all needs new blocks of inodes.
    /tests/bin/two_directories "$1" "$2" 5
    echo >"$TRACING/trace"
    echo 1 >"$TRACING/options/stacktrace"
    echo 1 >"$TRACING/events/lock/contention_begin/enable"
    /tests/bin/two_directories "$1" "$2" "$(count 400)"
    echo 0 >"$TRACING/events/lock/contention_begin/enable"
    echo 0 >"$TRACING/options/stacktrace"
    # What takes locks for others is passed over, up to the first that does not.
    awk '
        NR == FNR { if ($4 == "[daxfs]") ours[$3]; next }
        /<stack trace>/ { looking = 1; next }
        looking && /^ => / {
            if ($2 ~ /contention|mutex|rwsem|down_|spin|_lock_slowpath|queued_|preempt_|__lock/)
                next
            looking = 0
            if ($2 in ours)
                print $2
        }' /proc/kallsyms "$TRACING/trace" | sort | uniq -c | sort -rn >/tmp/waits
    awk '{ sum += $1 } END { print sum + 0 }' /tmp/waits
}

apart=$(waits "$MNT/a" "$MNT/b")
[ "$apart" = 0 ] || fail "$apart waits of two groups: $(cat /tmp/waits)"
together=$(waits "$MNT/a/x" "$MNT/a/y")
[ "$together" -gt 0 ] || fail "no wait was seen where there must be some"
unmount_check
