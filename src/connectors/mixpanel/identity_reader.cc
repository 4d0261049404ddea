#include "connectors/mixpanel/identity_reader.h"

#include <simdjson.h>

#include <cmath>
#include <utility>

#include "base/byte_buffer.h"
#include "base/strings.h"

namespace millrace::mixpanel {
namespace {

namespace od = simdjson::ondemand;

static_assert(ByteBuffer::kPadding >= simdjson::SIMDJSON_PADDING);

// 1971-01-01; no event is earlier, so smaller times are seconds. Not 1e11, as for sent events,
// because the export also has early times in milliseconds.
constexpr double kMinMillis = 31'536'000'000;

struct Fields {
  std::string event, original_event;
  std::string distinct_id, distinct_id_before_identity, original_distinct_id;
  std::string user_id, device_id;
  std::string insert_id;
  bool has_time = false;
  int64_t unix_millis = 0;

  std::string* Text(std::string_view name) {
    if (name == "distinct_id") return &distinct_id;
    if (name == "$insert_id") return &insert_id;
    if (name == "$distinct_id_before_identity") return &distinct_id_before_identity;
    if (name == "$user_id") return &user_id;
    if (name == "$device_id") return &device_id;
    if (name == "mp_original_event_name") return &original_event;
    if (name == "mp_original_distinct_id") return &original_distinct_id;
    return nullptr;
  }
};

// The text of a string, the digits of a number; nothing for other values.
simdjson::error_code ReadText(od::value value, std::string& out) {
  od::json_type type;
  if (const auto error = value.type().get(type)) return error;
  if (type == od::json_type::string) {
    std::string_view text;
    if (const auto error = value.get_string(/*allow_replacement=*/true).get(text)) return error;
    out = text;
  } else if (type == od::json_type::number) {
    std::string_view digits = value.raw_json_token();
    out = digits.substr(0, digits.find_last_not_of(" \t\r\n") + 1);
  }
  return simdjson::SUCCESS;
}

simdjson::error_code ReadTime(od::value value, Fields& fields) {
  od::number number;
  if (const auto error = value.get_number().get(number)) return error;
  const double magnitude = std::abs(number.as_double());
  if (number.is_int64()) {
    fields.unix_millis = number.get_int64() * (magnitude < kMinMillis ? 1000 : 1);
  } else if (magnitude < 1e17) {
    const double scale = magnitude < kMinMillis ? 1000 : 1;
    fields.unix_millis = static_cast<int64_t>(std::floor(number.as_double() * scale));
  } else {
    return simdjson::NUMBER_OUT_OF_RANGE;
  }
  fields.has_time = true;
  return simdjson::SUCCESS;
}

simdjson::error_code ReadProperties(od::object properties, Fields& fields) {
  for (auto property : properties) {
    std::string_view name;
    if (const auto error = property.unescaped_key(true).get(name)) return error;
    od::value value;
    if (name == "time") {
      if (const auto error = property.value().get(value)) return error;
      if (const auto error = ReadTime(value, fields)) return error;
    } else if (std::string* text = fields.Text(name)) {
      if (const auto error = property.value().get(value)) return error;
      if (const auto error = ReadText(value, *text)) return error;
    }
  }
  return simdjson::SUCCESS;
}

simdjson::error_code ReadEvent(od::object event, Fields& fields) {
  for (auto member : event) {
    std::string_view name;
    if (const auto error = member.unescaped_key(true).get(name)) return error;
    if (name == "event") {
      std::string_view text;
      if (const auto error = member.value().get_string(true).get(text)) return error;
      fields.event = text;
    } else if (name == "properties") {
      od::object properties;
      if (const auto error = member.value().get_object().get(properties)) return error;
      if (const auto error = ReadProperties(properties, fields)) return error;
    }
  }
  return simdjson::SUCCESS;
}

// Puts back what Mixpanel replaced.
void Restore(Fields& fields) {
  if (fields.event == "$hotshard_events" && !fields.original_event.empty()) {
    fields.event = std::move(fields.original_event);
    fields.distinct_id = std::move(fields.original_distinct_id);
  }
  if (!fields.distinct_id_before_identity.empty()) {
    fields.distinct_id = std::move(fields.distinct_id_before_identity);
  }
  fields.distinct_id = ResolveDistinctId(fields.distinct_id, fields.user_id, fields.device_id);
}

}  // namespace

struct IdentityReader::Parts {
  od::parser parser;
  ByteBuffer padded;
};

IdentityReader::IdentityReader() : parts_(std::make_unique<Parts>()) {}
IdentityReader::~IdentityReader() = default;

absl::Status IdentityReader::Read(std::string_view json, EventIdentity& identity) {
  ByteBuffer& padded = parts_->padded;
  padded.clear();
  padded.Append(json);
  od::document document;
  od::object event;
  Fields fields;
  auto error =
      parts_->parser.iterate(padded.data(), padded.size(), padded.capacity() + ByteBuffer::kPadding)
          .get(document);
  if (!error) error = document.get_object().get(event);
  if (!error) error = ReadEvent(event, fields);
  if (error) {
    return absl::InvalidArgumentError(
        StrCat("this is no event: ", simdjson::error_message(error), ": ", json.substr(0, 200)));
  }
  if (fields.event.empty() || !fields.has_time) {
    return absl::InvalidArgumentError(
        StrCat("this event has no name or no time: ", json.substr(0, 200)));
  }
  Restore(fields);
  identity.Set(std::move(fields.event), fields.distinct_id, fields.unix_millis, fields.insert_id);
  return absl::OkStatus();
}

}  // namespace millrace::mixpanel
