// From the records of one request to lines for the record log (docs/formats/records.md): each
// record is checked, gets what it lacks, and is written as canonical JSON.
//
// Events: `time` is added in milliseconds if it is missing or null, `ip` if it is missing, and
// `$insert_id` if it is missing or none; a `$insert_id` that Mixpanel would not accept becomes the
// hash of itself. Updates of users: `$ip` is added if it is missing; a group has no address, and it
// would become a property of the group. The token is replaced if the rules say so. Everything else
// is kept, members beside `event`, `properties` and the operations too (`$mp_metadata`, and the
// `id` that Swift's SDK leaves). But usual events (usual_event.h) are written as mapping would
// write them: without such members and nulls, and with the time in milliseconds.
//
// A missing $insert_id is derived from what an SDK sends again when it repeats a request: the
// event, its token, its time and $mp_event_id of its $mp_metadata; or, without $mp_event_id, the
// event and all of its properties in any order. What the proxy adds has no part in it. The second
// of several equal events of a request gets another id than the first, and so on, so that they stay
// several events; events with the same $mp_event_id are one event.
#ifndef MILLRACE_PROXY_ENRICH_H_
#define MILLRACE_PROXY_ENRICH_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_buffer.h"
#include "base/record_rules.h"
#include "base/record_type.h"
#include "proxy/token_rules.h"

namespace millrace::proxy {

struct EnrichOptions {
  size_t max_record_bytes = RecordRules::kMaxBytes;  // of a line, enriched
  // Larger requests are parsed record by record, which takes less memory.
  size_t max_whole_bytes = 1 << 20;
  size_t max_records = 50'000;  // of a request; Mixpanel takes 2,000
};

struct EnrichRequest {
  RecordType type = RecordType::kEvent;
  std::string_view address;    // to be added as ip; empty: none is added
  int64_t unix_millis = 0;     // to be added as time
  bool requires_time = false;  // an event without time is rejected, unless it joins identities
  const TokenRules* tokens = nullptr;  // null: every token is accepted
  std::string_view default_token;      // of records that have none
};

// A record that is not written. Codes as those of dead letters (pipeline/dead_letter_queue.h), and
// "token_refused".
struct RejectedRecord {
  uint64_t index = 0;  // in the request
  std::string_view code;
  std::string field;    // "properties.time"; empty: the whole record
  std::string message;  // as Mixpanel's /import words it, if it has words for it
  std::string insert_id;
  std::string_view text;  // as sent, of the records that Enrich() was given
};

struct EnrichedRecords {
  ByteBuffer lines;        // each ends with '\n'
  uint32_t count = 0;      // of lines
  bool are_mapped = true;  // all lines are usual events (Frame::is_mapped)
  uint64_t received = 0;
  std::vector<RejectedRecord> rejected;

  void clear() {
    lines.clear();
    count = 0;
    are_mapped = true;
    received = 0;
    rejected.clear();
  }
};

// One thread at a time; keeps its memory.
class Enricher {
 public:
  explicit Enricher(EnrichOptions options = {});
  ~Enricher();

  // Appends the records of `text` (sdk::DecodedBody::records: a JSON array, objects on lines or one
  // object) to `out`. What cannot be parsed is one rejected record; those around it are taken.
  // False: there are more than max_records, and `out` holds only some of them.
  bool Enrich(std::string_view text, const EnrichRequest& request, EnrichedRecords* out);

  // Frees memory that only large requests take.
  void Trim();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::proxy

#endif  // MILLRACE_PROXY_ENRICH_H_
