// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxtrace/reasons.h"

#include <array>

namespace daxfs::trace {
namespace {

constexpr std::array kReasons{
    Reason{DAXTRACE_REASON_COLOUR, "misaligned_mapping", "address and file offset differ modulo 2 MiB",
           "Let mmap() choose the address (NULL, without MAP_FIXED), or choose one that is congruent with the file "
           "offset modulo 2 MiB.",
           true},
    Reason{DAXTRACE_REASON_PRIVATE_COW, "private_mapping", "write to a private mapping",
           "Map with MAP_SHARED: a private write copies pages of 4 KiB.", true},
    Reason{DAXTRACE_REASON_VMA_START, "mapping_starts_inside", "the mapping starts inside the 2 MiB",
           "Start the mapping at a file offset that is a multiple of 2 MiB.", true},
    Reason{DAXTRACE_REASON_VMA_END, "mapping_ends_inside", "the mapping ends inside the 2 MiB",
           "Let the mapping reach the next multiple of 2 MiB.", true},
    Reason{DAXTRACE_REASON_VMA_EDGE, "mapping_edge_inside", "the mapping starts or ends inside the 2 MiB",
           "Map whole multiples of 2 MiB, from a file offset that is one.", true},
    Reason{DAXTRACE_REASON_EOF, "end_of_file", "the file ends inside the 2 MiB",
           "Make the file a multiple of 2 MiB long before mapping it (fallocate -l, truncate -s).", true},
    Reason{
        DAXTRACE_REASON_PTE_CONFLICT, "cached_as_4k", "part of the range is cached as 4 KiB entries",
        "They stay while the inode is in memory: have the first access be a 2 MiB fault, or unmap the file and drop "
        "caches (echo 2 > /proc/sys/vm/drop_caches) or mount again. On daxfs unmap it everywhere, then map it again.",
        true},
    Reason{DAXTRACE_REASON_MAP_ERROR, "mapping_failed", "the filesystem could not map the range",
           "Look at free space (df), at quotas and at the kernel log.", true},
    Reason{DAXTRACE_REASON_SHORT_EXTENT, "short_extent", "extent shorter than 2 MiB",
           "Allocate in one piece: fallocate the file before writing to it.\n"
           "XFS: mkfs.xfs -d su=2m,sw=1; xfs_io -c \"extsize 2m\" on the directory\n"
           "ext4: mkfs.ext4 -E stride=512,stripe_width=512",
           true},
    Reason{DAXTRACE_REASON_HOLE, "hole", "a hole or unwritten, and no huge zero page for it",
           "Allocate and write the range first, or allow the huge zero page "
           "(/sys/kernel/mm/transparent_hugepage/use_zero_page).",
           true},
    Reason{DAXTRACE_REASON_PHYS_MISALIGNED, "misaligned_extent", "the extent is not 2 MiB aligned on the device",
           "Align the partition to 2 MiB, let the filesystem align extents, and write the file again.\n"
           "XFS: mkfs.xfs -d su=2m,sw=1; xfs_io -c \"extsize 2m\" on the directory\n"
           "ext4: mkfs.ext4 -E stride=512,stripe_width=512",
           true},
    Reason{DAXTRACE_REASON_NO_HUGE_PAGE, "no_free_huge_page", "no whole 2 MiB is free on the device",
           "Free space, or fallocate such files while the filesystem is still empty.", true},
    Reason{DAXTRACE_REASON_PARTLY_ALLOCATED, "partly_allocated", "only part of the 2 MiB has blocks, or written ones",
           "Allocate whole 2 MiB at once: fallocate the file before writing to or touching parts of it.", true},
    Reason{DAXTRACE_REASON_RACED, "raced", "another thread mapped 4 KiB pages here first",
           "Touch each 2 MiB from one thread first.", true},
    Reason{DAXTRACE_REASON_OTHER, "other", "none of the known reasons",
           "Is the namespace itself aligned to 2 MiB (ndctl list -v: align)? Is there poison in the range (ndctl list "
           "-M)? The kernel log may say more.",
           true},
    Reason{DAXTRACE_REASON_NO_ATTEMPT, "not_tried", "2 MiB was not tried: the mapping or process forbids it",
           "Look for madvise(MADV_NOHUGEPAGE), prctl(PR_SET_THP_DISABLE), and a filesystem or kernel without huge "
           "faults.",
           false},
    Reason{DAXTRACE_REASON_PTE_TABLE, "after_4k", "2 MiB was not tried: 4 KiB pages are already mapped beside it",
           "These follow an earlier fallback in the same 2 MiB: remedy that one.", false},
};

// Every code has its row, once.
static_assert(kReasons.size() == DAXTRACE_REASON_COUNT - 1);
static_assert([] {
    for (std::size_t i = 0; i < kReasons.size(); ++i)
        if (static_cast<std::size_t>(kReasons[i].code) != i + 1)
            return false;
    return true;
}());

}  // namespace

std::span<const Reason> reasons() {
    return kReasons;
}

}  // namespace daxfs::trace
