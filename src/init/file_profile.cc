#include "init/file_profile.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "base/hash.h"
#include "base/strings.h"
#include "formats/id_text.h"
#include "init/name_hints.h"
#include "mapping/identity_event.h"
#include "mapping/row_mapper.h"
#include "mapping/time_value.h"
#include "mapping/typed_value.h"
#include "mapping/value_text.h"
#include "plan/record_inspector.h"
#include "records/ids.h"

namespace millrace {
namespace {

constexpr size_t kMaxShapes = 1'000;
constexpr size_t kLongestExample = 40;
constexpr absl::Duration kMaxZone = absl::Hours(14);  // the maximum that clocks are ahead of UTC

constexpr ColumnRole kRoles[] = {ColumnRole::kEventName,  ColumnRole::kTime,
                                 ColumnRole::kDistinctId, ColumnRole::kUserId,
                                 ColumnRole::kDeviceId,   ColumnRole::kInsertId};

bool IsHinted(std::string_view name) {
  return IsLabel(name) || std::any_of(std::begin(kRoles), std::end(kRoles),
                                      [&](ColumnRole role) { return NameScore(role, name) > 0; });
}

// Nested columns that may contain the id of a user or device.
bool IsEntity(std::string_view name) {
  static constexpr std::string_view kEntities[] = {"user",   "actor",  "account", "customer",
                                                   "member", "player", "device",  "visitor"};
  const std::string words = WordsOf(name);
  return std::find(std::begin(kEntities), std::end(kEntities), words) != std::end(kEntities);
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// "23:59" or "23:59:59".
bool IsClock(std::string_view text) {
  if (text.size() != 5 && text.size() != 8) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i % 3 == 2 ? text[i] != ':' : !IsDigit(text[i])) return false;
  }
  return true;
}

bool IsNumeric(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return IsDigit(c) || c == '.' || c == '-';
  }) && text.substr(1).find('-') == std::string_view::npos;
}

// True if an ISO 8601 text names its zone: by Z, UTC, or an offset after the clock.
bool NamesZone(std::string_view text) {
  const size_t clock = text.find(':');
  return clock != std::string_view::npos && text.find_first_of("Zz+-CU", clock) != text.npos;
}

Value ValueOf(const nlohmann::json& json, std::string& memory) {
  if (json.is_string()) return Value::Text(Value::Kind::kText, json.get_ref<const std::string&>());
  if (json.is_number_unsigned()) return Value::Uint(json.get<uint64_t>());
  if (json.is_number_integer()) return Value::Int(json.get<int64_t>());
  if (json.is_number_float()) return Value::Double(json.get<double>());
  if (json.is_boolean()) return Value::Bool(json.get<bool>());
  if (json.is_null()) return Value::Null();
  memory = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return Value::Text(Value::Kind::kJson, memory);
}

}  // namespace

class FileProfiler::Column {
 public:
  Column(std::string name, bool nested)
      : seen_(IsHinted(name) ? kMaxDistinct : kMaxDistinctOfOthers), entity_(IsEntity(name)) {
    profile_.name = std::move(name);
    profile_.nested = nested;
  }

  bool entity() const { return entity_; }

  void Add(const Value& value, absl::Time now, ByteBuffer& scratch) {
    if (value.is_null()) return;
    const std::string_view text = PlainText(value, scratch);
    if (text.empty()) return;
    CountKind(value);
    CountText(value, text);
    AddTime(value, text, now);
    AddCompactTime(value, now);
    if (IsBannedId(text)) {
      ++profile_.banned_ids;
    } else if (IsValidInsertId(text)) {
      ++profile_.valid_ids;
    }
    if (seen_.full()) profile_.distinct_complete = false;
    if (!seen_.Add(HashBytes(text).low) && profile_.distinct_complete) {
      ++profile_.distinct;
      if (profile_.examples.size() < kExamples) {
        profile_.examples.push_back(Shorten(text, kLongestExample));
      }
    }
  }

  ColumnProfile Take(uint64_t rows) {
    profile_.nulls = rows - profile_.values();
    return std::move(profile_);
  }

 private:
  void CountKind(const Value& value) {
    switch (value.kind) {
      case Value::Kind::kText:
      case Value::Kind::kJsonText:
        ++profile_.texts;
        return;
      case Value::Kind::kInt:
      case Value::Kind::kUint:
        ++profile_.integers;
        return;
      case Value::Kind::kNumber: {
        const bool whole = value.text.find_first_of(".eE") == std::string_view::npos;
        ++(whole ? profile_.integers : profile_.reals);
        return;
      }
      case Value::Kind::kDouble:
      case Value::Kind::kFloat:
        ++profile_.reals;
        return;
      case Value::Kind::kTimestamp:
        ++profile_.timestamps;
        return;
      case Value::Kind::kNull:
      case Value::Kind::kBool:
      case Value::Kind::kJson:
      case Value::Kind::kBytes:
        ++profile_.others;
        return;
    }
  }

  void CountText(const Value& value, std::string_view text) {
    if (value.kind != Value::Kind::kText && value.kind != Value::Kind::kJsonText) return;
    if (IsClock(text)) ++profile_.clock_texts;
    if (IsJsonNumber(text)) ++profile_.number_texts;
    const bool is_truth = absl::EqualsIgnoreCase(ToAbsl(text), "true") ||
                          absl::EqualsIgnoreCase(ToAbsl(text), "false");
    if (is_truth) ++profile_.truth_texts;
  }

