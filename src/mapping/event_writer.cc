#include "mapping/event_writer.h"

#include <charconv>
#include <utility>

#include "base/json_writer.h"
#include "base/status.h"
#include "base/strings.h"
#include "formats/id_text.h"
#include "mapping/time_value.h"
#include "mapping/value_text.h"

namespace millrace {
namespace {

constexpr int64_t kLargestExactInteger = (int64_t{1} << 53) - 1;
constexpr size_t kExactDigits = 15;  // integers of this many digits are below 2^53
constexpr size_t kHexDigits = 32;
constexpr std::string_view kInsertIdFragment = ",\"$insert_id\":";

std::string NameAsJson(std::string_view name) {
  std::string json;
  if (!name.empty()) AppendJsonString(json, name);
  return json;
}

std::string_view BytesOf(const Hash128& hash) {
  return {reinterpret_cast<const char*>(&hash), sizeof(hash)};
}

// A cell as ids by columns hash it: numbers count by value, whatever their spelling.
void AppendIdColumn(ByteBuffer& out, const Value& value) {
  const bool number = value.kind == Value::Kind::kNumber || value.kind == Value::Kind::kDouble ||
                      value.kind == Value::Kind::kFloat;
  if (!number) return AppendJsonValue(out, value);
  ByteBuffer text;
  out.Append(IdText(value, text));
}

// "column x" or, if the property has another name, "column x (for y)".
std::string ColumnName(const FieldStep& step) {
  if (step.source_field == step.property) return StrCat("\"", step.property, "\"");
  return StrCat("\"", step.source_field, "\" (for \"", step.property, "\")");
}

}  // namespace

EventWriter::EventWriter(std::shared_ptr<const SourceConfig> config, absl::Time now,
                         const RecordRules& rules, MapStage stage)
    : config_(std::move(config)),
      now_(now),
      rules_(rules),
      stage_(stage),
      static_name_(NameAsJson(config_->event_name)),
      typer_(config_->time_zone) {}

void EventWriter::BeginObject(std::string_view uri, std::string_view version) {
  const std::string text = StrCat(uri.size(), ":", uri, version);
  object_hash_ = HashBytes(text);
}

std::optional<Hash128> EventWriter::HashIdColumns(const EventPlan& plan, const Row& row) {
  UnorderedHash hash;
  bool any = false;
  for (const FieldStep& step : plan.insert_id_columns) {
    const Value value = cells_.Read(step.cell, row);
    if (value.is_null()) continue;
    scratch_.clear();
    scratch_.Append(std::string_view(step.fragment).substr(1));
    AppendIdColumn(scratch_, value);
    hash.Add(scratch_.view());
    any = true;
  }
  return any ? std::optional(hash.sum()) : std::nullopt;
}

bool EventWriter::Write(const EventPlan& plan, const Value& name, const Row& row,
                        const RecordOrigin& origin, ByteBuffer& out, MapError& why) {
  out_ = &out;
  why_ = &why;
  hash_ = {};
  properties_ = 0;
  placeholders_.clear();
  const size_t begin = out.size();
  out.Append("{\"event\":");
  if (!WriteName(name)) return false;
  if (identity_event_ != IdentityEvent::kNone && !CheckIdentityEvent(plan, row)) return false;
  out.Append(",\"properties\":");
  const size_t open = out.size();  // the first property's comma becomes the brace
  if (!ChooseInsertId(plan, row, origin)) return false;
  hashing_ = plan.generates_ids || (insert_id_.empty() && !draft());
  if (!WriteTime(plan, row) || !WriteUserIds(plan, row)) return false;
  if (!WriteInsertId(plan, origin)) return false;
  for (const FieldStep& step : plan.properties) {
    if (!WriteProperty(step, row)) return false;
  }
  if (properties_ == 0) out.Append('{');
  out.data()[open] = '{';
  out.Append("}}");
  FillPlaceholders(origin);
  return draft() || CheckLimits(begin);
}

bool EventWriter::WriteName(const Value& name) {
  const size_t begin = out_->size();
  if (const std::string_view text = IdText(name, scratch_); !text.empty()) {
    AppendIdAsJson(*out_, name, text);
  } else if (!static_name_.empty()) {
    out_->Append(static_name_);
  } else if (draft()) {
    out_->Append("null");
  } else {
    const std::string& column = config_->event_name_from_field;
    return Refuse("missing_event_name", column.empty() ? "event" : column,
                  "the row has no event name");
  }
  hash_.Add(out_->view(begin, out_->size()));
  name_hash_ = hash_;
  identity_event_ = IdentityEventOf(out_->view(begin + 1, out_->size() - 1));  // in quotes, or null
  return true;
}

// Rejects an identity event that lacks the properties that Mixpanel documents for it.
bool EventWriter::CheckIdentityEvent(const EventPlan& plan, const Row& row) {
  if (draft() || !rules_.checks_identity_events) return true;
  const auto value_of = [&](std::string_view property) {
    for (const auto* steps : {&plan.user_ids, &plan.properties}) {
      for (const FieldStep& step : *steps) {
        if (step.property == property) return cells_.Read(step.cell, row);
      }
    }
    return Value::Null();
  };
  const auto has = [&](std::string_view property) {
    return !IdText(value_of(property), scratch_).empty();
  };
  switch (identity_event_) {
    case IdentityEvent::kNone:
      return true;
    case IdentityEvent::kMerge:
      if (const Value ids = value_of(kMergedIds);
          ids.kind == Value::Kind::kJson && IsPairOfIds(ids.text)) {
        return true;
      }
      return Refuse("missing_required_field", kMergedIds,
                    "a $merge needs \"$distinct_ids\", a list of the two ids to merge");
    case IdentityEvent::kIdentify:
      // As documented, or as Mixpanel's JavaScript SDK sends it.
      if ((has("$identified_id") && has("$anon_id")) ||
          (has("distinct_id") && has("$anon_distinct_id"))) {
        return true;
      }
      return Refuse("missing_required_field", "$identified_id",
                    "an $identify needs \"$identified_id\" and \"$anon_id\"");
    case IdentityEvent::kCreateAlias:
      if (has("distinct_id") && has("alias")) return true;
      return Refuse("missing_required_field", "alias",
                    "a $create_alias needs \"distinct_id\" and \"alias\"");
  }
  return true;
}

bool EventWriter::WriteTime(const EventPlan& plan, const Row& row) {
  const Value value = plan.time ? cells_.Read(plan.time->cell, row) : Value::Null();
  if (value.is_null()) {
    if (plan.time && plan.time->required) return WriteNull(*plan.time);
    if (draft() || identity_event_ != IdentityEvent::kNone) return true;
    return Refuse("invalid_time", plan.time ? plan.time->source_field : "time",
                  "the event has no time");
  }
  const absl::StatusOr<int64_t> millis =
      ToUnixMillis(value, config_->time_zone, plan.time->time_format);
  absl::Status status = millis.status();
  if (status.ok() && !draft()) {
    status = rules_.bounds_time ? CheckEventTime(*millis, now_) : CheckRecordTime(*millis);
  }
  if (!status.ok()) {
    return Refuse("invalid_time", plan.time->source_field, ToStd(status.message()));
  }
  const size_t begin = out_->size();
  out_->Append(",\"time\":");
  AppendJsonInt(*out_, *millis);
  EndProperty(begin);
  if (IsSentInSeconds(*millis)) {
    out_->Truncate(begin);
    out_->Append(",\"time\":");
    AppendSentTime(*out_, *millis);
  }
  return true;
}

bool EventWriter::WriteUserIds(const EventPlan& plan, const Row& row) {
  bool has_user = false;
  for (const FieldStep& step : plan.user_ids) {
    if (!WriteUserId(step, row, has_user)) return false;
  }
  if (!has_user && !draft() && identity_event_ == IdentityEvent::kNone) {
    const size_t begin = out_->size();
    out_->Append(",\"distinct_id\":\"\"");
    EndProperty(
        begin);  // part of the id even if it is not sent, so that ids are the same everywhere
    if (!rules_.writes_empty_distinct_id) {
      out_->Truncate(begin);
      --properties_;
    }
  }
  return true;
}

bool EventWriter::WriteUserId(const FieldStep& step, const Row& row, bool& has_user) {
  Value value = cells_.Read(step.cell, row);
  if (!TypeId(step, value)) return false;
  const std::string_view text = IdText(value, scratch_);
  if (text.empty()) {
    if (step.required) return WriteNull(step);
    if (step.type == FieldType::kStringOrUuid) {
      has_user = true;
      WritePlaceholder(&step, step.fragment);
    }
    return true;
  }
  if (!draft() && rules_.refuses_banned_ids && IsBannedId(text)) {
    return Refuse("invalid_id", step.source_field,
                  StrCat(QuoteValue(value), " in ", ColumnName(step),
                         " means \"no user\", and Mixpanel rejects it; leave the id out"));
  }
  has_user = true;
  const size_t begin = out_->size();
  out_->Append(step.fragment);
  AppendIdAsJson(*out_, value, text);
  EndProperty(begin);
  return true;
}

// Reads `value` as the type in the mapping of an id.
bool EventWriter::TypeId(const FieldStep& step, Value& value) {
  if (typer_.TypeId(value, step.type) != TypedResult::kInvalid) return true;
  return Refuse("invalid_value", step.source_field,
                StrCat(ColumnName(step), ": ", typer_.problem()));
}

// Sets insert_id_ to the id from the source, if it has one.
bool EventWriter::ChooseInsertId(const EventPlan& plan, const Row& row,
                                 const RecordOrigin& origin) {
  insert_id_.clear();
  if (origin.part == 0) first_insert_id_.clear();
  if (!plan.insert_id) return true;
  Value value = cells_.Read(plan.insert_id->cell, row);
  if (!TypeId(*plan.insert_id, value)) return false;
  const std::string_view text = IdText(value, scratch_);
  if (text.empty() || IsBannedId(text)) return true;
  if (IsValidInsertId(text)) {
    insert_id_.assign(text);
  } else {
    insert_id_ = ToHex(HashBytes(text));
  }
  // Records of one row that carry its one id would count as one record.
  if (origin.part == 0) {
    first_insert_id_ = insert_id_;
  } else if (insert_id_ == first_insert_id_) {
    insert_id_ = ToHex(HashBytes(StrCat(insert_id_, ":", origin.part)));
  }
  return true;
}

bool EventWriter::WriteInsertId(const EventPlan& plan, const RecordOrigin& origin) {
  if (!insert_id_.empty()) {
    ++properties_;
    out_->Append(kInsertIdFragment);
    out_->Append('"');
    out_->Append(insert_id_);
    out_->Append('"');
    return true;
  }
  if (plan.insert_id && plan.insert_id->required) return WriteNull(*plan.insert_id);
  if (draft() || identity_event_ != IdentityEvent::kNone) return true;
  if (config_->insert_id == InsertIdRule::kColumns && !origin.id_columns) {
    return Refuse("missing_required_field", config_->insert_id_columns.front(),
                  "all columns of \"insert_id\" are null, so the row would have no unique id");
  }
  WritePlaceholder(nullptr, kInsertIdFragment);
  return true;
}

bool EventWriter::WriteProperty(const FieldStep& step, const Row& row) {
  const bool joins = identity_event_ != IdentityEvent::kNone;
  if (joins && rules_.has_one_token && step.property == "token") return true;
  const Value value = cells_.Read(step.cell, row);
  if (value.is_null()) return WriteNull(step);
  const size_t begin = out_->size();
  out_->Append(step.fragment);
  switch (typer_.Append(*out_, value, step.type, step.time_format)) {
    case TypedResult::kWritten:
      if (draft()) QuoteRoundedInteger(begin + step.fragment.size());
      EndProperty(begin);
      return true;
    case TypedResult::kNull:
      out_->Truncate(begin);
      return WriteNull(step);
    case TypedResult::kInvalid:
      break;
  }
  return Refuse("invalid_value", step.source_field,
                StrCat(ColumnName(step), ": ", typer_.problem()));
}

// A property whose cell is null.
bool EventWriter::WriteNull(const FieldStep& step) {
  if (step.required) {
    return Refuse("missing_required_field", step.source_field,
                  StrCat(ColumnName(step), " is required but null"));
  }
  if (step.type == FieldType::kStringOrUuid) {
    WritePlaceholder(&step, step.fragment);
  } else if (step.include_if_none) {
    const size_t begin = out_->size();
    out_->Append(step.fragment);
    out_->Append("null");
    EndProperty(begin);
  }
  return true;
}

void EventWriter::WritePlaceholder(const FieldStep* step, std::string_view fragment) {
  ++properties_;
  out_->Append(fragment);
  out_->Append('"');
  placeholders_.push_back({out_->size(), step});
  out_->Reserve(kHexDigits);
  out_->Commit(kHexDigits);
  out_->Append('"');
}

void EventWriter::EndProperty(size_t begin) {
  ++properties_;
  if (hashing_) hash_.Add(out_->view(begin + 1, out_->size()));
}

// JavaScript rounds integers beyond 2^53, so it receives them as text.
void EventWriter::QuoteRoundedInteger(size_t begin) {
  const std::string_view written = out_->view(begin, out_->size());
  if (written.size() <= kExactDigits) return;
  if (written.find_first_not_of("-0123456789") != std::string_view::npos) return;
  int64_t value;
  const auto [stop, error] =
      std::from_chars(written.data(), written.data() + written.size(), value);
  const bool exact =
      error == std::errc() && value <= kLargestExactInteger && value >= -kLargestExactInteger;
  if (exact) return;
  const std::string digits(written);
  out_->Truncate(begin);
  AppendJsonString(*out_, digits);
}

// The hash that a generated $insert_id encodes.
UnorderedHash EventWriter::IdentityHash(const RecordOrigin& origin) const {
  UnorderedHash hash = hash_;
  const bool by_columns = config_->insert_id == InsertIdRule::kColumns && origin.id_columns;
  if (by_columns) {
    hash = name_hash_;
    hash.Add(BytesOf(*origin.id_columns));
  } else if (config_->insert_id == InsertIdRule::kPosition) {
    hash.Add(BytesOf(object_hash_));
    hash.Add(StrCat(origin.row));
  }
  const bool by_content = config_->insert_id == InsertIdRule::kContent;
  if (origin.part != 0 && !by_content) hash.Add(StrCat("part ", origin.part));
  return hash;
}

void EventWriter::FillPlaceholders(const RecordOrigin& origin) {
  if (placeholders_.empty()) return;
  const UnorderedHash identity = IdentityHash(origin);
  for (const Placeholder& placeholder : placeholders_) {
    UnorderedHash hash = identity;
    if (placeholder.step != nullptr) hash.Add(placeholder.step->property);
    WriteHex(hash.sum(), out_->data() + placeholder.offset);
  }
}

bool EventWriter::CheckLimits(size_t begin) {
  const size_t bytes = out_->size() - begin;
  if (properties_ <= rules_.max_properties && bytes <= rules_.max_bytes) return true;
  if (properties_ > rules_.max_properties) {
    Refuse("too_many_properties", "",
           StrCat("the event has ", properties_, " properties, and the destination accepts ",
                  rules_.max_properties, ": map fewer columns"));
  } else {
    Refuse("event_too_large", "",
           StrCat("the event has ", bytes, " bytes, and at most ", rules_.max_bytes,
                  " are accepted: map fewer columns"));
  }
  why_->mapped = std::string(out_->view(begin, out_->size()));
  return false;
}

}  // namespace millrace
