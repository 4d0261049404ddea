#include "staypoints/text_encoder.h"

#include <cstring>

#include "absl/time/civil_time.h"
#include "base/json_writer.h"
#include "base/strings.h"

namespace millrace {
namespace {

constexpr int64_t kMicrosPerDay = 86'400'000'000;

void WriteDigits(char* to, int64_t value, int digits) {
  for (int i = digits - 1; i >= 0; --i, value /= 10) to[i] = static_cast<char>('0' + value % 10);
}

void AppendCsvCell(ByteBuffer& out, std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return out.Append(text);
  out.Append('"');
  for (const char c : text) {
    if (c == '"') out.Append('"');
    out.Append(c);
  }
  out.Append('"');
}

}  // namespace

std::string_view TextHeader(TextStyle style) {
  return style == TextStyle::kCsv ? "user_id,p1,p2,staypoints_json\r\n" : "";
}

TextEncoder::TextEncoder(TextStyle style)
    : style_(style),
      quote_(style == TextStyle::kCsv ? "\"\"" : "\""),
      enter_(StrCat("{", quote_, "enter_time", quote_, ":")),
      exit_(StrCat(",", quote_, "exit_time", quote_, ":")),
      lat_(StrCat(",", quote_, "lat", quote_, ":")),
      lng_(StrCat(",", quote_, "lng", quote_, ":")) {}

void TextEncoder::Append(const StaypointBlock& block, ByteBuffer& out) {
  for (size_t user = 0; user < block.users.size(); ++user) {
    if (user > 0 || !block.continues_user) BeginUser(block.user_id(user), block, out);
    for (size_t i = block.begin(user); i < block.users[user].end; ++i) {
      AppendStaypoint(block, i, out);
    }
  }
}

void TextEncoder::BeginUser(std::string_view id, const StaypointBlock& block, ByteBuffer& out) {
  EndLine(out);
  is_open_ = true;
  has_staypoint_ = false;
  if (style_ == TextStyle::kCsv) {
    AppendCsvCell(out, id);
    out.Append(',');
    AppendCsvCell(out, block.p1);
    out.Append(',');
    AppendCsvCell(out, block.p2);
    out.Append(",\"[");
    line_end_ = "]\"\r\n";
    return;
  }
  out.Append("{\"user_id\":");
  AppendJsonString(out, id);
  out.Append(",\"staypoints\":[");
  line_end_ = "],\"p1\":";
  AppendJsonString(line_end_, block.p1);
  line_end_ += ",\"p2\":";
  AppendJsonString(line_end_, block.p2);
  line_end_ += "}\n";
}

void TextEncoder::EndLine(ByteBuffer& out) {
  if (is_open_) out.Append(line_end_);
  is_open_ = false;
}

void TextEncoder::AppendStaypoint(const StaypointBlock& block, size_t i, ByteBuffer& out) {
  if (has_staypoint_) out.Append(',');
  has_staypoint_ = true;
  out.Append(enter_);
  AppendTime(block.enter[i], out);
  out.Append(exit_);
  AppendTime(block.exit[i], out);
  out.Append(lat_);
  AppendJsonDouble(out, block.lat[i]);
  out.Append(lng_);
  AppendJsonDouble(out, block.lng[i]);
  out.Append('}');
}

void TextEncoder::AppendTime(int64_t micros, ByteBuffer& out) {
  if (micros == kNullTime) return out.Append("null");
  int64_t day = micros / kMicrosPerDay;
  int64_t rest = micros % kMicrosPerDay;
  if (rest < 0) {
    rest += kMicrosPerDay;
    --day;
  }
  if (day != day_) {  // consecutive times are often of one day
    day_ = day;
    const absl::CivilDay date = absl::CivilDay(1970) + day;
    std::memcpy(day_text_, "0000-00-00 ", sizeof(day_text_));
    WriteDigits(day_text_, date.year(), 4);
    WriteDigits(day_text_ + 5, date.month(), 2);
    WriteDigits(day_text_ + 8, date.day(), 2);
  }
  char text[23];
  std::memcpy(text, day_text_, sizeof(day_text_));
  std::memcpy(text + 11, "00:00:00.000", 12);
  const int64_t millis = rest / 1000;
  const int64_t seconds = millis / 1000;
  WriteDigits(text + 11, seconds / 3600, 2);
  WriteDigits(text + 14, seconds / 60 % 60, 2);
  WriteDigits(text + 17, seconds % 60, 2);
  WriteDigits(text + 20, millis % 1000, 3);
  out.Append(quote_);
  out.Append({text, sizeof(text)});
  out.Append(quote_);
}

}  // namespace millrace