  void AddTime(const Value& value, std::string_view text, absl::Time now) {
    const absl::StatusOr<int64_t> millis = ToUnixMillis(value, absl::UTCTimeZone());
    if (!millis.ok() || !CheckEventTime(*millis, now).ok()) return;
    const bool first = profile_.times++ == 0;
    profile_.first_millis = first ? *millis : std::min(profile_.first_millis, *millis);
    profile_.last_millis = first ? *millis : std::max(profile_.last_millis, *millis);
    if (value.kind == Value::Kind::kTimestamp) {
      if (!value.zoned) ++profile_.without_zone;
    } else if (IsNumeric(text)) {
      ++profile_.numbers;
    } else {
      if (text.find(':') == std::string_view::npos) ++profile_.dates;
      if (!NamesZone(text)) ++profile_.without_zone;
    }
  }

  void AddCompactTime(const Value& value, absl::Time now) {
    ByteBuffer scratch;
    const std::string_view digits = TrimBlanks(IdText(value, scratch));
    const CompactTime form = CompactTimeOf(digits.size());
    const std::optional<TimeText> time = ParseCompactTime(digits, form);
    if (!time || !CheckEventTime(time->local_seconds * 1000, now + kMaxZone).ok()) return;
    const bool first = profile_.compact_times == 0;
    if (first) profile_.compact_form = form;
    if (form != profile_.compact_form) return;
    ++profile_.compact_times;
    const int64_t millis = time->local_seconds * 1000;
    profile_.first_compact_millis =
        first ? millis : std::min(profile_.first_compact_millis, millis);
    profile_.last_compact_millis = first ? millis : std::max(profile_.last_compact_millis, millis);
  }

  ColumnProfile profile_;
  SeenRecords seen_;
  const bool entity_;
};

struct FileProfiler::State {
  std::vector<std::unique_ptr<Column>> columns;
  absl::flat_hash_map<std::string, Column*> by_name;
  // The columns of a shape's cells; null for those that are not tracked.
  absl::flat_hash_map<uint64_t, std::vector<Column*>> by_shape;
  SeenRecords rows;
  ByteBuffer row_json;
  ByteBuffer scratch;
};

FileProfiler::FileProfiler(absl::Time now) : now_(now), state_(std::make_unique<State>()) {}

FileProfiler::~FileProfiler() = default;

FileProfiler::Column* FileProfiler::ColumnOf(const std::string& name, bool nested) {
  if (const auto known = state_->by_name.find(name); known != state_->by_name.end()) {
    return known->second;
  }
  if (state_->columns.size() >= kMaxColumns) {
    profile_.columns_complete = false;
    return nullptr;
  }
  Column* column = state_->columns.emplace_back(std::make_unique<Column>(name, nested)).get();
  state_->by_name.emplace(name, column);
  return column;
}

void FileProfiler::OnRow(const Row& row) {
  ++profile_.rows;
  auto shape = state_->by_shape.find(row.shape->id);
  if (shape == state_->by_shape.end()) {
    if (state_->by_shape.size() >= kMaxShapes) state_->by_shape.clear();
    std::vector<Column*> columns;
    for (const std::string& name : row.shape->names) columns.push_back(ColumnOf(name, false));
    shape = state_->by_shape.emplace(row.shape->id, std::move(columns)).first;
  }
  bool has_event = false;
  bool has_properties = false;
  bool has_time = false;  // or needs no time
  bool has_user = false;
  bool has_user_properties = false;
  for (size_t i = 0; i < row.values.size(); ++i) {
    Column* column = shape->second[i];
    if (column == nullptr) continue;
    const Value& value = row.values[i];
    const std::string& name = row.shape->names[i];
    column->Add(value, now_, state_->scratch);
    if (value.kind == Value::Kind::kJson) {
      if (column->entity()) AddNested(name, value);
      has_user_properties = has_user_properties || name == "$properties";
      if (name != "properties") continue;
      has_properties = true;
      has_time = has_time || value.text.find("\"time\"") != std::string_view::npos;
    } else if (name == "event") {
      has_event = !value.is_null();
      has_time = has_time || (has_event && IdentityEventOf(PlainText(value, state_->scratch)) !=
                                               IdentityEvent::kNone);
    } else if (name == "$distinct_id") {
      has_user = !value.is_null();
    }
  }
  if (has_event && has_properties && has_time) ++profile_.mixpanel_rows;
  if (has_user && has_user_properties) ++profile_.exported_users;

  state_->row_json.clear();
  AppendRowAsJson(row, state_->row_json);
  if (state_->rows.Add(HashBytes(state_->row_json.view()).low)) ++profile_.identical_rows;
}

void FileProfiler::AddNested(const std::string& parent, const Value& value) {
  const nlohmann::json json = nlohmann::json::parse(value.text, nullptr, false);
  if (!json.is_object()) return;
  std::string memory;
  for (const auto& [key, inner] : json.items()) {
    Column* column = ColumnOf(parent + "." + key, true);
    if (column != nullptr) column->Add(ValueOf(inner, memory), now_, state_->scratch);
  }
}

void FileProfiler::OnBadRow(uint64_t, const absl::Status& why, std::string_view) {
  if (profile_.bad_rows++ == 0) profile_.first_bad_row = ToStd(why.message());
}

FileProfile FileProfiler::TakeProfile() {
  for (const std::unique_ptr<Column>& column : state_->columns) {
    profile_.columns.push_back(column->Take(profile_.rows));
  }
  return std::move(profile_);
}

}  // namespace millrace
