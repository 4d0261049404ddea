#include "sandbox/event_check.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "absl/strings/ascii.h"
#include "base/json_writer.h"
#include "base/strings.h"
#include "sandbox/event_text.h"
#include "sandbox/limits.h"

namespace millrace::sandbox {
namespace {

// A number this large counts milliseconds: 1e11 s would be the year 5138, 1e11 ms is 1973.
constexpr double kMillisecondsFrom = 1e11;

bool IsInsertIdCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

// Events that describe identities instead of having one.
bool IsIdentityEvent(std::string_view name) {
  return name == "$identify" || name == "$create_alias" || name == "$merge";
}

// False if the number is not a calendar date.
bool ToMilliseconds(std::string_view number, int64_t* ms) {
  int64_t integer;
  const char* end = number.data() + number.size();
  if (const auto [stop, error] = std::from_chars(number.data(), end, integer);
      error == std::errc() && stop == end && std::abs(integer) < 1'000'000'000'000'000) {
    *ms = static_cast<double>(std::abs(integer)) >= kMillisecondsFrom ? integer : integer * 1000;
    return true;
  }
  double value;
  if (std::from_chars(number.data(), end, value).ec != std::errc()) return false;
  if (std::abs(value) < kMillisecondsFrom) value *= 1000;
  if (!(std::abs(value) < 1e15)) return false;
  *ms = std::llround(value);
  return true;
}

// 36 letters, as Mixpanel makes them for events without $insert_id.
std::string MadeUpInsertId(uint64_t number) {
  std::string id;
  for (int part = 0; part < 3; ++part) {
    Hash128 hash = HashBytes(StrCat("made-up/", number, "/", part));
    for (int i = 0; i < 12; ++i) {
      const uint64_t letter = hash.low % 52;
      hash.low /= 52;
      id += static_cast<char>(letter < 26 ? 'a' + letter : 'A' + (letter - 26));
    }
  }
  return id;
}

Hash128 FourKeys(std::string_view name, std::string_view distinct_id, int64_t time_ms,
                 std::string_view insert_id) {
  return HashBytes(StrCat(name.size(), ":", name, distinct_id.size(), ":", distinct_id, time_ms,
                          ":", insert_id));
}

// The user of an event without distinct_id: the user, else the device, else nobody ("").
std::string IdentityOf(const EventText& text) {
  const auto id = [](const Field& field) {
    return field.text == "null" ? std::string() : field.text;
  };
  const std::string user = id(text.user_id), device = id(text.device_id);
  if (!user.empty() || device.empty()) return user;
  return StrCat("$device:", device);
}

class Rules {
 public:
  Rules(const EventText& text, Endpoint endpoint, bool strict, int64_t now_ms)
      : text_(text), import_(endpoint == Endpoint::kImport), strict_(strict), now_ms_(now_ms) {}

  // Stops at the first violated rule.
  bool Pass(Problem* problem, int64_t* time_ms) {
    return CheckIgnore(problem) && CheckEvent(problem) && CheckProperties(problem) &&
           CheckTime(problem, time_ms) && CheckDistinctId(problem) && CheckInsertId(problem) &&
           CheckMerge(problem);
  }

 private:
  static bool Fail(Problem* problem, std::string_view field, std::string message) {
    problem->field = field;
    problem->message = std::move(message);
    return false;
  }

  bool CheckIgnore(Problem* problem) const {
    if (!text_.ignored) return true;
    problem->silent = true;
    return Fail(problem, "$ignore", "events with $ignore are dropped silently");
  }

  bool CheckEvent(Problem* problem) const {
    const Field& event = text_.event;
    const bool blank = event.kind == Field::Kind::kAbsent || event.text == "null" ||
                       TrimBlanks(event.text).empty();
    if (blank) return Fail(problem, "event", "'event' must not be missing or blank");
    if (event.kind != Field::Kind::kString) {
      return Fail(problem, "event", "'event' is invalid: must be a string");
    }
    return true;
  }

  bool CheckProperties(Problem* problem) const {
    if (!text_.has_properties) {
      return Fail(problem, "properties", "'properties' must be an object");
    }
    if (text_.property_count >= kPropertiesBound) {
      return Fail(problem, "properties",
                  StrCat("'properties' is invalid: must have fewer than ", kPropertiesBound,
                         " properties, has ", text_.property_count));
    }
    const bool no_token = text_.token.kind != Field::Kind::kString || text_.token.text.empty();
    if (!import_ && no_token) return Fail(problem, "properties.token", "token, missing or empty");
    return true;
  }

