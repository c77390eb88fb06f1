// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/completions/completions.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

namespace daxfs::completions {
namespace {

std::vector<std::string> spellings(const CLI::Option& option) {
    std::vector<std::string> names;
    for (const std::string& name : option.get_snames())
        names.push_back("-" + name);
    for (const std::string& name : option.get_lnames())
        names.push_back("--" + name);
    return names;
}

bool takes_value(const CLI::Option& option) {
    return option.get_items_expected_max() > 0;
}

std::string value_name(const CLI::Option& option) {
    return option.get_option_text().empty() ? option.get_type_name() : option.get_option_text();
}

// Of what else a value may be nothing can be guessed. TEXT is what has no name of its own.
bool is_file(const CLI::Option& option) {
    const std::string name = value_name(option);
    const std::string_view kinds[] = {"DEVICE", "DIR", "FILE", "IMAGE", "KERNEL", "PATH", "PROGRAM", "TEXT"};
    return std::any_of(std::begin(kinds), std::end(kinds),
                       [&](std::string_view kind) { return name.find(kind) != name.npos; });
}

std::string function_name(const std::string& tool) {
    std::string name = "_" + tool;
    std::replace_if(
        name.begin(), name.end(), [](char c) { return c == '.' || c == '-'; }, '_');
    return name;
}

// "'...'" of a shell.
std::string shell_word(std::string_view text) {
    std::string word = "'";
    for (const char c : text)
        word += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return word + "'";
}

// Options of `app`, one or all of its kinds.
std::vector<std::string> options_of(const CLI::App& app, bool (*wanted)(const CLI::Option&)) {
    std::vector<std::string> names;
    for (const CLI::Option* option : app.get_options())
        if (wanted(*option))
            for (std::string& name : spellings(*option))
                names.push_back(std::move(name));
    return names;
}

// The case of `previous` and `current` for one verb, or for a tool without verbs.
std::string bash_cases(const CLI::App& app, const std::string& indent) {
    const auto guesses_nothing =
        options_of(app, [](const CLI::Option& option) { return takes_value(option) && !is_file(option); });
    const auto takes_files =
        options_of(app, [](const CLI::Option& option) { return takes_value(option) && is_file(option); });
    const auto all = options_of(app, [](const CLI::Option&) { return true; });
    std::string text = indent + "case $previous in\n";
    if (!guesses_nothing.empty())
        text += fmt::format("{}{}) compopt +o default; return ;;\n", indent, fmt::join(guesses_nothing, " | "));
    if (!takes_files.empty())
        text += fmt::format("{}{}) return ;;\n", indent, fmt::join(takes_files, " | "));
    text += indent + "esac\n";
    return text + fmt::format("{}words={}\n", indent, shell_word(fmt::format("{}", fmt::join(all, " "))));
}

std::vector<const CLI::App*> verbs_of(const CLI::App& app) {
    return app.get_subcommands([](const CLI::App*) { return true; });
}

std::string bash_verbs(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::App* verb : verbs_of(app))
        names.push_back(verb->get_name());
    std::string text = fmt::format(
        "    for word in \"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\"; do\n"
        "        case $word in {}) verb=$word; break ;; esac\n"
        "    done\n"
        "    case $verb in\n",
        fmt::join(names, " | "));
    for (const CLI::App* verb : verbs_of(app))
        text += fmt::format("    {})\n{}        ;;\n", verb->get_name(), bash_cases(*verb, "        "));
    return text + fmt::format(
                      "    *)\n{}"
                      "        [[ $current == -* ]] || words={}\n"
                      "        plain=yes\n"
                      "        ;;\n"
                      "    esac\n",
                      bash_cases(app, "        "), shell_word(fmt::format("{}", fmt::join(names, " "))));
}

// What _arguments takes as the text of an option.
std::string zsh_text(std::string text) {
    for (std::size_t at = 0; (at = text.find_first_of("[]:\\", at)) != text.npos; at += 2)
        text.insert(at, 1, '\\');
    return text;
}

std::string zsh_option(const CLI::Option& option) {
    const auto names = spellings(option);
    const bool again =
        option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll || option.get_expected_max() > 1;
    std::string text = again ? "'*'" : shell_word(fmt::format("({})", fmt::join(names, " ")));
    text += names.size() == 1 ? names[0] : fmt::format("{{{}}}", fmt::join(names, ","));
    std::string rest = fmt::format("[{}]", zsh_text(option.get_description()));
    if (takes_value(option))
        rest += fmt::format(":{}:{}", zsh_text(value_name(option)), is_file(option) ? "_files" : "");
    return text + shell_word(rest);
}

std::string zsh_arguments(const CLI::App& app, const std::string& indent) {
    std::string text = "_arguments -S";
    for (const CLI::Option* option : app.get_options())
        if (!spellings(*option).empty())
            text += " \\\n" + indent + "    " + zsh_option(*option);
    return text;
}

}  // namespace

std::string bash_completion(const CLI::App& app) {
    const std::string name = app.get_name();
    const bool has_verbs = !verbs_of(app).empty();
    return fmt::format(
        "# SPDX-License-Identifier: GPL-2.0-or-later\n"
        "# shellcheck shell=bash\n"
        "# Made by daxfs-completions from the options of {0}.\n"
        "{1}() {{\n"
        "    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}} words{2}\n"
        "    COMPREPLY=()\n"
        "{3}"
        "    if [[ $current == -*{4} ]]; then\n"
        "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
        "    fi\n"
        "}}\n"
        "complete -o default -F {1} {0}\n",
        name, function_name(name), has_verbs ? " word verb='' plain=''" : "",
        has_verbs ? bash_verbs(app) : bash_cases(app, "    "), has_verbs ? " || $plain" : "");
}

std::string zsh_completion(const CLI::App& app) {
    const std::string name = app.get_name();
    std::string text = fmt::format(
        "#compdef {0}\n"
        "# SPDX-License-Identifier: GPL-2.0-or-later\n"
        "# Made by daxfs-completions from the options of {0}.\n",
        name);
    if (verbs_of(app).empty())
        return text + zsh_arguments(app, "") + " \\\n    '*: :_files'\n";
    text += "local state\nlocal -a verbs=(\n";
    for (const CLI::App* verb : verbs_of(app))
        text += fmt::format("    {}\n", shell_word(fmt::format("{}:{}", verb->get_name(), verb->get_description())));
    text += ")\n" + zsh_arguments(app, "") + " \\\n    '1: :->verb' \\\n    '*:: :->rest'\n";
    text += "case $state in\nverb) _describe command verbs ;;\nrest)\n    case $words[1] in\n";
    for (const CLI::App* verb : verbs_of(app))
        text += fmt::format("    {}) {} \\\n            '*: :_files' ;;\n", verb->get_name(),
                            zsh_arguments(*verb, "        "));
    return text + "    esac\n    ;;\nesac\n";
}

}  // namespace daxfs::completions
