// Staypoints as lines of JSON, or as CSV with the staypoints as JSON in one cell (RFC 4180: lines
// end in CR LF, quotes are doubled). Times are "YYYY-MM-DD HH:MM:SS.mmm" UTC, truncated to
// milliseconds.
//
//   {"user_id":"user123","staypoints":[{"enter_time":"2025-01-01 10:30:00.000","exit_time":
//    "2025-01-01 11:00:00.000","lat":40.7589,"lng":-73.9851}],"p1":"us","p2":"er"}
//
//   user_id,p1,p2,staypoints_json
//   user123,us,er,"[{""enter_time"":""2025-01-01 10:30:00.000"",...}]"
#ifndef MILLRACE_STAYPOINTS_TEXT_ENCODER_H_
#define MILLRACE_STAYPOINTS_TEXT_ENCODER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "base/byte_buffer.h"
#include "staypoints/staypoint_block.h"

namespace millrace {

enum class TextStyle { kJson, kCsv };

// The beginning of the file; empty for JSON.
std::string_view TextHeader(TextStyle style);

// Blocks to text, one thread at a time.
class TextEncoder {
 public:
  explicit TextEncoder(TextStyle style);

  // Appends `block` to `out`. The line of its last user stays open for the next block.
  void Append(const StaypointBlock& block, ByteBuffer& out);
  // Ends the open line, if there is one.
  void EndLine(ByteBuffer& out);

 private:
  void BeginUser(std::string_view id, const StaypointBlock& block, ByteBuffer& out);
  void AppendStaypoint(const StaypointBlock& block, size_t i, ByteBuffer& out);
  void AppendTime(int64_t micros, ByteBuffer& out);

  const TextStyle style_;
  const std::string_view quote_;                // around names and times
  const std::string enter_, exit_, lat_, lng_;  // the text before the values
  bool is_open_ = false;
  bool has_staypoint_ = false;  // in the open line
  std::string line_end_;        // of the open line
  int64_t day_ = INT64_MIN;     // since 1970, of day_text_
  char day_text_[11];           // "2025-01-01 "
};

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_TEXT_ENCODER_H_