  bool CheckTime(Problem* problem, int64_t* time_ms) const {
    constexpr std::string_view kField = "properties.time";
    if (text_.time.kind == Field::Kind::kAbsent && (!import_ || is_identity())) {
      *time_ms = now_ms_;
      return true;
    }
    if (text_.time.kind == Field::Kind::kAbsent) {
      return Fail(problem, kField, "'properties.time' must not be missing");
    }
    if (text_.time.kind != Field::Kind::kNumber || !ToMilliseconds(text_.time.text, time_ms)) {
      return Fail(problem, kField,
                  "'properties.time' is invalid: must be specified as seconds since epoch");
    }
    if (*time_ms < kEarliestTimeMs) {
      return Fail(problem, kField, "'properties.time' is invalid: must not be before 1971-01-01");
    }
    if (*time_ms > now_ms_ + kMaxAheadMs) {
      return Fail(problem, kField,
                  "'properties.time' is invalid: must not be more than 1 hour in the future");
    }
    if (!import_ && *time_ms < now_ms_ - kTrackWindowMs) {
      problem->silent = true;
      return Fail(problem, kField,
                  "'properties.time' is older than 5 days: /track drops such events silently");
    }
    return true;
  }

  bool CheckDistinctId(Problem* problem) const {
    const Field& id = text_.distinct_id;
    if (id.kind == Field::Kind::kAbsent) {
      if (!import_ || !IdentityOf(text_).empty() || is_identity()) return true;
      return Fail(problem, "distinct_id", "'distinct_id' must not be missing");
    }
    if (IsBannedId(id.text)) {
      return Fail(problem, "distinct_id",
                  StrCat("'distinct_id' is invalid: '", id.text, "' is not allowed"));
    }
    if (id.text == "[...]" || id.text == "{...}") {
      return Fail(problem, "distinct_id", "'distinct_id' is invalid: must be a string");
    }
    return true;
  }

  bool CheckInsertId(Problem* problem) const {
    constexpr std::string_view kField = "$insert_id";
    const Field& id = text_.insert_id;
    const bool may_lack = !import_ || !strict_ || is_identity();
    if (id.kind == Field::Kind::kAbsent && may_lack) return true;
    if (id.text.empty()) {
      return Fail(problem, kField, "'$insert_id' must not be missing or blank");
    }
    if (IsBannedId(id.text)) {
      return Fail(problem, kField,
                  StrCat("'$insert_id' is invalid: '", id.text, "' is not allowed"));
    }
    if (id.text.size() > kMaxInsertIdBytes) {
      return Fail(
          problem, kField,
          StrCat("'$insert_id' is invalid: must not be longer than ", kMaxInsertIdBytes, " bytes"));
    }
    if (!std::all_of(id.text.begin(), id.text.end(), IsInsertIdCharacter)) {
      return Fail(problem, kField,
                  "'$insert_id' is invalid: must only contain alphanumeric or hyphen '-' "
                  "characters");
    }
    return true;
  }

  bool CheckMerge(Problem* problem) const {
    if (text_.event.text != "$merge" || text_.has_merged_ids) return true;
    return Fail(problem, "properties.$distinct_ids",
                "'properties.$distinct_ids' is invalid: must be a list of two ids");
  }

  bool is_identity() const { return IsIdentityEvent(text_.event.text); }

