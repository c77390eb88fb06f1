// SPDX-License-Identifier: GPL-2.0-or-later
// Call sites of the module (kernel/sites.h) while the operations of a case run: counted, or one of them broken.
#pragma once

#include <string>

namespace daxfs::crash {

// What to do with them is told by the environment, see cases.cc. Without it nothing is done.
class Sites {
  public:
    explicit Sites(std::string case_name);
    void end();

  private:
    std::string case_name_;
    std::string wanted_;
};

}  // namespace daxfs::crash
