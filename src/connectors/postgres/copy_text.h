// Values in the text format of COPY: columns end with a tab, rows with a line end
// (PostgreSQL manual, "COPY", "Text Format").
#ifndef MILLRACE_CONNECTORS_POSTGRES_COPY_TEXT_H_
#define MILLRACE_CONNECTORS_POSTGRES_COPY_TEXT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/byte_buffer.h"

namespace millrace::postgres {

inline void AppendCopyNull(ByteBuffer& out) { out.Append("\\N"); }

// Escapes '\', tab and line ends.
void AppendCopyText(ByteBuffer& out, std::string_view text);

// JSON without raw control characters, in which only '\' needs an escape.
void AppendCopyJson(ByteBuffer& out, std::string_view json);

// Takes the first column off `row`, without its tab, and sets `text` to its value; "" for null.
void TakeCopyColumn(std::string_view& row, std::string& text);

// Writes times as "2026-11-30 03:12:45.123+00"; years before 1 as "0044-03-15 ... BC". Remembers
// the day, which is often the next row's too.
class CopyTimeWriter {
 public:
  static constexpr int64_t kMicrosPerDay = int64_t{86'400} * 1'000'000;

  // Days since 1970-01-01 of a time in microseconds.
  static constexpr int64_t DayOf(int64_t micros) {
    return micros / kMicrosPerDay - (micros % kMicrosPerDay < 0 ? 1 : 0);
  }

  void Append(ByteBuffer& out, int64_t micros);

 private:
  void SetDay(int64_t day);

  int64_t day_ = INT64_MIN;
  std::array<char, 24> text_;  // "2026-11-30 "
  size_t size_ = 0;
  bool before_christ_ = false;
};

}  // namespace millrace::postgres

#endif  // MILLRACE_CONNECTORS_POSTGRES_COPY_TEXT_H_
