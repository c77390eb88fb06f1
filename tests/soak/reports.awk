# SPDX-License-Identifier: GPL-2.0-or-later
# Reports of the kernel in a log, one line each: "ours" where the module is on the stack or is named, else "other", then
# the first line. What ext4-DAX raises on the same kernel is the DAX core's: list its first lines in core_reports.

function finish() {
    if (head != "")
        print (head ~ core ? "core" : ours ? "ours" : "other") ": " head
    head = ""
}

BEGIN {
    start = "WARNING: |BUG: |Oops: |UBSAN: |KASAN: |general protection|blocked for more than|unreferenced object"
    core = "^$"  # none is known
}
{
    line = $0
    sub(/^(console: )?(\[ *[0-9.]+\] *)?(kmemleak: )?/, "", line)
}
line ~ start && !(head != "" && NR - first < 4) {
    finish()
    head = line
    first = NR
    ours = 0
}
head != "" && NR - first < 120 {
    if (line ~ /\[daxfs\]|daxfs_|comm "?mixer/)
        ours = 1
}
head != "" && NR - first >= 120 { finish() }
END { finish() }
