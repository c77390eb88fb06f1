// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/guest/sites.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <utility>

#include "tests/crash/guest/calls.h"
#include "tests/crash/guest/operations.h"

namespace daxfs::crash {
namespace {

constexpr const char* kPath = "/sys/kernel/debug/daxfs_sites";

void tell(const std::string& text) {
    const File file(kPath, O_WRONLY);
    must(file.good() ? result(write(file.get(), text.data(), text.size())) : file.error(), kPath);
}

}  // namespace

Sites::Sites(std::string case_name) : case_name_(std::move(case_name)) {
    if (const char* wanted = std::getenv("SITES"))
        wanted_ = wanted;
    if (!wanted_.empty())
        tell(wanted_ == "count" ? "reset" : wanted_);
}

void Sites::end() {
    if (wanted_ == "count") {
        std::ifstream sites(kPath);
        std::string site;
        for (unsigned long hits = 0; sites >> site >> hits;)
            if (hits != 0)
                std::printf("reached %s %s %lu\n", case_name_.c_str(), site.c_str(), hits);
        std::fflush(stdout);
    } else if (!wanted_.empty()) {
        tell("run");
    }
}

}  // namespace daxfs::crash
