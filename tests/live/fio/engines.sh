# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 240
# tool: fio
# fio writes at random through each of its engines and reads everything back: every block carries its checksum and its
# place. Then, through the same engines, two jobs each on one file, in sizes that fit no block.
mount_fs
cat >/tmp/jobs <<'JOBS'
[global]
thread
directory=/mnt
size=4m
rw=randwrite
bsrange=4k-64k
verify=crc32c
verify_fatal=1
verify_state_save=0
randseed=7
fallocate=none
stonewall

[psync]
ioengine=psync
[mmap]
ioengine=mmap
[libaio]
ioengine=libaio
iodepth=8
direct=1
[io_uring]
ioengine=io_uring
iodepth=8
[libpmem]
ioengine=libpmem
direct=1
bsrange=4k-4k

[psync-odd]
ioengine=psync
bsrange=512-9216
bs_unaligned
[mmap-overwrite]
ioengine=mmap
filename=psync.0.0
bsrange=512-9216
bs_unaligned
[append]
ioengine=psync
rw=write
bsrange=512-9216
bs_unaligned
fsync=16
JOBS
fio --output-format=terse --terse-version=3 /tmp/jobs >/tmp/fio.out 2>&1 || {
    cat /tmp/fio.out
    fail "fio: exit $?"
}
# Terse: job name is the 3rd field, its error the 5th, kilobytes read and written the 6th and the 47th.
awk -F';' '$1 == 3 { print $3, $5, $6, $47 }' /tmp/fio.out >/tmp/fio.jobs
expect_eq "$(wc -l </tmp/fio.jobs)" 8 "jobs that ran: $(cat /tmp/fio.out)"
while read -r job error read written; do
    expect_eq "$error" 0 "error of $job"
    [ "$written" -ge 3900 ] || fail "$job wrote $written KiB"
    [ "$read" -ge 3900 ] || fail "$job verified $read KiB"
done </tmp/fio.jobs
unmount_check
