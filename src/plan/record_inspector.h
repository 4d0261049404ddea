// Statistics of mapped records, and what Mixpanel would truncate, merge or reject in them.
#ifndef MILLRACE_PLAN_RECORD_INSPECTOR_H_
#define MILLRACE_PLAN_RECORD_INSPECTOR_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "mapping/sources_config.h"

namespace millrace {

// The set of records that were seen, by 64-bit hash, up to a limit.
class SeenRecords {
 public:
  explicit SeenRecords(size_t max = 2'000'000) : max_(max) {}
  // True if `hash` was seen before. Once full, only what is in the set is recognised.
  bool Add(uint64_t hash);
  bool full() const { return hashes_.size() >= max_; }

 private:
  const size_t max_;
  absl::flat_hash_set<uint64_t> hashes_;
};

// Mixpanel's documented limits on the contents of a record. A record that exceeds one is accepted,
// but its value is truncated or cannot be used in reports.
enum class RecordLimit {
  kTextBytes,   // 255 bytes of text
  kDepth,       // 3 levels of nesting
  kListLength,  // 255 items
  kKeys,        // 255 keys of a nested object
  kValueBytes,  // 8 KB a list or object (256 KB on profiles)
};
inline constexpr size_t kRecordLimits = 5;
uint64_t BoundOf(RecordLimit limit, RecordType type);

// A property that exceeds a limit.
struct Excess {
  RecordLimit limit;
  std::string property;
  uint64_t records = 0;
  uint64_t worst = 0;  // in the unit of the limit
};

struct NameCount {
  std::string name;
  uint64_t records = 0;
};

struct RecordStats {
  uint64_t records = 0;
  // Events only:
  std::vector<NameCount> names;  // most frequent first
  bool names_complete = true;    // false: there are more names than were counted
  std::optional<absl::Time> first, last;
  uint64_t in_future = 0;
  uint64_t at_midnight = 0;   // exactly 00:00:00 UTC
  uint64_t without_user = 0;  // distinct_id empty or absent, and no $user_id or $device_id
  uint64_t identical = 0;     // same event name and $insert_id as an earlier one
  bool identical_complete = true;
  std::vector<Excess> excesses;  // most records first
};

// Reads records as a RowMapper writes them. One thread at a time; bounded memory.
class RecordInspector {
 public:
  static constexpr size_t kMaxNames = 5'000;
  static constexpr size_t kMaxProperties = 2'000;

  // `seen` may be shared with other inspectors and must outlive this one.
  RecordInspector(RecordType type, absl::Time now, SeenRecords& seen);
  ~RecordInspector();

  // True if it is the first event of its name, or the first profile update. At least
  // ByteBuffer::kPadding readable bytes must follow `record`.
  bool Inspect(std::string_view record);

  RecordStats stats() const;

 private:
  struct Parser;
  struct Worst {
    uint64_t records = 0;
    uint64_t worst = 0;
  };

  bool InspectEvent(Parser& parser);
  void InspectEventProperty(Parser& parser, std::string_view name);
  void InspectProfile(Parser& parser);
  void InspectProperty(Parser& parser, std::string_view name);
  bool CountName(std::string_view name);
  void CountExcess(std::string_view property, RecordLimit limit, uint64_t amount);

  const RecordType type_;
  const absl::Time now_;
  SeenRecords& seen_;
  std::unique_ptr<Parser> parser_;
  RecordStats stats_;
  absl::flat_hash_map<std::string, uint64_t> names_;
  absl::flat_hash_map<std::string, std::array<Worst, kRecordLimits>> excesses_;
};

}  // namespace millrace

#endif  // MILLRACE_PLAN_RECORD_INSPECTOR_H_
