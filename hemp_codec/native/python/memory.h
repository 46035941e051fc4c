// Memory for libhemp to work in.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

using Scratch = std::unique_ptr<uint64_t[]>;

inline Scratch allocate_scratch(uint64_t bytes) {
    if (bytes > (uint64_t{1} << 40)) {
        throw std::bad_alloc();
    }
    return Scratch(new uint64_t[static_cast<size_t>(bytes) / 8 + 1]);
}

// Memory that one thread uses again and again: to get it from the system takes longer than to use it.
class Workspace {
  public:
    uint8_t *room(uint64_t bytes) {
        if (bytes > capacity_) {
            memory_ = allocate_scratch(bytes);
            capacity_ = bytes;
        }
        return reinterpret_cast<uint8_t *>(memory_.get());
    }

  private:
    Scratch memory_;
    uint64_t capacity_ = 0;
};

// What any number of threads used, one thing each, kept for the next ones.
template <typename Thing> class Pool {
  public:
    std::unique_ptr<Thing> take() {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (free_.empty()) {
            return std::make_unique<Thing>();
        }
        std::unique_ptr<Thing> thing = std::move(free_.back());
        free_.pop_back();
        return thing;
    }
    void give(std::unique_ptr<Thing> thing) {
        const std::lock_guard<std::mutex> lock(mutex_);
        free_.push_back(std::move(thing));
    }

  private:
    std::mutex mutex_;
    std::vector<std::unique_ptr<Thing>> free_;
};
