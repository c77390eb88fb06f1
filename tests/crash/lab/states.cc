// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/lab/states.h"

#include <algorithm>

namespace daxfs::crash {
namespace {

class Generator {
  public:
    Generator(std::span<const Choice> choices, const StateBudget& budget, std::uint64_t seed,
              const std::function<bool(const State&)>& visit)
        : choices_(choices), budget_(budget), random_(seed * 2 + 1), visit_(visit), state_(choices.size(), 0) {}

    void run() {
        if (combinations() <= budget_.exhaustive) {
            exhaustive();
            return;
        }
        // Nothing of what is in flight, all of it, and then each line alone kept or lost, and two of them.
        static_cast<void>(filled(false) && filled(true) && singles() && pairs() && random());
    }

  private:
    std::uint64_t combinations() const {
        std::uint64_t count = 1;
        for (const Choice& choice : choices_) {
            count *= choice.options.size();
            if (count > budget_.exhaustive)
                return count;
        }
        return count;
    }

    std::uint16_t last(std::size_t i) const { return static_cast<std::uint16_t>(choices_[i].options.size() - 1); }

    std::uint64_t draw(std::uint64_t below) {
        random_ = random_ * 6364136223846793005u + 1442695040888963407u;
        return (random_ >> 33) % below;
    }

    void exhaustive() {
        while (visit_(state_)) {
            std::size_t i = 0;
            while (i < state_.size() && state_[i] == last(i))
                state_[i++] = 0;
            if (i == state_.size())
                return;
            ++state_[i];
        }
    }

    void fill(bool kept) {
        for (std::size_t i = 0; i < state_.size(); ++i)
            state_[i] = kept ? last(i) : std::uint16_t{0};
    }

    bool filled(bool kept) {
        fill(kept);
        return visit_(state_);
    }

    // Every option of one line, while all others are lost, and while all others are kept; of many lines some.
    bool singles() {
        const std::uint64_t most = 4 * budget_.pairs;
        for (const bool kept : {false, true}) {
            fill(kept);
            for (std::uint64_t n = 0; n < std::min<std::uint64_t>(state_.size(), most); ++n) {
                const std::size_t i = state_.size() <= most ? n : draw(state_.size());
                const std::uint16_t before = state_[i];
                for (std::uint16_t option = 0; option <= last(i); ++option) {
                    state_[i] = option;
                    if (option != before && !visit_(state_))
                        return false;
                }
                state_[i] = before;
            }
        }
        return true;
    }

    bool pairs() {
        const std::uint64_t all = state_.size() * (state_.size() - 1) / 2;
        for (const bool kept : {false, true}) {
            fill(kept);
            if (all <= budget_.pairs) {
                for (std::size_t i = 0; i < state_.size(); ++i)
                    for (std::size_t j = i + 1; j < state_.size(); ++j)
                        if (!pair(i, j))
                            return false;
            } else {
                for (std::uint64_t n = 0; n < budget_.pairs; ++n) {
                    const std::size_t i = draw(state_.size()), j = draw(state_.size());
                    if (i != j && !pair(i, j))
                        return false;
                }
            }
        }
        return true;
    }

    bool pair(std::size_t i, std::size_t j) {
        const std::uint16_t before_i = state_[i], before_j = state_[j];
        state_[i] = before_i == 0 ? last(i) : std::uint16_t{0};
        state_[j] = before_j == 0 ? last(j) : std::uint16_t{0};
        const bool go_on = visit_(state_);
        state_[i] = before_i;
        state_[j] = before_j;
        return go_on;
    }

    bool random() {
        for (std::uint64_t n = 0; n < budget_.random; ++n) {
            // Some states with few lines kept, some with most.
            const std::uint64_t kept_of_8 = 1 + draw(7);
            for (std::size_t i = 0; i < state_.size(); ++i)
                state_[i] = draw(8) < kept_of_8
                                ? (draw(4) == 0 ? static_cast<std::uint16_t>(draw(last(i) + 1u)) : last(i))
                                : std::uint16_t{0};
            if (!visit_(state_))
                return false;
        }
        return true;
    }

    std::span<const Choice> choices_;
    const StateBudget& budget_;
    std::uint64_t random_;
    const std::function<bool(const State&)>& visit_;
    State state_;
};

}  // namespace

void each_state(std::span<const Choice> choices, const StateBudget& budget, std::uint64_t seed,
                const std::function<bool(const State&)>& visit) {
    Generator(choices, budget, seed, visit).run();
}

}  // namespace daxfs::crash
