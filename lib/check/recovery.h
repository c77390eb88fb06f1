// SPDX-License-Identifier: GPL-2.0-or-later
// Journal recovery: undoing the transactions that did not commit.
#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/strong.h"
#include "lib/check/report.h"
#include "lib/image/image.h"
#include "lib/tree/journal.h"

namespace daxfs {

// Reads every journal, reports what is wrong or uncommitted, and returns those to roll back.
std::vector<JournalReading> find_uncommitted(const Volume& volume, Report& report);

// The undoing of those transactions.
class Rollback {
  public:
    // In memory (Image::stage): the old bytes, newest first, so that every later read sees the filesystem as it was
    // before them; and commit words which say that they are over. Doing it again changes nothing.
    void stage(Image& image, const Volume& volume, const std::vector<JournalReading>& journals);
    // On the device, without the rest of a repair, as the module does it: the old bytes, durable, before the commit
    // words void what would put them back again.
    Result<void> write(Image& image) const;

  private:
    std::map<BlockNo, std::vector<std::byte>> old_bytes_;
    std::map<BlockNo, std::vector<std::byte>> commit_words_;
};

}  // namespace daxfs
