#include "mapping/mixpanel_profile_mapper.h"

#include <algorithm>
#include <utility>

#include "base/json_writer.h"
#include "base/strings.h"
#include "mapping/profile_id.h"
#include "mapping/value_text.h"
#include "records/operations.h"

namespace millrace {
namespace {

// The names of a profile's properties in Mixpanel's export.
constexpr std::string_view kExported = "$properties";

bool HasColumn(const RowShape& shape, std::string_view name) {
  return std::find(shape.names.begin(), shape.names.end(), name) != shape.names.end();
}

// $delete takes any value, and writers send null.
bool IsAbsent(std::string_view operation, const Value& value) {
  return value.is_null() && operation != "$delete";
}

// An operation by its value, for names that Mixpanel does not know.
bool LooksLikeOperation(std::string_view name, const Value& value) {
  return IsKnownOperation(name) || value.kind == Value::Kind::kJson;
}

bool FitsOperation(std::string_view operation, const Value& value) {
  if (operation == "$delete" || !IsKnownOperation(operation)) return true;
  const char bracket = operation == "$unset" ? '[' : '{';
  return value.kind == Value::Kind::kJson && value.text.starts_with(bracket);
}

}  // namespace

MixpanelProfileMapper::MixpanelProfileMapper(std::shared_ptr<const SourceConfig> config,
                                             const RecordRules& rules, MapStage stage)
    : config_(std::move(config)), rules_(rules), stage_(stage), typer_(config_->time_zone) {}

bool MixpanelProfileMapper::IsOperation(std::string_view property) const {
  return rules_.has_mixpanel_operations_only ? IsMixpanelOperation(property)
                                             : MayBeOperation(property);
}

MixpanelProfileMapper::Plan MixpanelProfileMapper::Compile(const RowShape& shape) const {
  const bool group = config_->record_type == RecordType::kGroup;
  const bool exported = HasColumn(shape, kExported);
  const bool id_of_export = group && exported && !HasColumn(shape, "$group_id");
  const std::string_view id = group && !id_of_export ? "$group_id" : "$distinct_id";
  Plan plan{.id = FindCell(shape, id), .group_key = FindCell(shape, "$group_key")};
  plan.two_sets = exported && HasColumn(shape, "$set");
  for (const std::string& name : shape.names) {
    if (!name.starts_with('$') || name == id || name == "$group_key") continue;
    if (name == "$token" && rules_.has_one_token) continue;
    const std::string_view property = name == kExported ? "$set" : std::string_view(name);
    FieldStep step{.cell = FindCell(shape, name),
                   .source_field = name,
                   .property = std::string(property),
                   .fragment = KeyFragment(property)};
    if (name == "$time") step.type = FieldType::kUnixTimestampAuto;
    (IsOperation(property) ? plan.operations : plan.beside).push_back(std::move(step));
  }
  return plan;
}

bool MixpanelProfileMapper::Map(const Row& row, RecordOrigin& /*origin*/, Batch& out,
                                MapError& why) {
  const Plan& plan =
      plans_.Get(*row.shape, [this](const RowShape& shape) { return Compile(shape); });
  why_ = &why;
  if (plan.two_sets && !CheckOneSet(plan, row)) return false;
  if (!WriteHead(plan, row)) return false;
  const size_t rows_before = out.rows();
  const bool written =
      stage_ == MapStage::kDraft ? WriteTogether(plan, row, out) : WriteOneByOne(plan, row, out);
  if (!written) out.KeepRows(rows_before);
  return written;
}

// "$properties" means "$set": a row that has both is ambiguous.
bool MixpanelProfileMapper::CheckOneSet(const Plan& plan, const Row& row) {
  const auto sets =
      std::count_if(plan.operations.begin(), plan.operations.end(), [&](const FieldStep& step) {
        return step.property == "$set" && !cells_.Read(step.cell, row).is_null();
      });
  if (sets < 2) return true;
  return Refuse(*why_, "invalid_value", kExported,
                "the update has both \"$set\" and \"$properties\", which mean the same; remove one "
                "of them");
}

bool MixpanelProfileMapper::WriteHead(const Plan& plan, const Row& row) {
  head_.clear();
  head_.Append('{');
  const bool group = config_->record_type == RecordType::kGroup;
  if (group && !WriteGroupKey(plan, row)) return false;
  head_.Append(group ? "\"$group_id\":" : "\"$distinct_id\":");
  const Value id = cells_.Read(plan.id, row);
  if (!AppendProfileId(head_, id, config_->record_type, rules_, stage_,
                       group ? "$group_id" : "$distinct_id", *why_)) {
    return false;
  }
  for (const FieldStep& step : plan.beside) {
    if (!WriteBeside(step, cells_.Read(step.cell, row))) return false;
  }
  for (const FieldStep& step : plan.operations) {
    const Value value = cells_.Read(step.cell, row);
    if (!LooksLikeOperation(step.property, value) && !WriteBeside(step, value)) return false;
  }
  return true;
}

bool MixpanelProfileMapper::WriteBeside(const FieldStep& step, const Value& value) {
  if (value.is_null()) return true;
  head_.Append(step.fragment);
  const TypedResult result = step.type == FieldType::kUnixTimestampAuto
                                 ? typer_.AppendProfileTime(head_, value)
                                 : typer_.Append(head_, value, step.type);
  if (result != TypedResult::kInvalid) return true;
  return Refuse(*why_, "invalid_value", step.property,
                StrCat("\"", step.property, "\": ", typer_.problem()));
}

bool MixpanelProfileMapper::WriteGroupKey(const Plan& plan, const Row& row) {
  head_.Append("\"$group_key\":");
  const Value key = cells_.Read(plan.group_key, row);
  if (!key.is_null() && !PlainText(key, scratch_).empty()) {
    AppendAsJsonText(head_, key, scratch_);
  } else if (!config_->group_key.empty()) {
    AppendJsonString(head_, config_->group_key);
  } else {
    return Refuse(*why_, "missing_required_field", "$group_key",
                  "the update has no $group_key, and the config names no group_key");
  }
  head_.Append(',');
  return true;
}

bool MixpanelProfileMapper::WriteOneByOne(const Plan& plan, const Row& row, Batch& out) {
  const size_t rows_before = out.rows();
  for (const FieldStep& step : plan.operations) {
    const Value value = cells_.Read(step.cell, row);
    if (IsAbsent(step.property, value) || !LooksLikeOperation(step.property, value)) continue;
    const size_t begin = out.bytes.size();
    out.bytes.Append(head_.view());
    if (!WriteOperation(step, value, out.bytes)) return false;
    out.bytes.Append('}');
    if (!CheckUpdateSize(out.bytes, begin, rules_, *why_)) return false;
    out.EndRow(row.number);
  }
  if (out.rows() > rows_before) return true;
  return Refuse(*why_, "missing_required_field", "$set",
                "the update has no operation ($set, $set_once, $add, $append, $union, $remove, "
                "$unset or $delete)");
}

bool MixpanelProfileMapper::WriteTogether(const Plan& plan, const Row& row, Batch& out) {
  out.bytes.Append(head_.view());
  for (const FieldStep& step : plan.operations) {
    const Value value = cells_.Read(step.cell, row);
    if (IsAbsent(step.property, value) || !LooksLikeOperation(step.property, value)) continue;
    if (!WriteOperation(step, value, out.bytes)) return false;
  }
  out.bytes.Append('}');
  out.EndRow(row.number);
  return true;
}

bool MixpanelProfileMapper::WriteOperation(const FieldStep& step, const Value& value,
                                           ByteBuffer& out) {
  if (!FitsOperation(step.property, value)) {
    return Refuse(*why_, "invalid_value", step.source_field,
                  StrCat("\"", step.source_field, "\": ", QuoteValue(value), " is ",
                         step.property == "$unset" ? "not a list of names" : "not an object"));
  }
  out.Append(step.fragment);
  AppendJsonValue(out, value);
  return true;
}

}  // namespace millrace
