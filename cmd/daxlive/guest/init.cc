// SPDX-License-Identifier: GPL-2.0-or-later
// The guest's first process: makes the machine usable, runs one command for daxlive, reports how it ended, powers off.
//
// Statically linked and self-contained: it runs before anything else of user space exists. Trouble goes to the host as
// one line, over the same port as the command's output.

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/daxlive/protocol.h"

namespace daxfs::live {
namespace {

struct Job {
    int pmem_count = 0;
    std::vector<std::pair<std::string, std::string>> mounts;  // 9p tag, directory
    std::vector<std::string> environment;
    std::vector<std::string> words;
    std::string tty;  // ROWSxCOLUMNS; empty: no terminal
};

void write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t count = write(fd, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return;
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
}

[[noreturn]] void power_off() {
    sync();
    reboot(RB_POWER_OFF);
    while (true)
        pause();
}

// Port 0 is not a port: nothing can be said yet, so the console gets it.
void say_trouble(int port, const std::string& text) {
    if (port >= 0)
        write_all(port, encode_frame(Frame::kTrouble, text));
    else
        dprintf(STDERR_FILENO, "daxlive-init: %s\n", text.c_str());
}

[[noreturn]] void give_up(int port, const std::string& what) {
    say_trouble(port, what + ": " + std::strerror(errno));
    power_off();
}

void sleep_ms(long ms) {
    const timespec time{ms / 1000, ms % 1000 * 1'000'000};
    nanosleep(&time, nullptr);
}

bool wait_for(const std::string& path) {
    for (int tries = 0; tries < 3000; ++tries) {
        if (access(path.c_str(), F_OK) == 0)
            return true;
        sleep_ms(10);
    }
    errno = ENOENT;
    return false;
}

void mount_basics() {
    struct {
        const char* type;
        const char* where;
        const char* options;
    } const basics[] = {
        {"devtmpfs", "/dev", ""},
        {"proc", "/proc", ""},
        {"sysfs", "/sys", ""},
        {"tmpfs", "/tmp", ""},
        {"tmpfs", "/run", ""},
        {"devpts", "/dev/pts", "gid=5,mode=620"},
        {"tmpfs", "/dev/shm", ""},
        {"debugfs", "/sys/kernel/debug", ""},
        {"tracefs", "/sys/kernel/tracing", ""},
        {"bpf", "/sys/fs/bpf", ""},
    };
    for (const auto& entry : basics) {
        mkdir(entry.where, 0755);
        mount(entry.type, entry.where, entry.type, 0, entry.options);
    }
    symlink("/proc/self/fd", "/dev/fd");
    symlink("/proc/self/fd/0", "/dev/stdin");
    symlink("/proc/self/fd/1", "/dev/stdout");
    symlink("/proc/self/fd/2", "/dev/stderr");
}

std::string read_file(const char* path) {
    std::string text;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    char buffer[4096];
    for (ssize_t count; fd >= 0 && (count = read(fd, buffer, sizeof buffer)) > 0;)
        text.append(buffer, static_cast<std::size_t>(count));
    if (fd >= 0)
        close(fd);
    return text;
}

// Loads what the host listed, in its order; returns what went wrong, or nothing.
std::string load_modules() {
    const std::string list = read_file("/etc/daxlive-modules");
    std::string trouble;
    for (std::size_t start = 0, end; (end = list.find('\n', start)) != std::string::npos; start = end + 1) {
        const std::string path = list.substr(start, end - start);
        const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
        if ((fd < 0 || syscall(SYS_finit_module, fd, "", 0) != 0) && errno != EEXIST && trouble.empty())
            trouble = "cannot load " + path + ": " + std::strerror(errno);
        if (fd >= 0)
            close(fd);
    }
    return trouble;
}

int open_port() {
    for (int tries = 0; tries < 1000; ++tries, sleep_ms(10)) {
        const int fd = open("/dev/vport0p1", O_RDWR | O_CLOEXEC);
        if (fd >= 0)
            return fd;
    }
    return -1;
}

Job parse_job(const std::string& payload) {
    Job job;
    for (std::size_t start = 0, end; (end = payload.find('\0', start)) != std::string::npos; start = end + 1) {
        const std::string item = payload.substr(start, end - start);
        const std::size_t equals = item.find('=');
        const std::string key = item.substr(0, equals);
        const std::string value = equals == std::string::npos ? "" : item.substr(equals + 1);
        if (key == "pmem")
            job.pmem_count = std::atoi(value.c_str());
        else if (key == "mount")
            job.mounts.emplace_back(value.substr(0, value.find(':')), value.substr(value.find(':') + 1));
        else if (key == "tty")
            job.tty = value;
        else if (key == "env")
            job.environment.push_back(value);
        else if (key == "arg")
            job.words.push_back(value);
    }
    return job;
}

Job receive_job(int port, FrameReader& reader) {
    char buffer[4096];
    while (true) {
        if (const auto message = reader.next(); message && message->type == Frame::kJob)
            return parse_job(message->payload);
        const ssize_t count = read(port, buffer, sizeof buffer);
        if (count > 0)
            reader.feed({buffer, static_cast<std::size_t>(count)});
        else
            sleep_ms(10);  // the host has not opened its side
    }
}

void prepare(int port, const Job& job) {
    for (int i = 0; i < job.pmem_count; ++i) {
        const std::string device = "/dev/pmem" + std::to_string(i);
        if (!wait_for(device))
            give_up(port, device + " did not appear");
    }
    for (const auto& [tag, directory] : job.mounts) {
        mkdir(directory.c_str(), 0755);
        const int failed = mount(tag.c_str(), directory.c_str(), "9p", 0, "trans=virtio,version=9p2000.L,msize=262144");
        if (failed != 0)
            give_up(port, "cannot mount the shared directory on " + directory);
    }
}

// The running command and our ends of its standard streams; in a terminal all three are one.
struct Child {
    pid_t pid = -1;
    int input = -1;
    int output = -1;
    int errors = -1;
};

void set_size(int terminal, const std::string& size) {
    winsize window{};
    if (std::sscanf(size.c_str(), "%hux%hu", &window.ws_row, &window.ws_col) == 2)
        ioctl(terminal, TIOCSWINSZ, &window);
}

[[noreturn]] void run_command(const Job& job) {
    for (const std::string& entry : job.environment)
        putenv(strdup(entry.c_str()));
    std::vector<char*> words;
    for (const std::string& word : job.words)
        words.push_back(strdup(word.c_str()));
    words.push_back(nullptr);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    signal(SIGPIPE, SIG_DFL);
    execvp(words[0], words.data());
    dprintf(STDERR_FILENO, "daxlive: %s: %s\n", words[0], std::strerror(errno));
    _exit(errno == ENOENT ? 127 : 126);
}

Child start_in_terminal(int port, const Job& job) {
    int terminal = -1;
    const pid_t pid = forkpty(&terminal, nullptr, nullptr, nullptr);
    if (pid < 0)
        give_up(port, "cannot make a terminal");
    if (pid == 0)
        run_command(job);
    fcntl(terminal, F_SETFD, FD_CLOEXEC);
    set_size(terminal, job.tty);
    return {pid, dup(terminal), terminal, -1};
}

Child start_with_pipes(int port, const Job& job) {
    int in[2], out[2], err[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0)
        give_up(port, "cannot make pipes");
    const pid_t pid = fork();
    if (pid < 0)
        give_up(port, "cannot fork");
    if (pid == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        setsid();
        run_command(job);
    }
    close(in[0]);
    close(out[1]);
    close(err[1]);
    return {pid, in[1], out[0], err[0]};
}

// Moves bytes between the port and the command until the command has ended and its output is drained.
class Relay {
  public:
    Relay(int port, FrameReader& reader, Child child) : port_(port), reader_(reader), child_(child) {
        for (const int fd : {child.input, child.output, child.errors}) {
            if (fd >= 0)
                fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        }
        take_frames();
    }

