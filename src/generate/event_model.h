// What an event looks like: row i of a seeded stream, whatever format it is written in.
#ifndef MILLRACE_GENERATE_EVENT_MODEL_H_
#define MILLRACE_GENERATE_EVENT_MODEL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

struct GeneratedEvent {
  std::string_view event_name;  // 12 names, skewed
  int64_t business_ts = 0;      // microseconds since the epoch, UTC; nearly in order
  std::string user_id;          // few users have most of the events
  std::string device_id;        // UUID text, one to three per user
  std::string insert_id;        // UUID text, unique
  int64_t session_id = 0;       // 19 digits
  std::string_view country;     // ISO 3166 code
  std::string_view city;        // in its own script
  std::string_view os;
  std::string_view app_version;
  std::string page_url;
  std::optional<double> amount;  // money, two decimals
  bool is_new = false;
  std::optional<std::string_view> comment;  // with quotes, escapes, emoji; into comment_text
  std::string comment_text;
};

// Row numbers to events. Holds no state between rows: any row can be made by itself.
class EventModel {
 public:
  // Rows 0 to rows-1 spread over [begin_us, end_us), in microseconds since the epoch.
  EventModel(uint64_t seed, uint64_t rows, int64_t begin_us, int64_t end_us);

  // Overwrites `event`, whose buffers are used again.
  void Make(uint64_t row, GeneratedEvent& event) const;

 private:
  uint64_t seed_;
  uint64_t rows_;
  int64_t begin_us_;
  int64_t end_us_;
  int user_bits_;  // there are 2^user_bits_ users
};

}  // namespace millrace

#endif  // MILLRACE_GENERATE_EVENT_MODEL_H_
