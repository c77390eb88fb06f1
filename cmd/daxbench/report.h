// SPDX-License-Identifier: GPL-2.0-or-later
// A suite's figures as tables: one row an operation, one column a filesystem, ratios to a baseline.
#pragma once

#include <string>

#include "cmd/daxbench/result.h"

namespace daxfs::bench {

// Four significant characters: 940, 1.46k, 101k, 2.45M.
std::string short_figure(double value);

// `baseline` is a target's name; without such a target no ratios are shown.
std::string markdown_report(const Suite& suite, const std::string& baseline);
// One self-contained page: the same tables and a bar for each figure on a logarithmic scale.
std::string html_report(const Suite& suite, const std::string& baseline);

}  // namespace daxfs::bench
