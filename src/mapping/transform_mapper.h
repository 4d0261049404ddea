// Maps rows with the user's transform.
#ifndef MILLRACE_MAPPING_TRANSFORM_MAPPER_H_
#define MILLRACE_MAPPING_TRANSFORM_MAPPER_H_

#include <memory>
#include <string_view>
#include <vector>

#include "mapping/json_object.h"
#include "mapping/record_mapper.h"
#include "mapping/row_mapper.h"
#include "script/script.h"

namespace millrace {

// Buffer() drafts the row's record; Flush() runs the script over the drafts, some at a time, and
// writes the returned records, which are in Mixpanel's format.
class TransformMapper : public RowMapper, private RowVisitor {
 public:
  TransformMapper(std::unique_ptr<RecordMapper> drafter, std::unique_ptr<Script> script,
                  std::unique_ptr<RecordMapper> finisher);

  void BeginObject(std::string_view uri, std::string_view version) override;
  void SetNow(absl::Time now) override;
  std::string_view opened_cell() const override { return drafter_->opened_cell(); }
  MapOutcome Map(const Row& row, Batch& out, MapError& why) override;
  size_t Buffer(const Row& row, Batch& out) override;
  bool Flush(size_t max_bytes, Batch& out, BufferedRows& held) override;

 private:
  // The drafts from next_draft_ on for which the script returns about `max_bytes`.
  void FlushSome(size_t max_bytes);
  void ForgetDrafts();
  // The drafts are numbered in the order of their rows.
  void BeginDraft(size_t draft);
  void Reject(size_t draft, MapError why);

  // A record that the script returned; its number is the line's number.
  std::string_view opens() const override { return finisher_->opened_cell(); }
  void OnRow(const Row& row) override;
  void OnBadRow(uint64_t number, const absl::Status& why, std::string_view raw) override;

  const std::unique_ptr<RecordMapper> drafter_;
  const std::unique_ptr<Script> script_;
  const std::unique_ptr<RecordMapper> finisher_;

  // Of the buffered rows:
  std::vector<BufferedRows::Rejected> refused_;  // rejected before the script saw them
  Batch drafts_;
  std::vector<RecordOrigin> origins_;
  size_t next_draft_ = 0;  // the first one not flushed

  // Of the flush:
  JsonObjectParser parser_;
  Batch results_;
  std::vector<ScriptFailure> failures_;
  Batch* out_ = nullptr;
  BufferedRows* held_ = nullptr;
  size_t draft_ = 0;             // the draft whose records are being written
  size_t out_rows_ = 0;          // rows of `out_` before it
  bool draft_rejected_ = false;  // one of its records was rejected
  std::vector<bool> accounted_;  // drafts that were rejected or gave a record
};

}  // namespace millrace

#endif  // MILLRACE_MAPPING_TRANSFORM_MAPPER_H_
