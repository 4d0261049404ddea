#include "records/row_planner.h"

#include <utility>

#include "base/strings.h"
#include "records/standard_columns.h"

namespace millrace {
namespace {

// When there are more, all are forgotten.
constexpr size_t kMaxPlans = 512;
constexpr size_t kMaxPlanBytes = 4 << 20;

// SDKs send these with $delete, which needs no value.
bool SaysNothing(std::string_view operation, const Value& value) {
  if (value.is_null()) return true;
  return operation == "$delete" && value.kind == Value::Kind::kJsonText &&
         (value.text.empty() || value.text == "null");
}

}  // namespace

RowPlanner::RowPlanner(RecordType type, Form form, absl::Span<const Column> extra)
    : type_(type), form_(form), extra_(extra), parser_(type) {}

absl::Status RowPlanner::Parse(std::string_view record) { return parser_.Parse(record); }

size_t RowPlanner::rows() const {
  return parser_.payloads().empty() ? 1 : parser_.payloads().size();
}

PlannedRow RowPlanner::Row(size_t i) {
  const MemberReader& members = parser_.members();
  const std::vector<std::string>& names = members.shape().names;
  PlannedRow row{.members = &members};
  size_t field = names.size();
  if (i < parser_.payloads().size()) {
    field = parser_.payloads()[i];
    row.payload = members.field(field).members;
    if (type_ != RecordType::kEvent) row.operation = names[field];
  }
  const RowShape* const payload = row.payload == nullptr ? nullptr : &row.payload->shape();
  const PlanKey key(members.shape().id, payload == nullptr ? 0 : payload->id, field);
  if (last_ == nullptr || key != last_key_) {
    last_ = FindPlan(key, {members.shape(), payload, field});
    last_key_ = key;
  }
  row.plan = last_;
  return row;
}

const RowPlan* RowPlanner::FindPlan(const PlanKey& key, const RowShapes& shapes) {
  if (const auto found = plans_.find(key); found != plans_.end()) return found->second.get();
  if (plans_.size() >= kMaxPlans || plan_bytes_ >= kMaxPlanBytes) {
    plans_.clear();
    plan_bytes_ = 0;
  }
  auto plan = std::make_unique<const RowPlan>(CompileRowPlan(type_, form_, extra_, shapes));
  plan_bytes_ += plan->fragment_bytes + plan->steps.size() * sizeof(RowPlan::Step);
  return (plans_[key] = std::move(plan)).get();
}

bool RowPlanner::Applies(const PlannedRow& row, RowPlan::Condition condition, const Value& value) {
  switch (condition) {
    case RowPlan::Condition::kAlways:
      return true;
    case RowPlan::Condition::kOperand:
      return !SaysNothing(row.operation, value);
    case RowPlan::Condition::kNoOperation:
      return value.kind != Value::Kind::kJson;
  }
  return true;
}

absl::Status RowPlanner::CheckRequired(uint64_t filled_columns) const {
  const absl::Span<const StandardColumn> columns = StandardColumns(type_);
  for (size_t i = 0; i < columns.size(); ++i) {
    if (!columns[i].required || (filled_columns >> i & 1) != 0) continue;
    return absl::InvalidArgumentError(
        StrCat("not a record of ", PluralOf(type_), ": it has no \"", columns[i].key, "\""));
  }
  return absl::OkStatus();
}

}  // namespace millrace
