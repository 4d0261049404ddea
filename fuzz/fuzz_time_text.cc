// Texts as times: any text is a time or is rejected, and a formatted time is parsed to the
// same time.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "mapping/time_value.h"

namespace millrace {
namespace {

void CheckShown(int64_t millis) {
  constexpr int64_t kYear0 = -62'167'219'200'000;
  constexpr int64_t kYear10000 = 253'402'300'800'000;
  if (millis < kYear0 || millis >= kYear10000) return;
  ByteBuffer shown;
  AppendPlainText(shown, Value::Timestamp(millis, Value::Unit::kMilli, true));
  const absl::StatusOr<int64_t> again =
      ToUnixMillis(Value::Text(Value::Kind::kText, shown.view()), absl::UTCTimeZone());
  if (!again.ok() || *again != millis) std::abort();
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  absl::TimeZone berlin = absl::UTCTimeZone();
  absl::LoadTimeZone("Europe/Berlin", &berlin);
  for (const absl::TimeZone zone : {absl::UTCTimeZone(), berlin}) {
    for (const Value::Kind kind : {Value::Kind::kText, Value::Kind::kJsonText}) {
      const absl::StatusOr<int64_t> millis = ToUnixMillis(Value::Text(kind, text), zone);
      if (millis.ok()) CheckShown(*millis);
      for (const CompactTime format :
           {CompactTime::kDate, CompactTime::kMinute, CompactTime::kSecond}) {
        const absl::StatusOr<int64_t> compact = ToUnixMillis(Value::Text(kind, text), zone, format);
        if (compact.ok()) CheckShown(*compact);
      }
    }
  }
  return 0;
}
