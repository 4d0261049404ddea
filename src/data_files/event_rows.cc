#include "data_files/event_rows.h"

#include <memory>

#include "base/status.h"
#include "base/strings.h"
#include "records/record_time.h"

namespace millrace::data_files {
namespace {

// In the order of EventRows::Column.
constexpr std::array<std::string_view, 5> kNames = {"event", "event_time", "insert_id",
                                                    "distinct_id", "properties"};

std::optional<int64_t> MillisOf(const Value& time) {
  if (time.kind != Value::Kind::kTimestamp) {
    const std::optional<int64_t> micros = UnixMicros(time);
    return micros ? std::optional(MillisOfMicros(*micros)) : std::nullopt;
  }
  switch (time.unit) {
    case Value::Unit::kSecond:
      return time.integer * 1000;
    case Value::Unit::kMilli:
      return time.integer;
    case Value::Unit::kMicro:
      return MillisOfMicros(time.integer);
    case Value::Unit::kNano:
      return MillisOfMicros(MillisOfMicros(time.integer));
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string> EventColumnsOf(Form form) {
  if (form == Form::kRaw) return {"event", "properties"};
  return {"event", "event_time", "insert_id", "distinct_id"};
}

EventReader::Identify NewRowIdentify() {
  return
      [rows = std::make_shared<RowIdentifier>()](std::string_view record, EventIdentity& identity) {
        return rows->Identify(record, identity);
      };
}

absl::Status EventRows::Read(Form form, RowReader& reader, ObjectReader& object,
                             const std::stop_token& stop) {
  form_ = form;
  DecodeScratch scratch;
  for (;;) {
    if (stop.stop_requested()) return absl::CancelledError("reading was stopped");
    ASSIGN_OR_RETURN(const std::unique_ptr<RowChunk> chunk, reader.Read(ChunkLimits()));
    if (chunk == nullptr) return object.CheckUnchanged();
    chunk->ForEachRow(scratch, *this);
    RETURN_IF_ERROR(status_);
  }
}

void EventRows::OnRow(const Row& row) {
  if (!status_.ok()) return;
  FindColumns(*row.shape);
  const std::optional<int64_t> millis = form_ == Form::kRaw ? TakeRaw(row) : TakeColumns(row);
  const bool has_name = !event_.event.empty();
  if (has_name && !has_time_) return;
  const bool is_event = has_name && millis.has_value();
  if (millis && !IsWanted(EventIdentity{.unix_millis = *millis}.day())) return;
  if (!is_event) SetNoEvent(row);
  status_ = on_event_(event_);
}

void EventRows::OnBadRow(uint64_t, const absl::Status&, std::string_view raw) {
  if (!status_.ok()) return;
  event_.event.clear();
  event_.key = raw;
  status_ = on_event_(event_);
}

void EventRows::FindColumns(const RowShape& shape) {
  if (shape.id == shape_) return;
  shape_ = shape.id;
  for (size_t column = 0; column < kColumns; ++column) {
    places_[column].reset();
    for (size_t i = 0; i < shape.names.size(); ++i) {
      if (shape.names[i] == kNames[column]) places_[column] = i;
    }
  }
}

Value EventRows::ValueOf(const Row& row, Column column) const {
  return places_[column] ? row.values[*places_[column]] : Value::Null();
}

std::string_view EventRows::TextOf(const Row& row, Column column) {
  ByteBuffer& text = texts_[column];
  text.clear();
  const Value value = ValueOf(row, column);
  if (!value.is_null()) AppendPlainText(text, value);
  return text.view();
}

std::optional<int64_t> EventRows::TakeColumns(const Row& row) {
  const Value time = ValueOf(row, kTime);
  has_time_ = !time.is_null();
  const std::optional<int64_t> millis = MillisOf(time);
  event_.Set(std::string(TextOf(row, kEvent)), TextOf(row, kDistinctId), millis.value_or(0),
             TextOf(row, kInsertId));
  return millis;
}

std::optional<int64_t> EventRows::TakeRaw(const Row& row) {
  const Value properties = ValueOf(row, kProperties);
  has_time_ = false;
  event_.event.clear();
  if (properties.kind != Value::Kind::kJson || !properties.text.starts_with('{')) {
    return std::nullopt;
  }
  event_.event = TextOf(row, kEvent);
  if (event_.event.empty()) return std::nullopt;
  record_.clear();
  record_.Append("{\"event\":");
  AppendJsonValue(record_, ValueOf(row, kEvent));
  record_.Append(",\"properties\":");
  record_.Append(properties.text);
  record_.Append('}');
  has_time_ = identifier_.Identify(record_.view(), event_).ok();
  return has_time_ ? std::optional(event_.unix_millis) : std::nullopt;
}

void EventRows::SetNoEvent(const Row& row) {
  record_.clear();
  for (size_t i = 0; i < row.values.size(); ++i) {
    record_.Append(i == 0 ? "{" : ",");
    AppendJsonValue(record_, Value::Text(Value::Kind::kText, row.shape->names[i]));
    record_.Append(':');
    AppendJsonValue(record_, row.values[i]);
  }
  record_.Append(row.values.empty() ? "{}" : "}");
  event_.event.clear();
  event_.key = record_.view();
}

}  // namespace millrace::data_files
