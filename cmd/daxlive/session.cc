// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxlive/session.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include "cmd/daxlive/console.h"
#include "cmd/daxlive/process.h"
#include "cmd/daxlive/protocol.h"
#include "cmd/daxlive/qemu.h"

namespace daxfs::live {
namespace {

using Clock = std::chrono::steady_clock;

Result<std::pair<Fd, Fd>> make_channel() {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return fail("socketpair: {}", errno_text(errno));
    return std::pair{Fd(ends[0]), Fd(ends[1])};
}

// Signals become events of the loop, so that nothing is left behind when one of them ends us.
class Signals {
  public:
    explicit Signals(bool window) {
        sigset_t set;
        sigemptyset(&set);
        for (const int signal : {SIGINT, SIGTERM, SIGHUP})
            sigaddset(&set, signal);
        if (window)
            sigaddset(&set, SIGWINCH);
        sigprocmask(SIG_BLOCK, &set, &before_);
        fd_ = Fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
        pipe_before_ = std::signal(SIGPIPE, SIG_IGN);
    }
    ~Signals() {
        sigprocmask(SIG_SETMASK, &before_, nullptr);
        std::signal(SIGPIPE, pipe_before_);
    }
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

    int fd() const { return fd_.get(); }
    int take() const {
        signalfd_siginfo info{};
        return read(fd_.get(), &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
    }

  private:
    Fd fd_;
    sigset_t before_{};
    void (*pipe_before_)(int) = SIG_DFL;
};

// Keys go to the guest's terminal as they are.
class RawTerminal {
  public:
    explicit RawTerminal(bool wanted) : on_(wanted && tcgetattr(STDIN_FILENO, &before_) == 0) {
        if (!on_)
            return;
        termios raw = before_;
        cfmakeraw(&raw);
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    ~RawTerminal() {
        if (on_)
            tcsetattr(STDIN_FILENO, TCSANOW, &before_);
    }
    RawTerminal(const RawTerminal&) = delete;
    RawTerminal& operator=(const RawTerminal&) = delete;

  private:
    termios before_{};
    bool on_;
};

std::string window_size() {
    winsize window{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_row == 0)
        return "24x80";
    return fmt::format("{}x{}", window.ws_row, window.ws_col);
}

std::string job_payload(const SessionPlan& plan, bool terminal) {
    std::string payload;
    const auto add = [&](std::string_view key, std::string_view value) {
        payload.append(key).append("=").append(value).push_back('\0');
    };
    add("pmem", std::to_string(plan.image_count));
    for (std::size_t i = 0; i < plan.options.shares.size(); ++i)
        add("mount", fmt::format("share{}:/share{}", i, i == 0 ? "" : std::to_string(i + 1)));
    add("env", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    add("env", "HOME=/root");
    add("env", "LC_ALL=C.UTF-8");
    if (terminal) {
        const char* type = std::getenv("TERM");
        add("env", std::string("TERM=").append(type == nullptr ? "linux" : type));
        add("tty", window_size());
    }
    if (plan.options.interactive())
        add("arg", "/bin/sh");
    for (const std::string& word : plan.options.command)
        add("arg", word);
    return payload;
}

[[noreturn]] void become_qemu(const std::vector<std::string>& words, pid_t parent, const Channels& channels,
                              const std::string& log) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    setpgid(0, 0);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    std::signal(SIGPIPE, SIG_DFL);
    for (const int fd : {channels.console, channels.port})
        fcntl(fd, F_SETFD, 0);
    const int nothing = open("/dev/null", O_RDONLY);
    const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(nothing, STDIN_FILENO);
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
    std::vector<char*> argv;
    for (const std::string& word : words)
        argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    execvp(argv[0], argv.data());
    dprintf(STDERR_FILENO, "%s: %s\n", argv[0], errno_text(errno).c_str());
    _exit(127);
}

class Session {
  public:
    Session(const SessionPlan& plan, cli::Streams& streams)
        : plan_(plan),
          streams_(streams),
          terminal_(plan.options.interactive() && isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1),
          signals_(terminal_) {
        if (plan.options.cut && std::holds_alternative<CutAtMarker>(*plan.options.cut))
            marker_.emplace(std::get<CutAtMarker>(*plan.options.cut).line);
    }
    ~Session() { end_qemu(); }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    Result<void> start(const MakeCommand& make_command) {
        DAXFS_TRY_ASSIGN(auto console, make_channel());
        DAXFS_TRY_ASSIGN(auto port, make_channel());
        if (plan_.console_file != "-") {
            log_.open(plan_.console_file, std::ios::binary | std::ios::trunc);
            if (!log_)
                return fail("--console {}: {}", plan_.console_file, errno_text(errno));
        }
        const Channels theirs{console.second.get(), port.second.get()};
        const std::vector<std::string> words = make_command(theirs);
        const pid_t self = getpid();
        qemu_ = fork();
        if (qemu_ < 0)
            return fail("fork: {}", errno_text(errno));
        if (qemu_ == 0)
            become_qemu(words, self, theirs, qemu_log());
        console_ = std::move(console.first);
        port_ = std::move(port.first);
        for (const int fd : {console_.get(), port_.get()})
            fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        outgoing_ = encode_frame(Frame::kJob, job_payload(plan_, terminal_));
        return {};
    }

    Outcome run() {
        const RawTerminal raw(terminal_);
        const auto limit = plan_.options.timeout;
        if (limit)
            deadline_ = Clock::now() + *limit;
        while (!ended_)
            turn();
        end_qemu();
        read_console();
        return finish();
    }

