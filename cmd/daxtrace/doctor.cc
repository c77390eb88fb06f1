// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxtrace/doctor.h"

#include <sys/utsname.h>

#include <algorithm>

#include <fmt/format.h>

#include "cmd/daxtrace/daxtrace.h"
#include "cmd/daxtrace/tracer.h"
#include "lib/cli/json.h"

namespace daxfs::trace {

Diagnosis diagnose() {
    Diagnosis diagnosis;
    utsname name{};
    uname(&name);
    diagnosis.kernel = name.release;
    diagnosis.permission_trouble = missing_capabilities();
    const KernelBtf btf;
    diagnosis.btf_trouble = btf.trouble();
    for (const Probe& probe : probes()) {
        std::string why = diagnosis.permission_trouble.empty() ? try_probe(btf, probe) : btf.why_not(probe);
        if (why.empty() && !diagnosis.permission_trouble.empty())
            why = "no permission to try";
        if (std::string log = take_libbpf_log(); !log.empty())
            diagnosis.log += fmt::format("--- {}\n{}", probe.tracepoint, log);
        const bool attached = why.empty();
        diagnosis.probes.push_back({probe.tracepoint, attached, std::move(why)});
    }
    return diagnosis;
}

bool usable(const Diagnosis& diagnosis) {
    return std::any_of(diagnosis.probes.begin(), diagnosis.probes.end(),
                       [](const ProbeState& probe) { return probe.attached; });
}

std::string doctor_text(const Diagnosis& diagnosis, bool color) {
    const auto paint = [color](const char* code, const std::string& text) {
        return color ? fmt::format("\033[{}m{}\033[0m", code, text) : text;
    };
    std::string text = fmt::format("Linux {}\n", diagnosis.kernel);
    text += fmt::format("kernel BTF   {}\n",
                        diagnosis.btf_trouble.empty() ? paint("32", "yes") : paint("31", diagnosis.btf_trouble));
    text += fmt::format("permission   {}\n", diagnosis.permission_trouble.empty()
                                                 ? paint("32", "yes")
                                                 : paint("31", diagnosis.permission_trouble));
    for (std::size_t i = 0; i < diagnosis.probes.size(); ++i) {
        const ProbeState& probe = diagnosis.probes[i];
        if (i == 0 || probes()[i].group != probes()[i - 1].group)
            text += fmt::format("\n{}: {}\n", group_name(probes()[i].group), group_gives(probes()[i].group));
        text += fmt::format("  {:<28} {}\n", probe.name,
                            probe.attached ? paint("32", "works") : paint("33", fmt::format("no: {}", probe.why)));
    }
    return text;
}

std::string doctor_json(const Diagnosis& diagnosis) {
    using cli::Json;
    Json rows = Json::array();
    for (std::size_t i = 0; i < diagnosis.probes.size(); ++i) {
        Json row{{"tracepoint", diagnosis.probes[i].name},
                 {"group", group_name(probes()[i].group)},
                 {"works", diagnosis.probes[i].attached}};
        if (!diagnosis.probes[i].attached)
            row["why_not"] = diagnosis.probes[i].why;
        rows.push_back(std::move(row));
    }
    const auto trouble = [](const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); };
    const Json root{{"kernel", diagnosis.kernel},
                    {"usable", usable(diagnosis)},
                    {"btf_trouble", trouble(diagnosis.btf_trouble)},
                    {"permission_trouble", trouble(diagnosis.permission_trouble)},
                    {"probes", std::move(rows)}};
    return cli::json_text(cli::document({"daxfs.daxtrace.doctor", 1, kProgram.name}, root)) + '\n';
}

}  // namespace daxfs::trace
