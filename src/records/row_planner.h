// Records to the rows that they become, each with its plan: what the table and the flat form share.
#ifndef MILLRACE_RECORDS_ROW_PLANNER_H_
#define MILLRACE_RECORDS_ROW_PLANNER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "records/record_parser.h"
#include "records/row_plan.h"

namespace millrace {

// One row of a record.
struct PlannedRow {
  const RowPlan* plan = nullptr;
  const MemberReader* members = nullptr;  // of the record
  const MemberReader* payload = nullptr;  // null if it is not an object
  std::string_view operation;             // of an update; empty: none
};

// One thread at a time; keeps its buffers and plans.
class RowPlanner {
 public:
  // `extra` must outlive this object.
  RowPlanner(RecordType type, Form form, absl::Span<const Column> extra);

  // InvalidArgument as RecordParser::Parse().
  absl::Status Parse(std::string_view record);

  // How many rows the record becomes: at least one.
  size_t rows() const;
  // Valid until the next call of Row() or Parse().
  PlannedRow Row(size_t i);

  // The value of a step; null: the step does nothing.
  static const Value* Find(const PlannedRow& row, const RowPlan::Step& step) {
    const MemberReader& from = step.of_payload ? *row.payload : *row.members;
    const Value& value = from.field(step.field).value;
    const bool applies =
        step.condition == RowPlan::Condition::kAlways || Applies(row, step.condition, value);
    return applies ? &value : nullptr;
  }

  // InvalidArgument that names the required column that a row has no value for.
  absl::Status CheckRequired(uint64_t filled_columns) const;

 private:
  // The shapes of the record and the payload (0: none), and the payload's field.
  using PlanKey = std::tuple<uint64_t, uint64_t, size_t>;

  const RowPlan* FindPlan(const PlanKey& key, const RowShapes& shapes);
  static bool Applies(const PlannedRow& row, RowPlan::Condition condition, const Value& value);

  const RecordType type_;
  const Form form_;
  const absl::Span<const Column> extra_;
  RecordParser parser_;
  absl::flat_hash_map<PlanKey, std::unique_ptr<const RowPlan>> plans_;
  size_t plan_bytes_ = 0;
  PlanKey last_key_{};
  const RowPlan* last_ = nullptr;
};

}  // namespace millrace

#endif  // MILLRACE_RECORDS_ROW_PLANNER_H_
