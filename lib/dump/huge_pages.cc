// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/dump/huge_pages.h"

namespace daxfs {

Json json_of(const HugePageVerdict& verdict) {
    Json json{{"answer", answer_name(verdict.answer)}, {"reason", verdict.reason}};
    if (!verdict.command.empty())
        json["command"] = verdict.command;
    if (verdict.physical_start)
        json["physical_start"] = *verdict.physical_start;
    return json;
}

}  // namespace daxfs
