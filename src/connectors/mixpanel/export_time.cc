#include "connectors/mixpanel/export_time.h"

#include <simdjson.h>

#include <string>

#include "base/byte_buffer.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace::mixpanel {
namespace {

namespace od = simdjson::ondemand;

simdjson::error_code ReadMillis(od::value value, const char* text, ExportTimes::Times& times,
                                bool& has_time) {
  const std::string_view token = TrimBlanks(value.raw_json_token());
  double number;
  if (const auto error = value.get_double().get(number)) return error;
  if (!(number > -1e17 && number < 1e17)) return simdjson::NUMBER_OUT_OF_RANGE;
  times.unix_millis = static_cast<int64_t>(number);
  times.begin = static_cast<size_t>(token.data() - text);
  times.end = times.begin + token.size();
  has_time = true;
  return simdjson::SUCCESS;
}

simdjson::error_code ReadProperties(od::object properties, const char* text,
                                    ExportTimes::Times& times, bool& has_time) {
  for (auto property : properties) {
    std::string_view name;
    if (const auto error = property.unescaped_key(true).get(name)) return error;
    od::value value;
    if (const auto error = property.value().get(value)) return error;
    if (name == "time") {
      if (const auto error = ReadMillis(value, text, times, has_time)) return error;
    } else if (name == "mp_processing_time_ms") {
      double number;
      if (value.get_double().get(number) == simdjson::SUCCESS && number > 0 && number < 1e17) {
        times.processed_millis = static_cast<int64_t>(number);
      }
    } else if (name == "$import") {
      bool imported;
      if (value.get_bool().get(imported) == simdjson::SUCCESS) times.is_imported = imported;
    }
  }
  return simdjson::SUCCESS;
}

simdjson::error_code ReadEvent(od::object event, const char* text, ExportTimes::Times& times,
                               bool& has_time) {
  for (auto member : event) {
    std::string_view name;
    if (const auto error = member.unescaped_key(true).get(name)) return error;
    if (name != "properties") continue;
    od::object properties;
    if (const auto error = member.value().get_object().get(properties)) return error;
    if (const auto error = ReadProperties(properties, text, times, has_time)) return error;
  }
  return simdjson::SUCCESS;
}

}  // namespace

int64_t UtcMillis(int64_t local_millis, absl::TimeZone zone,
                  std::optional<int64_t> processed_millis) {
  const int64_t fraction = (local_millis % 1000 + 1000) % 1000;
  const absl::CivilSecond local =
      absl::ToCivilSecond(absl::FromUnixMillis(local_millis), absl::UTCTimeZone());
  const absl::TimeZone::TimeInfo info = zone.At(local);
  int64_t millis = absl::ToUnixMillis(info.pre) + fraction;
  if (info.kind == absl::TimeZone::TimeInfo::REPEATED) {
    const int64_t second = absl::ToUnixMillis(info.post) + fraction;
    if (!processed_millis || second <= *processed_millis) millis = second;
  }
  return millis;
}

struct ExportTimes::Parts {
  od::parser parser;
  ByteBuffer padded;
  std::string changed;
};

ExportTimes::ExportTimes() : parts_(std::make_unique<Parts>()) {}
ExportTimes::~ExportTimes() = default;

absl::StatusOr<ExportTimes::Times> ExportTimes::Read(std::string_view json) {
  ByteBuffer& padded = parts_->padded;
  padded.clear();
  padded.Append(json);
  Times times;
  bool has_time = false;
  od::document document;
  od::object event;
  auto error =
      parts_->parser.iterate(padded.data(), padded.size(), padded.capacity() + ByteBuffer::kPadding)
          .get(document);
  if (!error) error = document.get_object().get(event);
  if (!error) error = ReadEvent(event, padded.data(), times, has_time);
  if (error || !has_time) {
    return absl::InvalidArgumentError(StrCat("this is no event with a time: ", Shorten(json, 200)));
  }
  return times;
}

absl::StatusOr<std::string_view> ExportTimes::ToUtc(std::string_view json, absl::TimeZone zone) {
  ASSIGN_OR_RETURN(const Times times, Read(json));
  std::string& changed = parts_->changed;
  changed.assign(json.substr(0, times.begin));
  StrAppend(&changed, UtcMillis(times.unix_millis, zone, times.processed_millis));
  changed.append(json.substr(times.end));
  return changed;
}

}  // namespace millrace::mixpanel
