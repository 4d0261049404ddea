#include "records/row_planner.h"

#include "base/strings.h"
#include "records/standard_columns.h"

namespace millrace {
namespace {

constexpr size_t kMaxPlans = 512;

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
    if (plans_.size() >= kMaxPlans && !plans_.contains(key)) plans_.clear();
    std::unique_ptr<const RowPlan>& plan = plans_[key];
    if (plan == nullptr) {
      plan = std::make_unique<const RowPlan>(
          CompileRowPlan(type_, form_, extra_, {members.shape(), payload, field}));
    }
    last_ = plan.get();
    last_key_ = key;
  }
  row.plan = last_;
  return row;
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
