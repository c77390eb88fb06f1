// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxlive/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

extern char** environ;

namespace daxfs::live {
namespace {

constexpr std::size_t kMaxFile = std::size_t{4} << 30;

std::string drain(int fd, std::size_t most = SIZE_MAX) {
    std::string text;
    char buffer[65536];
    for (ssize_t count;
         text.size() < most && ((count = read(fd, buffer, std::min(sizeof buffer, most - text.size()))) > 0 ||
                                (count < 0 && errno == EINTR));) {
        if (count > 0)
            text.append(buffer, static_cast<std::size_t>(count));
    }
    return text;
}

std::string last_line(const std::string& path) {
    std::ifstream file(path);
    std::string line, last;
    while (std::getline(file, line)) {
        if (!line.empty())
            last = line;
    }
    return last;
}

// Standard error goes to a file, so that no pipe can fill up while we read the other.
Result<pid_t> spawn(std::span<const std::string> words, int out, const std::string& errors) {
    std::vector<char*> argv;
    for (const std::string& word : words)
        argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    pid_t pid = -1;
    const int code = posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (code != 0)
        return fail("{}: {}", words[0], errno_text(code));
    return pid;
}

}  // namespace

void Fd::reset() {
    if (fd_ >= 0)
        close(fd_);
    fd_ = -1;
}

Result<std::string> read_file_start(const std::string& path, std::size_t most) {
    const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (fd.get() < 0)
        return fail("{}: {}", path, errno_text(errno));
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error))
        return fail("{}: not a regular file", path);
    return drain(fd.get(), most);
}

Result<std::string> read_whole_file(const std::string& path) {
    std::error_code error;
    if (std::filesystem::file_size(path, error) >= kMaxFile && !error)
        return fail("{}: larger than 4 GiB", path);
    return read_file_start(path, kMaxFile);
}

Result<void> write_whole_file(const std::string& path, std::string_view bytes) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    file.close();
    if (!file)
        return fail("{}: cannot be written", path);
    return {};
}

Result<std::string> capture(std::span<const std::string> words) {
    DAXFS_TRY_ASSIGN(const TemporaryDirectory scratch, TemporaryDirectory::make());
    const std::string errors = scratch.path() + "/stderr";
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return fail("pipe: {}", errno_text(errno));
    const Fd in(ends[0]);
    Fd out(ends[1]);
    DAXFS_TRY_ASSIGN(const pid_t pid, spawn(words, out.get(), errors));
    out.reset();
    std::string text = drain(in.get());
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return fail("{} failed: {}", words[0], last_line(errors));
    return text;
}

std::string find_program(const std::string& name) {
    if (name.find('/') != std::string::npos)
        return access(name.c_str(), X_OK) == 0 ? name : "";
    const char* path = std::getenv("PATH");
    std::stringstream directories(std::string(path == nullptr ? "" : path) + ":/usr/sbin:/sbin:/usr/bin:/bin");
    for (std::string directory; std::getline(directories, directory, ':');) {
        const std::string candidate = directory + "/" + name;
        std::error_code error;
        if (access(candidate.c_str(), X_OK) == 0 && std::filesystem::is_regular_file(candidate, error))
            return candidate;
    }
    return "";
}

Result<TemporaryDirectory> TemporaryDirectory::make() {
    const char* parent = std::getenv("TMPDIR");
    std::string path = std::string(parent == nullptr || *parent == '\0' ? "/tmp" : parent) + "/daxlive-XXXXXX";
    if (mkdtemp(path.data()) == nullptr)
        return fail("{}: {}", path, errno_text(errno));
    return TemporaryDirectory(std::move(path));
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    if (!path_.empty())
        std::filesystem::remove_all(path_, ignored);
}

}  // namespace daxfs::live
