// Fingerprints of events on disk, one file per key, so that millions cost no memory.
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

// An event of ours: the hash of its identity and the row it comes from.
struct Fingerprint {
  Hash128 id;
  uint64_t row = 0;
  uint32_t object = 0;    // in the list of objects that are reconciled
  uint32_t optional = 0;  // 1: may be at the destination or not (of a rejected row)

  friend bool operator<(const Fingerprint& a, const Fingerprint& b) {
    return std::tie(a.id, a.optional, a.object, a.row) <
           std::tie(b.id, b.optional, b.object, b.row);
  }
};

// Not for keeping: the files have the machine's byte order. One thread at a time. No file stays
// open between calls.
class FingerprintSpill {
 public:
  // `folder` must be there, and be this spill's own. Holds about `memory` bytes.
  FingerprintSpill(std::string folder, size_t memory)
      : folder_(std::move(folder)), memory_(memory) {}

  absl::Status Add(int64_t key, const Fingerprint& fingerprint);
  // Shows every fingerprint of `key`, in the order of adding.
  absl::Status ForEach(int64_t key, const std::function<void(const Fingerprint&)>& visit);
  // Forgets everything, files too.
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
