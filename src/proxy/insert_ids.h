// The $insert_id of events that were sent without a usable one; see enrich.h.
#ifndef MILLRACE_PROXY_INSERT_IDS_H_
#define MILLRACE_PROXY_INSERT_IDS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "base/byte_buffer.h"
#include "base/hash.h"
#include "proxy/record_scan.h"

namespace millrace::proxy {

// One thread at a time; keeps its memory.
class InsertIds {
 public:
  // The next events are of another request.
  void Begin() { repeats_.clear(); }
  // What is to be written instead of the id that was sent, until the next call; empty: that one may
  // stay. `event` has a name and properties.
  std::string_view Choose(const RecordScan& event);
  // The id that was sent, as text; until the next call.
  std::string_view TextOf(const RecordScan& event);

 private:
  Hash128 Derive(const RecordScan& event);

  absl::flat_hash_map<std::pair<uint64_t, uint64_t>, uint32_t> repeats_;  // of derived ids
  std::string id_;
  ByteBuffer scratch_;
};

}  // namespace millrace::proxy

#endif  // MILLRACE_PROXY_INSERT_IDS_H_
