#include "records/row_plan.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "base/json_writer.h"
#include "base/strings.h"
#include "records/operations.h"
#include "records/standard_columns.h"

namespace millrace {
namespace {

constexpr std::string_view kEscape = "property_";

size_t LeadingDollars(std::string_view name) {
  return std::min(name.find_first_not_of('$'), name.size());
}

std::string_view WithoutDollar(std::string_view name) {
  return name.size() > 1 && name[0] == '$' ? name.substr(1) : name;
}

class PlanCompiler {
 public:
  PlanCompiler(RecordType type, Form form, absl::Span<const Column> extra, const RowShapes& shapes)
      : type_(type), form_(form), extra_(extra), shapes_(shapes) {}

  RowPlan Compile() {
    // In the flat form, properties share one object with the columns.
    for (const StandardColumn& column : StandardColumns(type_)) {
      if (form_ == Form::kFlat && column.from != ColumnSource::kInsertTime &&
          column.from != ColumnSource::kProperties) {
        taken_.emplace(column.name);
      }
    }
    // The payload's names have precedence over those of the members beside it.
    if (shapes_.payload != nullptr) NamePayload();
    NameMembers();
    EscapeNames();
    AssignColumns();
    return Order();
  }

 private:
  struct Member {
    RowPlan::Step step;
    std::string_view key;             // in the record
    std::optional<std::string> name;  // among the properties
    uint32_t preference = 0;
  };

  void NamePayload() {
    const std::vector<std::string>& names = shapes_.payload->names;
    // The keys of an operation are names of properties and keep their '$'.
    const bool strips = type_ == RecordType::kEvent;
    for (const uint32_t field : InOrder(names, ColumnSource::kProperty)) {
      Add(names[field], ColumnSource::kProperty, strips, {.of_payload = true, .field = field});
    }
  }

  void NameMembers() {
    const std::vector<std::string>& names = shapes_.record.names;
    const size_t payload = shapes_.payload_field;
    if (payload < names.size() && shapes_.payload == nullptr) {
      // {"$unset":["a"]}: it keeps the operation's name.
      Add(names[payload], ColumnSource::kMember, /*strips=*/false,
          {.condition = RowPlan::Condition::kOperand, .field = static_cast<uint32_t>(payload)});
    }
    for (const uint32_t field : InOrder(names, ColumnSource::kMember)) {
      if (field == payload) continue;
      RowPlan::Step step{.field = field};
      if (type_ != RecordType::kEvent) {
        if (IsKnownOperation(names[field])) continue;  // a row of its own
        if (MayBeOperation(names[field])) step.condition = RowPlan::Condition::kNoOperation;
      }
      Add(names[field], ColumnSource::kMember, /*strips=*/true, std::move(step));
    }
  }

  // The sources of columns, whose names are never given to others, then names without '$', then
  // those with one, and so on.
  std::vector<uint32_t> InOrder(const std::vector<std::string>& names, ColumnSource from) const {
    std::vector<std::pair<size_t, uint32_t>> order;
    for (uint32_t i = 0; i < names.size(); ++i) {
      order.emplace_back(IsSource(names[i], from) ? 0 : 1 + LeadingDollars(names[i]), i);
    }
    std::sort(order.begin(), order.end());
    std::vector<uint32_t> fields;
    for (const auto& [key, field] : order) fields.push_back(field);
    return fields;
  }

  static bool IsKeyOf(const StandardColumn& column, ColumnSource from, std::string_view name) {
    return column.from == from && !name.empty() && (column.key == name || column.other_key == name);
  }

  bool IsSource(std::string_view name, ColumnSource from) const {
    const absl::Span<const StandardColumn> columns = StandardColumns(type_);
    return std::any_of(columns.begin(), columns.end(),
                       [&](const StandardColumn& column) { return IsKeyOf(column, from, name); });
  }

  void Add(std::string_view key, ColumnSource from, bool strips, RowPlan::Step step) {
    Member member{.step = std::move(step), .key = key};
    const absl::Span<const StandardColumn> columns = StandardColumns(type_);
    for (uint32_t i = 0; i < columns.size(); ++i) {
      if (member.step.condition == RowPlan::Condition::kOperand) break;
      if (!IsKeyOf(columns[i], from, key)) continue;
      member.step.column = i;
      member.preference = columns[i].key == key ? 0 : 1;
    }
    const bool is_source = member.step.column != RowPlan::kNoColumn;
    const std::string_view wanted = is_source || !strips ? key : WithoutDollar(key);
    for (const std::string_view name : {wanted, key}) {
      if (!member.name && taken_.emplace(name).second) member.name = name;
    }
    members_.push_back(std::move(member));
  }

  // Those whose names are taken; the others have theirs by now.
  void EscapeNames() {
    for (Member& member : members_) {
      if (member.name) continue;
      std::string name = StrCat(kEscape, member.key);
      while (!taken_.insert(name).second) name.insert(0, kEscape);
      member.name = std::move(name);
    }
  }

  // Requested columns take the member that has their name among the properties, else the one that
  // has it after a '$'.
  void AssignColumns() {
    absl::flat_hash_map<std::string, RowPlan::Step*> by_name;
    for (Member& member : members_) {
      if (member.step.column == RowPlan::kNoColumn) by_name[*member.name] = &member.step;
    }
    std::vector<bool> assigned(extra_.size());
    for (const std::string_view prefix : {"", "$"}) {
      for (size_t i = 0; i < extra_.size(); ++i) {
        const auto found = by_name.find(StrCat(prefix, extra_[i].name));
        if (assigned[i] || found == by_name.end()) continue;
        found->second->column = static_cast<uint32_t>(StandardColumns(type_).size() + i);
        assigned[i] = true;
        by_name.erase(found);
      }
    }
  }

  RowPlan Order() {
    std::stable_sort(members_.begin(), members_.end(),
                     [](const Member& a, const Member& b) { return OrderOf(a) < OrderOf(b); });
    RowPlan plan;
    for (Member& member : members_) {
      member.step.fragment = MemberFragment(*member.name);
      plan.fragment_bytes += member.step.fragment.size();
      plan.steps.push_back(std::move(member.step));
    }
    return plan;
  }

  // Columns, then properties as in the record.
  static std::tuple<uint32_t, uint32_t, bool, uint32_t> OrderOf(const Member& member) {
    return {member.step.column, member.preference, !member.step.of_payload, member.step.field};
  }

  const RecordType type_;
  const Form form_;
  const absl::Span<const Column> extra_;
  const RowShapes& shapes_;
  absl::flat_hash_set<std::string> taken_;
  std::vector<Member> members_;
};

}  // namespace

RowPlan CompileRowPlan(RecordType type, Form form, absl::Span<const Column> extra,
                       const RowShapes& shapes) {
  return PlanCompiler(type, form, extra, shapes).Compile();
}

std::string MemberFragment(std::string_view name) {
  std::string fragment(1, ',');
  AppendJsonString(fragment, name);
  fragment += ':';
  return fragment;
}

}  // namespace millrace
