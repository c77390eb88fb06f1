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

// Puts the old bytes back in memory (Image::stage), newest first: every later read sees the filesystem as it was before
// those transactions. Doing it again changes nothing.
void stage_rollback(Image& image, const std::vector<JournalReading>& journals);

// Says in the commit words, in memory too, that these transactions are over. On the device that comes behind the
// rollback, or together with it.
void stage_end(Image& image, const Volume& volume, const std::vector<JournalReading>& journals);

// What a rollback stores, to be written without the rest of a repair.
class Rollback {
  public:
    // Stages the rollback and its end.
    void stage(Image& image, const Volume& volume, const std::vector<JournalReading>& journals);
    // As the module does it: the old bytes, durable, before the commit words void what would put them back again.
    Result<void> write(Image& image) const;

  private:
    std::map<BlockNo, std::vector<std::byte>> old_bytes_;
    std::map<BlockNo, std::vector<std::byte>> commit_words_;
};

}  // namespace daxfs
