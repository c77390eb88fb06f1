// SPDX-License-Identifier: GPL-2.0-or-later
// Holding a thread inside the module: delay points (kernel/points.h), and threads whose id is known before they act.
#pragma once

#include <sys/syscall.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include "tests/live/bin/check.h"

inline constexpr auto kPatience = std::chrono::seconds(20);
inline constexpr std::chrono::milliseconds kLongEnough{300};  // what is blocked is still blocked after this

inline bool wait_until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!done()) {
        if (std::chrono::steady_clock::now() > end)
            return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
}

class Point {
  public:
    explicit Point(const std::string& name) : path_("/sys/kernel/debug/daxfs/points/" + name) { write("off"); }
    Point(const Point&) = delete;
    ~Point() { write("off"); }

    void park(pid_t tid) { write("park " + std::to_string(tid)); }
    void count() { write("delay 0"); }
    void go() { write("go"); }
    unsigned hits() const { return read("hits "); }
    void wait_parked() {
        expect(wait_until([&] { return read("parked ") > 0; }), "nobody came to the delay point " + path_);
    }

  private:
    void write(const std::string& text) {
        const int fd = open(path_.c_str(), O_WRONLY | O_CLOEXEC);
        expect(fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()),
               path_ + ": " + text);
        close(fd);
    }
    unsigned read(const char* key) const {
        char text[128] = "";
        const int fd = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
        expect(fd >= 0 && ::read(fd, text, sizeof text - 1) > 0, path_);
        close(fd);
        const char* place = std::strstr(text, key);
        expect(place != nullptr, path_ + " says " + text);
        return static_cast<unsigned>(std::strtoul(place + std::strlen(key), nullptr, 10));
    }

    std::string path_;
};

// A thread whose id is known before it does anything.
class Actor {
  public:
    explicit Actor(std::function<void()> act)
        : thread_([this, act = std::move(act)] {
              tid_ = static_cast<pid_t>(syscall(SYS_gettid));
              while (!started_)
                  std::this_thread::yield();
              act();
              finished_ = true;
          }) {
        while (tid_ == 0)
            std::this_thread::yield();
    }
    Actor(const Actor&) = delete;
    ~Actor() { thread_.join(); }

    pid_t tid() const { return tid_; }
    void start() { started_ = true; }
    bool finished() const { return finished_; }
    void wait() {
        expect(wait_until([&] { return finished(); }), "a thread does not come to its end");
    }
    void expect_blocked(const char* what) {
        std::this_thread::sleep_for(kLongEnough);
        expect(!finished_, what);
    }

  private:
    std::atomic<pid_t> tid_{0};
    std::atomic<bool> started_{false}, finished_{false};
    std::thread thread_;
};