    int run() {
        int status = 0;
        while (!reap(status))
            turn(20);
        while (forward(child_.output, Frame::kOutput) || forward(child_.errors, Frame::kErrors)) {
        }
        return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }

  private:
    // Everybody's orphans are ours; only the command's end counts.
    bool reap(int& status) {
        int any = 0;
        for (pid_t pid; (pid = waitpid(-1, &any, WNOHANG)) > 0;) {
            if (pid == child_.pid) {
                status = any;
                return true;
            }
        }
        return false;
    }

    void turn(int timeout_ms) {
        pollfd fds[4] = {{child_.output, POLLIN, 0},
                         {child_.errors, POLLIN, 0},
                         {pending_.size() < kMaxPayload ? port_ : -1, POLLIN, 0},
                         {pending_.empty() ? -1 : child_.input, POLLOUT, 0}};
        if (poll(fds, 4, timeout_ms) <= 0)
            return;
        if (fds[0].revents != 0 && !forward(child_.output, Frame::kOutput) && (fds[0].revents & POLLIN) == 0)
            drop(child_.output);
        if (fds[1].revents != 0 && !forward(child_.errors, Frame::kErrors) && (fds[1].revents & POLLIN) == 0)
            drop(child_.errors);
        if ((fds[2].revents & POLLIN) != 0)
            read_port();
        if (fds[3].revents != 0)
            give_input();
    }

