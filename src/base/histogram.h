// A distribution of values in fixed buckets, as Prometheus counts it.
#ifndef MILLRACE_BASE_HISTOGRAM_H_
#define MILLRACE_BASE_HISTOGRAM_H_

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <vector>

namespace millrace {

// Thread-safe.
class Histogram {
 public:
  // Upper bounds of the buckets, ascending; an unbounded one follows.
  Histogram(std::initializer_list<double> bounds) : bounds_(bounds), counts_(bounds.size() + 1) {}

  void Observe(double value);

  const std::vector<double>& bounds() const { return bounds_; }
  struct Snapshot {
    std::vector<uint64_t> counts;  // of each bucket alone, the unbounded one last
    uint64_t count = 0;            // of them all
    double sum = 0;
  };
  Snapshot Take() const;

 private:
  const std::vector<double> bounds_;
  std::vector<std::atomic<uint64_t>> counts_;
  std::atomic<double> sum_{0};
};

}  // namespace millrace

#endif  // MILLRACE_BASE_HISTOGRAM_H_
