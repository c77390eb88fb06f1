# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# fs: none
# tool: mkfs.ext4
# time: 300
# Whose operations are counted, where the report goes, and what the exit status says.
# shellcheck source=tests/live/trace/lib
. /tests/trace/lib

# status COMMAND...: its exit status
status() {
    code=0
    "$@" >/tmp/out 2>&1 || code=$?
    echo $code
}

mkfs.ext4 -q -F -b 4096 "$PMEM"
mount -t ext4 -o dax=always "$PMEM" "$MNT"
fallocate -l 2097152 "$MNT/a"

expect_eq "$(status daxtrace summary -- sh -c 'exit 7')" 7 "exit status of a command that ends with 7"
expect_eq "$(status daxtrace summary -- sh -c 'kill -9 $$')" 137 "exit status of a killed command"
expect_eq "$(status daxtrace summary -- /no/such/program)" 127 "exit status without a program"
expect_eq "$(status daxtrace summary)" 2 "exit status of a usage error"
expect_eq "$(status daxtrace summary --dev /no/such/path -d 1)" 2 "exit status of a missing --dev"
expect_eq "$(status daxtrace doctor)" 0 "exit status of the doctor"
grep -q 'dax_pmd_fault_done *works' /tmp/out || fail "the doctor finds no fault tracepoint"

# Children and grandchildren belong to the command.
traced sh -c "sh -c '$TOUCH $MNT/a r 0 4096 4096; $TOUCH $MNT/a r 0 4096 4096'; $TOUCH $MNT/a r 0 4096 4096"
expect_eq "$(($(op fault_pte_read) + $(op fault_pmd_read)))" 3 "faults of three descendants"

while :; do "$TOUCH" "$MNT/a" r 0 4096 4096; done &
other=$!
traced sleep 1
expect_eq "$(event seen)" 0 "events of a sleeping command"
[ "$(event of_other_processes)" -gt 0 ] || fail "the other process was not noticed"

daxtrace summary --json -o "$REPORT" --all -- sleep 1
[ "$(event seen)" -gt 0 ] || fail "--all saw nothing"
daxtrace summary --json -o "$REPORT" -d 1 --dev "$MNT"
[ "$(event seen)" -gt 0 ] || fail "--dev $MNT saw nothing"
daxtrace summary --json -o "$REPORT" -d 1 --dev /tmp
expect_eq "$(event seen)" 0 "events of another device"
[ "$(event of_other_devices)" -gt 0 ] || fail "the other device was not noticed"
daxtrace summary --json -o "$REPORT" -d 1 -p $other
[ "$(event seen)" -gt 0 ] || fail "-p saw nothing of the children of $other"
kill $other