    bool forward(int fd, Frame type) {
        if (fd < 0)
            return false;
        char buffer[16384];
        const ssize_t count = read(fd, buffer, sizeof buffer);
        if (count <= 0)
            return false;
        write_all(port_, encode_frame(type, {buffer, static_cast<std::size_t>(count)}));
        return true;
    }

    static void drop(int& fd) {
        close(fd);
        fd = -1;
    }

    void read_port() {
        char buffer[16384];
        const ssize_t count = read(port_, buffer, sizeof buffer);
        if (count <= 0)
            return;
        reader_.feed({buffer, static_cast<std::size_t>(count)});
        take_frames();
    }

    void take_frames() {
        while (const auto message = reader_.next()) {
            if (message->type == Frame::kInput)
                pending_ += message->payload;
            else if (message->type == Frame::kInputEnd)
                input_ended_ = true;
            else if (message->type == Frame::kResize)
                set_size(child_.output, message->payload);
        }
        give_input();
    }

    void give_input() {
        while (child_.input >= 0 && !pending_.empty()) {
            const ssize_t count = write(child_.input, pending_.data(), pending_.size());
            if (count < 0 && errno == EAGAIN)
                return;
            if (count <= 0) {
                pending_.clear();
                drop(child_.input);
                return;
            }
            pending_.erase(0, static_cast<std::size_t>(count));
        }
        if (input_ended_ && child_.input >= 0)
            drop(child_.input);
    }

    int port_;
    FrameReader& reader_;
    Child child_;
    std::string pending_;
    bool input_ended_ = false;
};

// What was mounted from a device is unmounted, newest first, so that a run that is not cut leaves clean filesystems.
void unmount_devices() {
    std::vector<std::string> directories;
    const std::string mounts = read_file("/proc/mounts");
    for (std::size_t start = 0, end; (end = mounts.find('\n', start)) != std::string::npos; start = end + 1) {
        const std::string line = mounts.substr(start, end - start);
        const std::size_t space = line.find(' ');
        if (line.starts_with("/dev/"))
            directories.push_back(line.substr(space + 1, line.find(' ', space + 1) - space - 1));
    }
    std::reverse(directories.begin(), directories.end());
    for (const std::string& directory : directories)
        umount2(directory.c_str(), 0);
}

[[noreturn]] void finish(int port, int status) {
    kill(-1, SIGKILL);
    while (waitpid(-1, nullptr, 0) > 0) {
    }
    unmount_devices();
    sync();
    write_all(port, encode_frame(Frame::kExit, std::to_string(status)));
    power_off();
}

[[noreturn]] void run() {
    signal(SIGPIPE, SIG_IGN);
    mount_basics();
    const std::string module_trouble = load_modules();
    const int port = open_port();
    if (port < 0)
        give_up(-1, "no port to the host");
    FrameReader reader;
    const Job job = receive_job(port, reader);
    if (!module_trouble.empty()) {
        say_trouble(port, module_trouble);
        power_off();
    }
    prepare(port, job);
    sethostname("daxlive", 7);
    chdir("/root");
    write_all(port, encode_frame(Frame::kStarted, ""));
    const Child child = job.tty.empty() ? start_with_pipes(port, job) : start_in_terminal(port, job);
    finish(port, Relay(port, reader, child).run());
}

}  // namespace
}  // namespace daxfs::live

int main() {
    daxfs::live::run();
}
