// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxdb/screen.h"

#define NCURSES_NOMACROS
#include <curses.h>
#include <poll.h>
#include <unistd.h>

#include <clocale>
#include <csignal>
#include <cstdlib>
#include <optional>

#include "cmd/daxdb/view.h"

namespace daxfs::daxdb {
namespace {

constexpr int kPollMilliseconds = 200;   // how long a signal waits at most
constexpr int kEscapeMilliseconds = 50;  // within which an escape sequence is complete
constexpr short kRedPair = 1;

volatile std::sig_atomic_t pending_signal = 0;

void note_signal(int number) {
    pending_signal = number;
}

// The terminal in curses mode for as long as it lives.
class Terminal {
  public:
    explicit Terminal(bool color) {
        cbreak();
        noecho();
        keypad(stdscr, TRUE);
        curs_set(0);
        set_escdelay(kEscapeMilliseconds);
        timeout(kPollMilliseconds);
        color_ = color && has_colors() && start_color() == OK && use_default_colors() == OK &&
                 init_pair(kRedPair, COLOR_RED, -1) == OK;
    }
    ~Terminal() { endwin(); }
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;

    void draw(const Grid& grid) const {
        erase();
        for (int y = 0; y < grid.height(); ++y)
            for (int x = 0; x < grid.width(); ++x) {
                const Cell& cell = grid.at(x, y);
                attrset(attributes(cell.style));
                mvaddstr(y, x, cell.text.c_str());
            }
        attrset(A_NORMAL);
        refresh();
    }

  private:
    int attributes(Style style) const {
        switch (style) {
            case Style::kPlain:
                return A_NORMAL;
            case Style::kBold:
                return A_BOLD;
            case Style::kReverse:
                return A_REVERSE;
            case Style::kDim:
                return A_DIM;
            case Style::kWrong:
                return A_BOLD | (color_ ? static_cast<int>(COLOR_PAIR(kRedPair)) : 0);
        }
        return A_NORMAL;
    }

    bool color_ = false;
};

KeyPress key_of(int code) {
    switch (code) {
        case KEY_UP:
            return {Key::kUp};
        case KEY_DOWN:
            return {Key::kDown};
        case KEY_LEFT:
            return {Key::kLeft};
        case KEY_RIGHT:
            return {Key::kRight};
        case KEY_PPAGE:
            return {Key::kPageUp};
        case KEY_NPAGE:
            return {Key::kPageDown};
        case KEY_HOME:
            return {Key::kHome};
        case KEY_END:
            return {Key::kEnd};
        case '\n':
        case '\r':
        case KEY_ENTER:
            return {Key::kEnter};
        case KEY_BACKSPACE:
        case '\b':
        case 0x7f:
            return {Key::kBackspace};
        case '\t':
        case KEY_BTAB:
            return {Key::kTab};
        case 0x1b:
            return {Key::kEscape};
        default:
            break;
    }
    if (code >= 0x20 && code <= 0xff)
        return {Key::kCharacter, static_cast<char>(code)};
    return {Key::kOther};
}

// The signals that end the view, handled for as long as it lives.
class SignalScope {
  public:
    SignalScope() {
        pending_signal = 0;
        struct sigaction action {};
        action.sa_handler = note_signal;
        for (std::size_t i = 0; i < std::size(kSignals); ++i)
            sigaction(kSignals[i], &action, &old_[i]);
    }
    ~SignalScope() {
        for (std::size_t i = 0; i < std::size(kSignals); ++i)
            sigaction(kSignals[i], &old_[i], nullptr);
    }
    SignalScope(const SignalScope&) = delete;
    SignalScope& operator=(const SignalScope&) = delete;

  private:
    static constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction old_[std::size(kSignals)]{};
};

// ERR: a signal came, or the terminal is gone.
int wait_for_key() {
    while (pending_signal == 0) {
        if (const int code = getch(); code != ERR)
            return code;
        pollfd in{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
        if (poll(&in, 1, 0) > 0 && (in.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0)
            return ERR;
    }
    return ERR;
}

void loop(const Session& session, bool color) {
    const Terminal terminal(color);
    View view(session);
    while (!view.done() && pending_signal == 0) {
        int height = 0;
        int width = 0;
        getmaxyx(stdscr, height, width);
        terminal.draw(view.render(width, height));
        const int code = wait_for_key();
        if (code == ERR)
            return;
        if (code != KEY_RESIZE)
            view.press(key_of(code));
    }
}

}  // namespace

Result<void> show_screen(const Session& session, bool color) {
    std::setlocale(LC_CTYPE, "");
    // Before curses, which else installs handlers that exit(1).
    std::optional<SignalScope> signals(std::in_place);
    SCREEN* screen = newterm(nullptr, stdout, stdin);
    if (screen == nullptr) {
        const char* term = std::getenv("TERM");
        return fail("cannot use the terminal '{}' (TERM); run commands with -c instead", term == nullptr ? "" : term);
    }
    loop(session, color);
    delscreen(screen);
    signals.reset();
    if (const int number = pending_signal; number != 0)
        std::raise(number);
    return {};
}

}  // namespace daxfs::daxdb
