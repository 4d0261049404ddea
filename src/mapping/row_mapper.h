// Row -> event (or profile update): the compiled form of one sources.json entry.
#ifndef MILLRACE_MAPPING_ROW_MAPPER_H_
#define MILLRACE_MAPPING_ROW_MAPPER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/batch.h"
#include "base/record_rules.h"
#include "formats/row.h"
#include "mapping/sources_config.h"

namespace millrace {

class ScriptPool;

// Why a row was rejected; codes are those of pipeline/dead_letter.h.
struct MapError {
  std::string code;
  std::string field;
  std::string message;
  std::string mapped;  // the row's mapped form (JSON), if it got that far
};

enum class MapOutcome { kMapped, kFiltered, kRejected };

// The outcome of buffered rows that gave no line.
struct BufferedRows {
  struct Rejected {
    uint64_t row = 0;
    MapError why;
  };
  std::vector<Rejected> rejected;  // in the order of the rows
  size_t bytes = 0;                // of the payloads of `rejected`
  uint64_t filtered = 0;

  void Reject(uint64_t row, MapError why) {
    bytes += why.mapped.size();
    rejected.push_back({row, std::move(why)});
  }
};

// Caches compiled plans per row shape and reuses its buffers. One thread at a time: one per worker.
class RowMapper {
 public:
  virtual ~RowMapper() = default;

  // The object of the next rows: for ids by position, and for messages. Discards rows that were
  // buffered and not flushed.
  virtual void BeginObject(std::string_view uri, std::string_view version) = 0;

  // From here on this is `now`: for mappers that are used for longer than an hour.
  virtual void SetNow(absl::Time now) = 0;

  // The cell whose members are read, for RowVisitor::opens(); empty: none.
  virtual std::string_view opened_cell() const = 0;

  // Appends the result of `row` to `out`, each line with `row.number` as its source row:
  //   events  {"event":"Name","properties":{"time":<ms>,"distinct_id":"..","$insert_id":"..",...}}
  //   users   {"$distinct_id":"..","$set":{...}}
  //   groups  {"$group_key":"..","$group_id":"..","$set":{...}}
  // (the sink adds the token of profile updates). kMapped: one or more lines were added. kRejected:
  // none was, and `why` is filled. kFiltered: the transform returned nothing.
  virtual MapOutcome Map(const Row& row, Batch& out, MapError& why) = 0;

  // Calling Buffer() for each row of a chunk and then Flush() does the same as calling Map() for
  // each, at about half the cost if the config has a transform, which then runs over many rows at
  // once. Either appends lines to `out`, in the order of the rows, and adds the outcome of the
  // other rows to `held`. Do not call Map() before Flush(). Buffer() returns how many bytes of the
  // row are kept until then. Flush() returns false when its output reaches `max_bytes` (at least
  // one row): call it again until it returns true.
  virtual size_t Buffer(const Row& row, Batch& out) = 0;
  virtual bool Flush(size_t max_bytes, Batch& out, BufferedRows& held) = 0;

  // `rules` are those of the records' destination. With RecordRules::bounds_time, event times may
  // be up to one hour after `now`. InvalidArgument if the config's transform does not load (with
  // file, line and message). The transform runs in one of `scripts`, which many mappers may share;
  // if that is null, in an engine of the mapper's own.
  static absl::StatusOr<std::unique_ptr<RowMapper>> Make(std::shared_ptr<const SourceConfig> config,
                                                         absl::Time now, const RecordRules& rules,
                                                         ScriptPool* scripts = nullptr);
};

// Appends `row` as one JSON object: the payload before mapping that dead letters store.
void AppendRowAsJson(const Row& row, ByteBuffer& out);

}  // namespace millrace

#endif  // MILLRACE_MAPPING_ROW_MAPPER_H_
