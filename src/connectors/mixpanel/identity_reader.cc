#include "connectors/mixpanel/identity_reader.h"

#include <simdjson.h>

#include <cmath>
#include <cstring>
#include <string>
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

// Views of the text and of the parser's strings.
struct Fields {
  std::string_view event, original_event;
  std::string_view distinct_id, distinct_id_before_identity, original_distinct_id;
  std::string_view user_id, device_id;
  std::string_view insert_id;
  bool has_time = false;
  int64_t unix_millis = 0;

  std::string_view* Text(std::string_view name) {
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

// Whether text between quotes stands for itself. The parser copies escapes and all else byte by
// byte, which takes longer than the rest of the reading.
bool IsPlain(std::string_view inside) {
  return std::memchr(inside.data(), '\\', inside.size()) == nullptr;
}

simdjson::error_code ReadName(od::field& member, std::string_view& name) {
  name = member.escaped_key();
  return IsPlain(name) ? simdjson::SUCCESS : member.unescaped_key(true).get(name);
}

simdjson::error_code ReadString(od::value value, std::string_view& out) {
  const std::string_view token = TrimBlanks(value.raw_json_token());
  if (token.size() >= 2 && token.front() == '"' && token.back() == '"' && IsPlain(token)) {
    out = token.substr(1, token.size() - 2);
    return simdjson::SUCCESS;
  }
  return value.get_string(/*allow_replacement=*/true).get(out);
}

// The text of a string, the digits of a number; nothing for other values.
simdjson::error_code ReadText(od::value value, std::string_view& out) {
  od::json_type type;
  if (const auto error = value.type().get(type)) return error;
  if (type == od::json_type::string) return ReadString(value, out);
  if (type == od::json_type::number) out = TrimBlanks(value.raw_json_token());
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
    od::field field;
    if (const auto error = std::move(property).get(field)) return error;
    std::string_view name;
    if (const auto error = ReadName(field, name)) return error;
    if (name == "time") {
      if (const auto error = ReadTime(field.value(), fields)) return error;
    } else if (std::string_view* text = fields.Text(name)) {
      if (const auto error = ReadText(field.value(), *text)) return error;
    }
  }
  return simdjson::SUCCESS;
}

simdjson::error_code ReadEvent(od::object event, Fields& fields) {
  for (auto member : event) {
    od::field field;
    if (const auto error = std::move(member).get(field)) return error;
    std::string_view name;
    if (const auto error = ReadName(field, name)) return error;
    if (name == "event") {
      if (const auto error = ReadString(field.value(), fields.event)) return error;
    } else if (name == "properties") {
      od::object properties;
      if (const auto error = field.value().get_object().get(properties)) return error;
      if (const auto error = ReadProperties(properties, fields)) return error;
    }
  }
  return simdjson::SUCCESS;
}

// Puts back what Mixpanel replaced.
void Restore(Fields& fields) {
  if (fields.event == "$hotshard_events" && !fields.original_event.empty()) {
    fields.event = fields.original_event;
    fields.distinct_id = fields.original_distinct_id;
  }
  if (!fields.distinct_id_before_identity.empty()) {
    fields.distinct_id = fields.distinct_id_before_identity;
  }
}

}  // namespace

struct IdentityReader::Parts {
  od::parser parser;
  ByteBuffer padded;
  std::string resolved;
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
  std::string& resolved = parts_->resolved;
  if (fields.distinct_id.empty()) {
    resolved = ResolveDistinctId("", fields.user_id, fields.device_id);
    fields.distinct_id = resolved;
  }
  identity.Set(fields.event, fields.distinct_id, fields.unix_millis, fields.insert_id);
  return absl::OkStatus();
}

}  // namespace millrace::mixpanel
