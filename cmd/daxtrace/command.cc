// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxtrace/command.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

namespace daxfs::trace {
namespace {

void close_fd(int& fd) {
    if (fd >= 0)
        close(fd);
    fd = -1;
}

ssize_t retry_read(int fd, void* data, std::size_t size) {
    ssize_t got = 0;
    do
        got = read(fd, data, size);
    while (got < 0 && errno == EINTR);
    return got;
}

// Between fork and exec: only what is safe there.
[[noreturn]] void child(int go, int failed, char* const* words) {
    char byte = 0;
    if (retry_read(go, &byte, 1) != 1)
        _exit(0);
    signal(SIGPIPE, SIG_DFL);
    execvp(words[0], words);
    const int error = errno;
    const ssize_t written = write(failed, &error, sizeof error);
    _exit(written == sizeof error ? 127 : 126);
}

}  // namespace

Result<Command> Command::fork_waiting(const std::vector<std::string>& words) {
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (const std::string& word : words)
        argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);

    int go[2];
    int failed[2];
    if (pipe2(go, O_CLOEXEC) != 0)
        return fail("cannot make a pipe: {}", errno_text(errno));
    if (pipe2(failed, O_CLOEXEC) != 0) {
        const int error = errno;
        close(go[0]);
        close(go[1]);
        return fail("cannot make a pipe: {}", errno_text(error));
    }
    Command command;
    command.go_ = go[1];
    command.failed_ = failed[0];
    const pid_t pid = fork();
    if (pid == 0) {
        // Without this the child would wait for itself should we end first.
        close(go[1]);
        child(go[0], failed[1], argv.data());
    }
    const int fork_error = errno;
    close(go[0]);
    close(failed[1]);
    if (pid < 0)
        return fail("cannot fork: {}", errno_text(fork_error));
    command.pid_ = pid;
    command.pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    if (command.pidfd_ < 0)
        return fail("pidfd_open: {}", errno_text(errno));
    return command;
}

Command::Command(Command&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::exchange(other.pidfd_, -1)),
      go_(std::exchange(other.go_, -1)),
      failed_(std::exchange(other.failed_, -1)) {}

Command::~Command() {
    const bool waiting = go_ >= 0;
    close_fd(go_);
    close_fd(failed_);
    close_fd(pidfd_);
    if (waiting && pid_ > 0)
        waitpid(pid_, nullptr, 0);
}

int Command::run() {
    const char byte = 1;
    const ssize_t written = write(go_, &byte, 1);
    close_fd(go_);
    int error = written == 1 ? 0 : EPIPE;
    int reported = 0;
    if (error == 0 && retry_read(failed_, &reported, sizeof reported) == sizeof reported)
        error = reported;
    close_fd(failed_);
    if (error != 0)
        waitpid(std::exchange(pid_, -1), nullptr, 0);
    return error;
}

int Command::wait() {
    struct sigaction ignore {};
    struct sigaction old_interrupt {};
    struct sigaction old_quit {};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGINT, &ignore, &old_interrupt);
    sigaction(SIGQUIT, &ignore, &old_quit);
    int status = 0;
    pid_t ended = 0;
    do
        ended = waitpid(pid_, &status, 0);
    while (ended < 0 && errno == EINTR);
    sigaction(SIGINT, &old_interrupt, nullptr);
    sigaction(SIGQUIT, &old_quit, nullptr);
    pid_ = -1;
    if (ended < 0)
        return 255;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace daxfs::trace
