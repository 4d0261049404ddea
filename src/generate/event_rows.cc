#include "generate/event_rows.h"

namespace millrace {

absl::Span<const OutputColumn> EventRows::columns() const {
  using Type = OutputColumn::Type;
  static constexpr OutputColumn kEventColumns[kColumns] = {
      {.name = "event_name", .required = true},
      {.name = "business_ts",
       .type = Type::kTimestamp,
       .required = true,
       .zoned = true,
       .distinct = true},
      {.name = "user_id"},
      {.name = "device_id", .distinct = true, .zstd = true},
      {.name = "insert_id", .required = true, .distinct = true, .zstd = true},
      {.name = "session_id", .type = Type::kInt, .distinct = true},
      {.name = "country"},
      {.name = "city"},
      {.name = "os"},
      {.name = "app_version"},
      {.name = "page_url"},
      {.name = "amount", .type = Type::kDouble},
      {.name = "is_new", .type = Type::kBool},
      {.name = "comment"},
  };
  return kEventColumns;
}

absl::Span<const Value> EventRows::Make(uint64_t row) {
  const auto text = [](std::string_view view) { return Value::Text(Value::Kind::kText, view); };
  model_.Make(row, event_);
  cells_ = {text(event_.event_name),
            Value::Timestamp(event_.business_ts, Value::Unit::kMicro, true),
            text(event_.user_id),
            text(event_.device_id),
            text(event_.insert_id),
            Value::Int(event_.session_id),
            text(event_.country),
            text(event_.city),
            text(event_.os),
            text(event_.app_version),
            text(event_.page_url),
            event_.amount ? Value::Double(*event_.amount) : Value::Null(),
            Value::Bool(event_.is_new),
            event_.comment ? text(*event_.comment) : Value::Null()};
  return cells_;
}

}  // namespace millrace
