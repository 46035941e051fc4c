#include "threads.h"

#include <utility>

#ifdef HEMP_PLACES_THREADS
#include <pthread.h>

Processors::Processors() : last_(sched_getcpu()) {
    if (last_ < 0 || sched_getaffinity(0, sizeof allowed_, &allowed_) != 0) {
        CPU_ZERO(&allowed_);
    }
}

size_t Processors::count() const {
    return static_cast<size_t>(CPU_COUNT(&allowed_));
}

void Processors::place_next(std::thread &thread) {
    do {
        last_ = (last_ + 1) % CPU_SETSIZE;
    } while (!CPU_ISSET(last_, &allowed_));
    cpu_set_t next;
    CPU_ZERO(&next);
    CPU_SET(last_, &next);
    // Where a sandbox forbids these the thread begins where the system wants it to.
    (void)pthread_setaffinity_np(thread.native_handle(), sizeof next, &next);
    (void)pthread_setaffinity_np(thread.native_handle(), sizeof allowed_, &allowed_);
}
#else
Processors::Processors() {}

size_t Processors::count() const {
    return 0;
}

void Processors::place_next(std::thread &) {}
#endif

Threads::~Threads() {
    for (std::thread &thread : threads_) {
        thread.join();
    }
}

void Threads::start(std::function<void()> work) {
    threads_.reserve(threads_.size() + 1);
    threads_.emplace_back(std::move(work));
    if (is_one_for_each_) {
        processors_.place_next(threads_.back());
    }
}

void in_threads(size_t count, const std::function<void(size_t)> &work) {
    if (count <= 1) {
        work(0);
        return;
    }
    std::vector<std::exception_ptr> errors(count);
    const auto guarded = [&](size_t i) {
        try {
            work(i);
        } catch (...) {
            errors[i] = std::current_exception();
        }
    };
    {
        // Either this thread works as well, or it waits: by going on where others begin it would hold them up.
        Threads threads(count);
        for (size_t i = threads.is_one_for_each() ? 1 : 0; i < count; i++) {
            threads.start([&guarded, i] { guarded(i); });
        }
        if (threads.is_one_for_each()) {
            guarded(0);
        }
    }
    for (const std::exception_ptr &error : errors) {
        if (error) {
            std::rethrow_exception(error);
        }
    }
}
