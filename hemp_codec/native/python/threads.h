// Threads of libhemp's callers.
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <thread>
#include <vector>

#if defined(__linux__) && !defined(__ANDROID__)
#define HEMP_PLACES_THREADS
#include <sched.h>
#endif

// The processors on which this thread may run, and the next one for a new thread.
class Processors {
  public:
    Processors();

    // 0 if that is not known.
    size_t count() const;

    // Put a thread that has just been made on the next processor after that of this thread and of those before.  It
    // may leave it: this only says where it begins.
    void place_next(std::thread &thread);

  private:
#ifdef HEMP_PLACES_THREADS
    cpu_set_t allowed_;
    int last_;
#endif
};

// Threads that end before this does.
//
// Where there is one for each processor, each begins on its own.  Some systems, those of virtual machines above all,
// start a thread where its maker runs, or two of them on one processor, and part them after ten milliseconds or more,
// which is longer than most files take. Where there are fewer the system knows better than we which of the processors
// are free.
class Threads {
  public:
    // `count`: those that work at the same time, with the calling one if it does.
    explicit Threads(size_t count) : is_one_for_each_(processors_.count() == count) {}
    ~Threads();
    Threads(const Threads &) = delete;
    Threads &operator=(const Threads &) = delete;

    bool is_one_for_each() const {
        return is_one_for_each_;
    }
    size_t size() const {
        return threads_.size();
    }
    void start(std::function<void()> work);

  private:
    Processors processors_;
    const bool is_one_for_each_;
    std::vector<std::thread> threads_;
};

// Run work(0) to work(count - 1) side by side; an exception of one of them comes out when all have ended.
void in_threads(size_t count, const std::function<void(size_t)> &work);
