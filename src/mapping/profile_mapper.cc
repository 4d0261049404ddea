#include "mapping/profile_mapper.h"

#include <utility>

#include "base/json_writer.h"
#include "base/strings.h"
#include "mapping/profile_id.h"
#include "mapping/value_text.h"

namespace millrace {
namespace {

bool IsNumber(std::string_view json) {
  return !json.empty() && (json[0] == '-' || (json[0] >= '0' && json[0] <= '9'));
}

bool IsId(const SourceConfig& config, std::string_view property) {
  if (config.record_type == RecordType::kGroup) return property == "$group_id";
  return property == "$distinct_id" || property == "distinct_id";
}

}  // namespace

ProfileMapper::ProfileMapper(std::shared_ptr<const SourceConfig> config, const RecordRules& rules,
                             MapStage stage)
    : config_(std::move(config)),
      rules_(rules),
      stage_(stage),
      operand_(OperandOf(config_->operation)),
      operation_(KeyFragment(config_->operation)),
      typer_(config_->time_zone) {
  if (config_->record_type == RecordType::kGroup) {
    opening_ = "{\"$group_key\":";
    AppendJsonString(opening_, config_->group_key);
    opening_ += ",\"$group_id\":";
  } else {
    opening_ = "{\"$distinct_id\":";
  }
}

ProfileMapper::Operand ProfileMapper::OperandOf(std::string_view operation) {
  if (operation == "$add") return Operand::kNumbers;
  if (operation == "$union") return Operand::kLists;
  if (operation == "$unset") return Operand::kNames;
  if (operation == "$delete") return Operand::kNothing;
  return Operand::kValues;
}

ProfileMapper::Plan ProfileMapper::Compile(const RowShape& shape) const {
  Plan plan;
  for (FieldStep& step : CompileFields(*config_, shape)) {
    if (IsId(*config_, step.property)) {
      plan.id = std::move(step);
    } else if (step.property == "$time") {
      step.type = FieldType::kUnixTimestampAuto;
      plan.beside.push_back(std::move(step));
    } else if (step.property == "$ip") {
      plan.beside.push_back(std::move(step));
    } else {
      plan.fields.push_back(std::move(step));
    }
  }
  return plan;
}

bool ProfileMapper::Map(const Row& row, RecordOrigin& /*origin*/, Batch& out, MapError& why) {
  const Plan& plan =
      plans_.Get(*row.shape, [this](const RowShape& shape) { return Compile(shape); });
  out_ = &out.bytes;
  why_ = &why;
  const size_t begin = out_->size();
  out_->Append(opening_);
  Value id = cells_.Read(plan.id.cell, row);
  if (typer_.TypeId(id, plan.id.type) == TypedResult::kInvalid) {
    return Refuse(why, "invalid_value", plan.id.source_field,
                  StrCat("\"", plan.id.source_field, "\": ", typer_.problem()));
  }
  if (!AppendProfileId(*out_, id, config_->record_type, rules_, stage_, plan.id.source_field,
                       why)) {
    return false;
  }
  for (const FieldStep& step : plan.beside) {
    const Operand operand = step.property == "$time" ? Operand::kTime : Operand::kValues;
    if (!WriteField(step, operand, row)) return false;
  }
  if (!WriteOperation(plan, row)) return false;
  out_->Append('}');
  if (stage_ != MapStage::kDraft && !CheckUpdateSize(*out_, begin, rules_, why)) return false;
  out.EndRow(row.number);
  return true;
}

bool ProfileMapper::WriteOperation(const Plan& plan, const Row& row) {
  out_->Append(operation_);
  if (operand_ == Operand::kNothing) {
    out_->Append("null");
    return true;
  }
  const bool list = operand_ == Operand::kNames;
  const size_t open = out_->size();  // the first member's comma becomes the bracket
  for (const FieldStep& step : plan.fields) {
    if (!WriteField(step, operand_, row)) return false;
  }
  if (out_->size() == open) out_->Append(',');
  out_->data()[open] = list ? '[' : '{';
  out_->Append(list ? ']' : '}');
  return true;
}

bool ProfileMapper::WriteField(const FieldStep& step, Operand operand, const Row& row) {
  const size_t begin = out_->size();
  const Value value = cells_.Read(step.cell, row);
  TypedResult result = TypedResult::kNull;
  if (operand == Operand::kNames) {
    out_->Append(std::string_view(step.fragment).substr(0, step.fragment.size() - 1));
    if (!value.is_null()) result = TypedResult::kWritten;
  } else {
    out_->Append(step.fragment);
    const size_t value_begin = out_->size();
    result = operand == Operand::kTime ? typer_.AppendProfileTime(*out_, value, step.time_format)
                                       : typer_.Append(*out_, value, step.type, step.time_format);
    if (result == TypedResult::kWritten && !FitOperand(step, operand, value_begin)) return false;
  }
  switch (result) {
    case TypedResult::kWritten:
      return true;
    case TypedResult::kInvalid:
      return Refuse(*why_, "invalid_value", step.source_field,
                    StrCat("\"", step.source_field, "\": ", typer_.problem()));
    case TypedResult::kNull:
      break;
  }
  if (step.required) {
    return Refuse(*why_, "missing_required_field", step.source_field,
                  StrCat("\"", step.source_field, "\" is required but null"));
  }
  if (!step.include_if_none) {
    out_->Truncate(begin);
  } else if (operand != Operand::kNames) {
    out_->Append("null");
  }
  return true;
}

// Converts the value written from `begin` on to what the operation takes.
bool ProfileMapper::FitOperand(const FieldStep& step, Operand operand, size_t begin) {
  const std::string_view json = out_->view(begin, out_->size());
  if (operand == Operand::kNumbers && !IsNumber(json)) {
    return Refuse(
        *why_, "invalid_value", step.source_field,
        StrCat("\"", step.source_field, "\": ", Shorten(json, 80),
               " is not a number, which $add requires; give the mapping the type \"float\""));
  }
  if (operand == Operand::kLists && !json.starts_with('[')) {
    scratch_.clear();
    scratch_.Append(json);
    out_->Truncate(begin);
    out_->Append('[');
    out_->Append(scratch_.view());
    out_->Append(']');
  }
  return true;
}

}  // namespace millrace
