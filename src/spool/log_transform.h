// The Transform of a delivery: the events of a log that are mapped already are copied, all other
// records are mapped.
#ifndef MILLRACE_SPOOL_LOG_TRANSFORM_H_
#define MILLRACE_SPOOL_LOG_TRANSFORM_H_

#include <cstddef>

#include "base/clock.h"
#include "base/record_rules.h"
#include "formats/text_rows.h"
#include "objects/map_transform.h"
#include "objects/object_source.h"
#include "pipeline/transform.h"
#include "script/script_pool.h"

namespace millrace {

// The payload of the chunks of a LogSource.
struct LogPayload : RowsPayload {
  // The rows, if all of them are from mapped frames (Frame::is_mapped), else null. They are lines,
  // one after another.
  const TextRows* mapped = nullptr;
};

class LogTransform : public Transform {
 public:
  // As those of MapTransform.
  LogTransform(Clock& clock, const RecordRules& rules, ScriptPool* scripts = nullptr);

  void Begin(Chunk& chunk) override;
  bool Next(size_t max_bytes, Transformed& out) override;

 private:
  bool Copy(size_t max_bytes, Batch& out);

  const bool takes_mapped_;
  MapTransform map_;
  // Of the chunk:
  const TextRows* mapped_ = nullptr;  // null: the rows are to be mapped
  size_t next_ = 0;                   // the first row that was not copied yet
};

}  // namespace millrace

#endif  // MILLRACE_SPOOL_LOG_TRANSFORM_H_