  private:
    std::string qemu_log() const { return plan_.scratch + "/qemu.log"; }

    void end(Ending ending, int status = 0) {
        if (ended_)
            return;
        ended_ = true;
        outcome_.ending = ending;
        outcome_.status = status;
    }

    // A power cut is this: the machine stops between two instructions.
    void end_qemu() {
        if (qemu_ <= 0)
            return;
        kill(qemu_, SIGKILL);
        while (waitpid(qemu_, nullptr, 0) < 0 && errno == EINTR) {
        }
        qemu_ = -1;
    }

    int wait_ms() const {
        std::optional<Clock::time_point> next = deadline_;
        if (cut_at_ && (!next || *cut_at_ < *next))
            next = cut_at_;
        if (!next)
            return -1;
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - Clock::now()).count();
        return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
    }

    void turn() {
        const bool want_input = outcome_.started && !input_ended_ && outgoing_.size() < kMaxPayload;
        pollfd fds[4] = {{port_.get(), static_cast<short>(POLLIN | (outgoing_.empty() ? 0 : POLLOUT)), 0},
                         {console_.get(), POLLIN, 0},
                         {signals_.fd(), POLLIN, 0},
                         {want_input ? STDIN_FILENO : -1, POLLIN, 0}};
        poll(fds, 4, wait_ms());
        if (fds[1].revents != 0)
            read_console();
        if ((fds[0].revents & POLLOUT) != 0)
            write_port();
        if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
            read_port();
        if (fds[2].revents != 0)
            take_signal();
        if (fds[3].revents != 0)
            read_input();
        check_clock();
    }

    void check_clock() {
        const auto now = Clock::now();
        if (cut_at_ && now >= *cut_at_)
            end(Ending::kCut);
        if (deadline_ && now >= *deadline_)
            end(Ending::kTimeout);
    }

    void take_signal() {
        const int signal = signals_.take();
        if (signal == SIGWINCH)
            outgoing_ += encode_frame(Frame::kResize, window_size());
        else if (signal != 0)
            end(Ending::kStopped, signal);
    }

    void write_port() {
        const ssize_t count = write(port_.get(), outgoing_.data(), outgoing_.size());
        if (count > 0)
            outgoing_.erase(0, static_cast<std::size_t>(count));
    }

    void read_input() {
        char buffer[16384];
        const ssize_t count = read(STDIN_FILENO, buffer, sizeof buffer);
        input_ended_ = count <= 0;
        outgoing_ += count > 0 ? encode_frame(Frame::kInput, {buffer, static_cast<std::size_t>(count)})
                               : encode_frame(Frame::kInputEnd, "");
    }

    void read_console() {
        char buffer[16384];
        for (ssize_t count; (count = read(console_.get(), buffer, sizeof buffer)) > 0;) {
            const std::string_view bytes(buffer, static_cast<std::size_t>(count));
            watch_.feed(bytes);
            (plan_.console_file == "-" ? streams_.err : log_) << bytes << std::flush;
        }
    }

    void read_port() {
        char buffer[65536];
        const ssize_t count = read(port_.get(), buffer, sizeof buffer);
        if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
            end(Ending::kQemuEnded);
            return;
        }
        if (count > 0)
            frames_.feed({buffer, static_cast<std::size_t>(count)});
        while (auto message = frames_.next())
            take_message(*message);
        if (frames_.bad()) {
            outcome_.message = "the guest's init sent what daxlive does not understand";
            end(Ending::kGuestTrouble);
        }
    }

    void take_message(const FrameReader::Message& message) {
        switch (message.type) {
            case Frame::kStarted:
                outcome_.started = true;
                start_cut_clock();
                break;
            case Frame::kOutput:
                streams_.out << message.payload << std::flush;
                if (marker_ && marker_->feed(message.payload))
                    end(Ending::kCut);
                break;
            case Frame::kErrors:
                streams_.err << message.payload << std::flush;
                break;
            case Frame::kExit:
                end(Ending::kCommandEnded, std::atoi(message.payload.c_str()));
                break;
            case Frame::kTrouble:
                outcome_.message = message.payload;
                end(Ending::kGuestTrouble);
                break;
            default:
                break;
        }
    }

    void start_cut_clock() {
        const auto& cut = plan_.options.cut;
        if (cut && std::holds_alternative<CutAfterTime>(*cut))
            cut_at_ = Clock::now() + std::get<CutAfterTime>(*cut).delay;
    }

    Outcome finish() {
        outcome_.guest_died = watch_.died();
        outcome_.complaint = watch_.report();
        outcome_.console_end.assign(watch_.tail().begin(), watch_.tail().end());
        if (outcome_.ending == Ending::kQemuEnded) {
            if (const auto words = read_whole_file(qemu_log()))
                outcome_.message = *words;
        }
        return std::move(outcome_);
    }

    const SessionPlan& plan_;
    cli::Streams& streams_;
    bool terminal_;
    Signals signals_;
    std::ofstream log_;
    Fd console_, port_;
    pid_t qemu_ = -1;
    FrameReader frames_;
    ConsoleWatch watch_;
    std::optional<MarkerWatch> marker_;
    std::optional<Clock::time_point> deadline_, cut_at_;
    std::string outgoing_;
    bool input_ended_ = false;
    bool ended_ = false;
    Outcome outcome_;
};

}  // namespace

Result<Outcome> run_session(const SessionPlan& plan, const MakeCommand& make_command, cli::Streams& streams) {
    Session session(plan, streams);
    DAXFS_TRY(session.start(make_command));
    return session.run();
}

}  // namespace daxfs::live
