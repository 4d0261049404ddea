#include "staypoints/trip_values.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>

#include "base/json_writer.h"
#include "base/strings.h"
#include "formats/id_text.h"
#include "formats/time_text.h"

namespace millrace {
namespace {

constexpr size_t kMaxShown = 80;  // bytes of a value in a message

int64_t InRange(int64_t micros) {
  return micros >= kEarliestTime && micros <= kLatestTime ? micros : kBadTime;
}

// `ticks` times or divided by `factor`, rounded down.
int64_t Scaled(int64_t ticks, int64_t factor) {
  int64_t micros;
  return __builtin_mul_overflow(ticks, factor, &micros) ? kBadTime : InRange(micros);
}

int64_t MicrosOf(int64_t ticks, Value::Unit unit) {
  switch (unit) {
    case Value::Unit::kSecond:
      return Scaled(ticks, 1'000'000);
    case Value::Unit::kMilli:
      return Scaled(ticks, 1000);
    case Value::Unit::kMicro:
      return InRange(ticks);
    case Value::Unit::kNano:
      return InRange(ticks / 1000 - (ticks % 1000 < 0 ? 1 : 0));
  }
  return kBadTime;
}

int64_t MicrosOfText(std::string_view text) {
  const std::optional<TimeText> time = ParseTimeText(TrimBlanks(text));
  if (!time) return kBadTime;
  const int64_t seconds = time->local_seconds - time->offset_seconds.value_or(0);
  return InRange(seconds * 1'000'000 + time->nanos / 1000);
}

double NumberOfText(std::string_view text) {
  text = TrimBlanks(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end && !std::isnan(number) ? number : kBadCoordinate;
}

bool IsNull(double value) {
  return std::bit_cast<uint64_t>(value) == std::bit_cast<uint64_t>(kNullCoordinate);
}

bool IsWithin(double value, double max) { return (value >= -max && value <= max) || IsNull(value); }

std::string_view LeafRuleName(LeafRule rule) {
  switch (rule) {
    case LeafRule::kNull:
      return "nothing";
    case LeafRule::kBool:
      return "booleans";
    case LeafRule::kInt:
    case LeafRule::kUnsigned:
      return "whole numbers";
    case LeafRule::kHalf:
    case LeafRule::kFloat:
    case LeafRule::kDouble:
    case LeafRule::kDecimal:
      return "numbers";
    case LeafRule::kText:
    case LeafRule::kJson:
      return "text";
    case LeafRule::kUuid:
      return "UUIDs";
    case LeafRule::kBytes:
      return "bytes";
    case LeafRule::kDate:
      return "dates";
    case LeafRule::kTime:
      return "times of day";
    case LeafRule::kTimestamp:
    case LeafRule::kInt96:
      return "timestamps";
    case LeafRule::kInterval:
      return "intervals";
  }
  return "values of an unknown type";
}

// Older writers do not mark text as such.
bool IsUnmarkedText(const ParquetLeaf& leaf) {
  return leaf.rule == LeafRule::kBytes && leaf.storage == LeafStorage::kText;
}

bool Suits(TripColumn column, const ParquetLeaf& leaf) {
  switch (column) {
    case kUserId:
      return leaf.rule == LeafRule::kText || leaf.rule == LeafRule::kUuid ||
             leaf.rule == LeafRule::kInt || leaf.rule == LeafRule::kUnsigned ||
             leaf.rule == LeafRule::kDouble || leaf.rule == LeafRule::kFloat ||
             leaf.rule == LeafRule::kDecimal || IsUnmarkedText(leaf);
    case kStartTime:
    case kEndTime:
      return leaf.rule == LeafRule::kTimestamp || leaf.rule == LeafRule::kInt96 ||
             leaf.rule == LeafRule::kText || IsUnmarkedText(leaf);
    default:
      return leaf.rule == LeafRule::kDouble || leaf.rule == LeafRule::kFloat ||
             leaf.rule == LeafRule::kHalf || leaf.rule == LeafRule::kDecimal ||
             leaf.rule == LeafRule::kInt || leaf.rule == LeafRule::kUnsigned;
  }
}

struct NoProblems : CellProblems {
  void OnProblem(size_t, absl::Status) override {}
};

// Calls convert(index of the value) for rows that have one, else writes `null`.
template <typename T, typename Convert>
void ForEachStored(const ParquetLeaf& leaf, const LeafColumn& column, size_t rows, T null, T* to,
                   Convert convert) {
  if (leaf.max_definition == 0) {
    for (size_t row = 0; row < rows; ++row) to[row] = convert(row);
    return;
  }
  size_t value = 0;
  for (size_t row = 0; row < rows; ++row) {
    to[row] = column.definitions[row] == leaf.max_definition ? convert(value++) : null;
  }
}

// The general case: every kind of value.
template <typename T, typename Convert>
void ReadCells(const ParquetLeaf& leaf, const LeafColumn& column, size_t rows, CellContext& context,
               T* to, Convert convert) {
  std::vector<Value> cells(rows);
  LeafCursor cursor(leaf, column);
  NoProblems problems;
  FillCells(cursor, rows, cells.data(), 1, context, problems);
  std::transform(cells.begin(), cells.end(), to, convert);
  context.arena().Clear();
}

std::string Shown(const Value& value) {
  ByteBuffer text;
  AppendJsonValue(text, value);
  if (text.size() <= kMaxShown) return std::string(text.view());
  size_t size = kMaxShown;
  while (size > 0 && (static_cast<unsigned char>(text.view()[size]) & 0xC0) == 0x80) --size;
  return StrCat(text.view().substr(0, size), "...");
}

Rejection TimeRejection(const std::string& field, const Value* value) {
  return {.code = "invalid_time",
          .field = field,
          .message =
              StrCat(field, value == nullptr ? "" : StrCat(" ", Shown(*value)),
                     " is not a time between the years 1 and 9999; text must be ISO 8601, such as "
                     "2025-01-01T10:30:00Z")};
}

Rejection CoordinateRejection(const std::string& field, const Value* value, double number,
                              double max) {
  const std::string shown = std::isnan(number) && (value == nullptr || value->is_null()) ? "NaN"
                            : value == nullptr ? StrCat(number)
                                               : Shown(*value);
  return {.code = "invalid_value",
          .field = field,
          .message = StrCat(field, " ", shown, " is not a number from ", -max, " to ", max)};
}

Rejection IdRejection(const Trip& trip, bool has_id, bool is_utf8, const std::string& field) {
  if (!has_id) {
    return {.code = "missing_required_field",
            .field = field,
            .message = StrCat(field, " is null or blank; a trip belongs to a user")};
  }
  return {.code = "invalid_value",
          .field = field,
          .message = is_utf8 ? StrCat(field, " has ", trip.user_id.size(), " bytes; ids have ",
                                      kMaxIdBytes, " at most")
                             : StrCat(field, " is not UTF-8 text")};
}

}  // namespace

const double kBadCoordinate = std::bit_cast<double>(uint64_t{0x7FF8'0000'0000'0BAD});

int64_t TimeOf(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kNull:
      return kNullTime;
    case Value::Kind::kTimestamp:
      return MicrosOf(value.integer, value.unit);
    case Value::Kind::kText:
    case Value::Kind::kJsonText:  // times have no escapes
    case Value::Kind::kBytes:
      return MicrosOfText(value.text);
    default:
      return kBadTime;
  }
}

double CoordinateOf(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kNull:
      return kNullCoordinate;
    case Value::Kind::kInt:
      return static_cast<double>(value.integer);
    case Value::Kind::kUint:
      return static_cast<double>(static_cast<uint64_t>(value.integer));
    case Value::Kind::kDouble:
    case Value::Kind::kFloat:
      return value.real;
    case Value::Kind::kText:
    case Value::Kind::kJsonText:
    case Value::Kind::kNumber:
      return NumberOfText(value.text);
    default:
      return kBadCoordinate;
  }
}

bool ReadId(const Value& value, ByteBuffer& scratch, std::string_view& id) {
  switch (value.kind) {
    case Value::Kind::kBytes:
      id = value.text;
      return !IsBlank(id);
    case Value::Kind::kText:
    case Value::Kind::kJsonText:
    case Value::Kind::kInt:
    case Value::Kind::kUint:
    case Value::Kind::kNumber:
    case Value::Kind::kDouble:
    case Value::Kind::kFloat:
      id = IdText(value, scratch);
      return !id.empty();
    default:
      return false;
  }
}

absl::Status CheckTripLeaf(TripColumn column, const std::string& name, const ParquetLeaf& leaf) {
  if (Suits(column, leaf)) return absl::OkStatus();
  const std::string_view wanted = column == kUserId ? "text or numbers"
                                  : column == kStartTime || column == kEndTime
                                      ? "timestamps (or ISO 8601 text)"
                                      : "numbers";
  return absl::InvalidArgumentError(
      StrCat("column ", name, " holds ", LeafRuleName(leaf.rule), "; it must hold ", wanted));
}

void ReadTimes(const ParquetLeaf* leaf, const LeafColumn& column, size_t rows, CellContext& context,
               std::vector<int64_t>& to) {
  to.resize(rows);
  if (leaf == nullptr) return void(std::fill(to.begin(), to.end(), kNullTime));
  if (leaf->rule != LeafRule::kTimestamp || leaf->storage != LeafStorage::kInt64) {
    return ReadCells(*leaf, column, rows, context, to.data(), TimeOf);
  }
  const auto* const ticks = reinterpret_cast<const int64_t*>(column.values.data());
  const Value::Unit unit = leaf->unit;
  ForEachStored(*leaf, column, rows, kNullTime, to.data(),
                [&](size_t value) { return MicrosOf(ticks[value], unit); });
}

void ReadCoordinates(const ParquetLeaf* leaf, const LeafColumn& column, size_t rows,
                     CellContext& context, std::vector<double>& to) {
  to.resize(rows);
  if (leaf == nullptr) return void(std::fill(to.begin(), to.end(), kNullCoordinate));
  const auto stored = [](double number) { return std::isnan(number) ? kBadCoordinate : number; };
  if (leaf->rule == LeafRule::kDouble) {
    const auto* const numbers = reinterpret_cast<const double*>(column.values.data());
    return ForEachStored(*leaf, column, rows, kNullCoordinate, to.data(),
                         [&](size_t value) { return stored(numbers[value]); });
  }
  if (leaf->rule == LeafRule::kFloat) {
    const auto* const numbers = reinterpret_cast<const float*>(column.values.data());
    return ForEachStored(*leaf, column, rows, kNullCoordinate, to.data(),
                         [&](size_t value) { return stored(double{numbers[value]}); });
  }
  ReadCells(*leaf, column, rows, context, to.data(), CoordinateOf);
}

bool IsPossible(const Trip& trip, bool has_id, bool id_is_utf8) {
  return has_id && id_is_utf8 && trip.user_id.size() <= kMaxIdBytes && trip.start != kBadTime &&
         trip.end != kBadTime && IsWithin(trip.start_lat, 90) && IsWithin(trip.end_lat, 90) &&
         IsWithin(trip.start_lng, 180) && IsWithin(trip.end_lng, 180);
}

Rejection WhyImpossible(const Trip& trip, bool has_id, bool id_is_utf8, const TripColumnRefs& names,
                        const Value* values) {
  const auto name = [&](TripColumn column) -> const std::string& { return names[column].name; };
  const auto value = [&](TripColumn column) {
    return values == nullptr ? nullptr : values + column;
  };
  if (!has_id || !id_is_utf8 || trip.user_id.size() > kMaxIdBytes) {
    return IdRejection(trip, has_id, id_is_utf8, name(kUserId));
  }
  if (trip.start == kBadTime) return TimeRejection(name(kStartTime), value(kStartTime));
  if (trip.end == kBadTime) return TimeRejection(name(kEndTime), value(kEndTime));
  if (!IsWithin(trip.start_lat, 90)) {
    return CoordinateRejection(name(kStartLat), value(kStartLat), trip.start_lat, 90);
  }
  if (!IsWithin(trip.start_lng, 180)) {
    return CoordinateRejection(name(kStartLng), value(kStartLng), trip.start_lng, 180);
  }
  if (!IsWithin(trip.end_lat, 90)) {
    return CoordinateRejection(name(kEndLat), value(kEndLat), trip.end_lat, 90);
  }
  return CoordinateRejection(name(kEndLng), value(kEndLng), trip.end_lng, 180);
}

std::string TripAsJson(const TripColumnRefs& names, const Value* values) {
  ByteBuffer json;
  json.Append('{');
  for (size_t i = 0; i < kTripColumns; ++i) {
    if (i > 0) json.Append(',');
    AppendJsonString(json, names[i].name);
    json.Append(':');
    AppendJsonValue(json, values[i]);
  }
  json.Append('}');
  return std::string(json.view());
}

std::string HowToName(size_t column) {
  if (column >= kTripColumns) return "";
  return StrCat("; name yours by --column ", DefaultTripColumns()[column].name, "=YOURS");
}

}  // namespace millrace