  const EventText& text_;
  const bool import_;
  const bool strict_;
  const int64_t now_ms_;
};

// Replaces a part of event->json before properties_end; adjusts the offsets.
void Replace(const TextSpan& part, std::string_view with, NewEvent* event) {
  event->json.replace(part.begin, part.end - part.begin, with);
  const auto move = [&](uint32_t& place) {
    if (place >= part.end) place += static_cast<uint32_t>(with.size() - (part.end - part.begin));
  };
  move(event->splices.time_begin);
  move(event->splices.time_end);
  move(event->splices.properties_end);
}

// The server's changes to the text of `event`: removes the address, as it only serves to find the
// place; sets a missing distinct_id from the event's identity, and generates a missing time and
// $insert_id. `distinct_id` and `insert_id` are the resulting ones.
void ApplyServerChanges(const EventText& text, uint64_t made_up_id, NewEvent* event,
                        std::string* distinct_id, std::string* insert_id) {
  *distinct_id = text.distinct_id.text.empty() ? IdentityOf(text) : text.distinct_id.text;
  *insert_id = text.insert_id.text;
  const bool has_ip = text.ip_member.end > 0;
  const bool replaces_id = text.distinct_id.text.empty() && text.distinct_id_value.end > 0;
  std::string quoted_id;
  AppendJsonString(quoted_id, *distinct_id);
  // From back to front, so that earlier offsets stay valid.
  const auto cut_ip = [&] {
    if (has_ip) Replace(text.ip_member, "", event);
  };
  if (text.ip_member.begin > text.distinct_id_value.begin) cut_ip();
  if (replaces_id && !distinct_id->empty()) Replace(text.distinct_id_value, quoted_id, event);
  if (text.ip_member.begin < text.distinct_id_value.begin) cut_ip();

  const size_t end = event->splices.properties_end;
  std::string added;
  const auto add = [&](std::string_view name, std::string_view value) {
    const bool is_first = text.property_count == (has_ip ? 1 : 0) && added.empty();
    StrAppend(&added, is_first ? "\"" : ",\"", name, "\":");
    const size_t begin = end + added.size();
    added += value;
    return begin;
  };
  if (text.distinct_id.kind == Field::Kind::kAbsent && !distinct_id->empty()) {
    add("distinct_id", quoted_id);
  }
  if (text.insert_id.kind == Field::Kind::kAbsent) {
    *insert_id = MadeUpInsertId(made_up_id);
    add("$insert_id", StrCat("\"", *insert_id, "\""));
  }
  if (text.time.kind == Field::Kind::kAbsent) {
    event->splices.time_begin = static_cast<uint32_t>(add("time", StrCat(event->time_ms)));
    event->splices.time_end = static_cast<uint32_t>(end + added.size());
  }
  event->json.insert(end, added);
  event->splices.properties_end = static_cast<uint32_t>(end + added.size());
}

}  // namespace

bool IsBannedId(std::string_view id) {
  static constexpr std::array<std::string_view, 17> kBanned = {
      "00000000-0000-0000-0000-000000000000",
      "anon",
      "anonymous",
      "nil",
      "none",
      "null",
      "n/a",
      "na",
      "undefined",
      "unknown",
      "<nil>",
      "0",
      "-1",
      "true",
      "false",
      "[]",
      "{}"};
  if (id.size() > kBanned[0].size()) return false;
  const std::string lower = absl::AsciiStrToLower(ToAbsl(id));
  return std::find(kBanned.begin(), kBanned.end(), lower) != kBanned.end();
}

struct EventChecker::State {
  EventTextReader reader;
  EventText text;
  std::string detail;
};

EventChecker::EventChecker() : state_(std::make_unique<State>()) {}
EventChecker::~EventChecker() = default;

bool EventChecker::Check(std::string_view record, Endpoint endpoint, int64_t now_ms,
                         uint64_t made_up, NewEvent* event, Problem* problem, bool strict) {
  *problem = {};
  if (record.size() >= kEventBytesBound) {
    problem->message = StrCat("the event is too large: must be smaller than ", kEventBytesBound,
                              " bytes, has ", record.size());
    return false;
  }
  EventText& text = state_->text;
  std::string& detail = state_->detail;
  switch (state_->reader.Read(record, &text, &detail)) {
    case EventTextReader::Result::kOk:
      break;
    case EventTextReader::Result::kNotUtf8:
      problem->field = detail;
      problem->message = StrCat(detail, " is invalid: string should be valid utf8");
      return false;
    case EventTextReader::Result::kNotAnObject:
      problem->message = "the record is not a JSON object";
      return false;
    case EventTextReader::Result::kNotJson:
      problem->message = StrCat("the record is not valid JSON: ", detail);
      return false;
  }
  problem->insert_id = text.insert_id.text;
  if (!Rules(text, endpoint, strict, now_ms).Pass(problem, &event->time_ms)) return false;

  event->name = text.event.text;
  event->json.assign(record);
  // Line ends can only be white space between tokens.
  std::replace(event->json.begin(), event->json.end(), '\n', ' ');
  std::replace(event->json.begin(), event->json.end(), '\r', ' ');
  event->splices = text.splices;
  event->endpoint = endpoint;
  std::string distinct_id, insert_id;
  ApplyServerChanges(text, made_up, event, &distinct_id, &insert_id);
  event->key = FourKeys(event->name, distinct_id, event->time_ms, insert_id);
  return true;
}

}  // namespace millrace::sandbox
