// Fingerprints of events on disk, one file per key, so that millions of them need no memory.
#ifndef MILLRACE_RECONCILE_FINGERPRINT_SPILL_H_
#define MILLRACE_RECONCILE_FINGERPRINT_SPILL_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/hash.h"

namespace millrace {

// One of our events: the hash of its identity, and its row.
struct Fingerprint {
  Hash128 id;
  uint64_t row = 0;
  uint32_t object = 0;    // index in the list of reconciled objects
  uint32_t optional = 0;  // 1: may or may not be at the destination (of a rejected row)

  friend bool operator<(const Fingerprint& a, const Fingerprint& b) {
    return std::tie(a.id, a.optional, a.object, a.row) <
           std::tie(b.id, b.optional, b.object, b.row);
  }
};

// Temporary: the files have the machine's byte order. One thread at a time. No file stays open
// between calls.
class FingerprintSpill {
 public:
  // `folder` must exist and be used by this spill only. Buffers about `memory` bytes.
  FingerprintSpill(std::string folder, size_t memory)
      : folder_(std::move(folder)), memory_(memory) {}

  absl::Status Add(int64_t key, const Fingerprint& fingerprint);
  // Visits every fingerprint of `key`, in the order in which they were added.
  absl::Status ForEach(int64_t key, const std::function<void(const Fingerprint&)>& visit);
  // Removes everything, including the files.
  absl::Status Clear();

  // Keys and their numbers of fingerprints.
  const std::map<int64_t, uint64_t>& counts() const { return counts_; }

 private:
  std::string PathOf(int64_t key) const;
  absl::Status Flush();

  const std::string folder_;
  const size_t memory_;
  std::map<int64_t, uint64_t> counts_;
  std::map<int64_t, std::vector<Fingerprint>> buffers_;
  size_t buffered_ = 0;  // bytes
};

}  // namespace millrace

#endif  // MILLRACE_RECONCILE_FINGERPRINT_SPILL_H_
