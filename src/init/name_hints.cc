#include "init/name_hints.h"

#include <algorithm>
#include <cctype>

namespace millrace {
namespace {

// A name as WordsOf returns it, or "*_x" for names whose last words are x. The best matching hint
// counts.
struct Hint {
  ColumnRole role;
  std::string_view name;
  int score;
};

using enum ColumnRole;

constexpr Hint kHints[] = {
    {kEventName, "event_name", 100},
    {kEventName, "event", 95},
    {kEventName, "event_type", 90},
    {kEventName, "event_action", 80},
    {kEventName, "*_event_name", 80},
    {kEventName, "event_key", 75},
    {kEventName, "action_name", 75},
    {kEventName, "*_event_type", 70},
    {kEventName, "action", 65},
    {kEventName, "activity_type", 60},
    {kEventName, "type", 60},
    {kEventName, "activity", 55},
    {kEventName, "name", 45},
    {kEventName, "verb", 45},
    {kEventName, "kind", 40},
    {kEventName, "message_type", 40},

    {kTime, "time", 100},
    {kTime, "timestamp", 100},
    {kTime, "event_time", 100},
    {kTime, "event_timestamp", 100},
    {kTime, "event_ts", 98},
    {kTime, "ts", 95},
    {kTime, "business_ts", 95},
    {kTime, "bussiness_ts", 95},  // spelled like this in configs of the previous importer
    {kTime, "occurred_at", 95},
    {kTime, "created_at", 90},
    {kTime, "datetime", 90},
    {kTime, "date_time", 90},
    {kTime, "started_at", 85},
    {kTime, "start_time", 85},
    {kTime, "original_timestamp", 80},
    {kTime, "unix_time", 80},
    {kTime, "client_time", 80},
    {kTime, "*_start_time", 75},
    {kTime, "*_timestamp", 70},
    {kTime, "event_date", 70},
    {kTime, "epoch", 70},
    {kTime, "*_time", 68},
    {kTime, "*_ts", 68},
    {kTime, "*_at", 62},
    {kTime, "date", 60},
    {kTime, "*_date", 55},
    {kTime, "day", 45},
    {kTime, "*_day", 40},

    {kDistinctId, "distinct_id", 100},
    {kDistinctId, "*_distinct_id", 80},

    {kUserId, "user_id", 100},
    {kUserId, "uid", 90},
    {kUserId, "user_uuid", 90},
    {kUserId, "user.id", 90},
    {kUserId, "user.user_id", 90},
    {kUserId, "customer_id", 85},
    {kUserId, "player_id", 85},
    {kUserId, "member_id", 80},
    {kUserId, "subscriber_id", 80},
    {kUserId, "customer.id", 80},
    {kUserId, "actor_id", 75},
    {kUserId, "actor.id", 75},
    {kUserId, "account_id", 70},
    {kUserId, "account.id", 70},
    {kUserId, "profile_id", 70},
    {kUserId, "*_user_id", 65},
    {kUserId, "user", 60},
    {kUserId, "username", 50},
    {kUserId, "user_name", 50},
    {kUserId, "login", 40},
    {kUserId, "user.login", 40},
    {kUserId, "actor.login", 40},

    {kDeviceId, "device_id", 100},
    {kDeviceId, "did", 90},
    {kDeviceId, "anonymous_id", 90},
    {kDeviceId, "anon_id", 85},
    {kDeviceId, "device.id", 85},
    {kDeviceId, "visitor_id", 80},
    {kDeviceId, "device_uuid", 80},
    {kDeviceId, "cookie_id", 75},
    {kDeviceId, "installation_id", 70},
    {kDeviceId, "*_device_id", 65},
    {kDeviceId, "advertising_id", 60},
    {kDeviceId, "client_id", 60},
    {kDeviceId, "idfv", 60},
    {kDeviceId, "idfa", 55},
    {kDeviceId, "gaid", 55},

    {kInsertId, "insert_id", 100},
    {kInsertId, "event_id", 90},
    {kInsertId, "event_uuid", 90},
    {kInsertId, "message_id", 80},
    {kInsertId, "uuid", 75},
    {kInsertId, "guid", 75},
    {kInsertId, "*_event_id", 65},
    {kInsertId, "id", 55},
    {kInsertId, "record_id", 55},
    {kInsertId, "row_id", 50},
    {kInsertId, "log_id", 50},
};

std::string WithoutUnderscores(std::string_view words) {
  std::string text(words);
  text.erase(std::remove(text.begin(), text.end(), '_'), text.end());
  return text;
}

bool Fits(const Hint& hint, std::string_view words, std::string_view joined) {
  if (hint.name.starts_with('*')) return words.ends_with(hint.name.substr(1));
  return WithoutUnderscores(hint.name) == joined;
}

bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsLowerOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

}  // namespace

int NameScore(ColumnRole role, std::string_view column) {
  const std::string words = WordsOf(column);
  const std::string joined = WithoutUnderscores(words);
  int best = 0;
  for (const Hint& hint : kHints) {
    if (hint.role == role && hint.score > best && Fits(hint, words, joined)) best = hint.score;
  }
  return best;
}

bool IsLabel(std::string_view column) {
  static constexpr std::string_view kLabels[] = {
      "id", "uid", "uuid", "num", "number", "no", "code", "zip", "phone", "version", "key", "hash"};
  const std::string words = WordsOf(column);
  const std::string_view last =
      std::string_view(words).substr(words.find_last_of("_.") + 1);  // npos + 1 is 0
  return std::find(std::begin(kLabels), std::end(kLabels), last) != std::end(kLabels);
}

std::string WordsOf(std::string_view column) {
  std::string words;
  for (size_t i = 0; i < column.size(); ++i) {
    const char c = column[i];
    const bool begins_word =
        IsUpper(c) && i > 0 &&
        (IsLowerOrDigit(column[i - 1]) || (IsUpper(column[i - 1]) && i + 1 < column.size() &&
                                           column[i + 1] >= 'a' && column[i + 1] <= 'z'));
    const auto u = static_cast<unsigned char>(c);
    const bool kept = std::isalnum(u) != 0 || u >= 0x80 || c == '.';
    const bool open = !words.empty() && words.back() != '_' && words.back() != '.';
    if ((begins_word || !kept) && open) words += '_';
    if (c == '.' && !words.empty() && words.back() == '_') words.pop_back();
    if (kept) words += static_cast<char>(std::tolower(u));
  }
  if (!words.empty() && words.back() == '_') words.pop_back();
  return words;
}

}  // namespace millrace
