#include "sandbox/event_text.h"

#include <simdjson.h>

#include "base/byte_buffer.h"
#include "base/strings.h"
#include "sandbox/limits.h"

namespace millrace::sandbox {
namespace {

namespace ondemand = simdjson::ondemand;
using simdjson::error_code;

static_assert(ByteBuffer::kPadding >= simdjson::SIMDJSON_PADDING);

constexpr size_t kNowhere = SIZE_MAX;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// RFC 8259 section 6; numbers of any length are JSON, even if no machine type can hold them.
bool IsJsonNumber(std::string_view text) {
  size_t i = text.starts_with('-') ? 1 : 0;
  const auto digits = [&] {
    const size_t begin = i;
    while (i < text.size() && IsDigit(text[i])) ++i;
    return i > begin;
  };
  const size_t first = i;
  if (!digits() || (text[first] == '0' && i > first + 1)) return false;
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (!digits()) return false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (!digits()) return false;
  }
  return i == text.size();
}

bool SaysYes(const Field& field) {
  return field.kind != Field::Kind::kAbsent && !field.text.empty() && field.text != "0" &&
         field.text != "false" && field.text != "null";
}

std::string_view WithoutSpaceBehind(std::string_view text) {
  const size_t last = text.find_last_not_of(" \t\r\n");
  return text.substr(0, last + 1);
}

// The length of the UTF-8 character at `text[i]`, or 0 if there is none (RFC 3629).
size_t CharacterLength(std::string_view text, size_t i) {
  const auto byte = [&](size_t at) {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u;
  };
  const auto follows = [&](size_t at) { return (byte(at) & 0xC0) == 0x80; };
  const unsigned lead = byte(i);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return follows(i + 1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (!follows(i + 1) || !follows(i + 2)) return 0;
    if (lead == 0xE0 && byte(i + 1) < 0xA0) return 0;
    if (lead == 0xED && byte(i + 1) > 0x9F) return 0;
    return 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (!follows(i + 1) || !follows(i + 2) || !follows(i + 3)) return 0;
    if (lead == 0xF0 && byte(i + 1) < 0x90) return 0;
    if (lead == 0xF4 && byte(i + 1) > 0x8F) return 0;
    return 4;
  }
  return 0;
}

}  // namespace

struct EventTextReader::Impl {
  error_code ReadDocument(std::string_view record, size_t wrong_byte, EventText* text);
  error_code ReadProperties(ondemand::object properties, EventText* text);
  error_code ReadMergedIds(ondemand::value value, EventText* text);
  // Reads any value, whose children are at `depth`; sets `field` if it is not null.
  error_code ReadValue(ondemand::value value, int depth, Field* field);
  error_code ReadNested(ondemand::value value, bool is_array, int depth, Field* field);

  // A member of an object, including its comma.
  TextSpan MemberSpan(size_t key_begin, size_t value_end) const;

  size_t Offset(const char* at) const { return static_cast<size_t>(at - begin); }
  // Stores `name` if the wrong byte is before `end` and no earlier name was stored.
  void NoteWrong(std::string_view name, size_t end) {
    if (wrong_byte != kNowhere && wrong_name.empty() && wrong_byte < end) wrong_name = name;
  }

  ondemand::parser parser;
  ondemand::document document;
  std::string_view record;
  const char* begin = nullptr;
  bool is_object = false;
  size_t wrong_byte = kNowhere;  // of a record that is not UTF-8
  std::string wrong_name;
};

error_code EventTextReader::Impl::ReadNested(ondemand::value value, bool is_array, int depth,
                                             Field* field) {
  if (depth > kMaxEventDepth) return simdjson::DEPTH_ERROR;
  bool empty = true;
  if (is_array) {
    ondemand::array array;
    if (auto error = value.get_array().get(array)) return error;
    for (auto element : array) {
      ondemand::value child;
      if (auto error = element.get(child)) return error;
      if (auto error = ReadValue(child, depth + 1, nullptr)) return error;
      empty = false;
    }
  } else {
    ondemand::object object;
    if (auto error = value.get_object().get(object)) return error;
    for (auto member : object) {
      std::string_view key;
      if (auto error = member.unescaped_key().get(key)) return error;
      ondemand::value child;
      if (auto error = member.value().get(child)) return error;
      if (auto error = ReadValue(child, depth + 1, nullptr)) return error;
      empty = false;
    }
  }
  if (field == nullptr) return simdjson::SUCCESS;
  field->kind = Field::Kind::kOther;
  field->text = is_array ? (empty ? "[]" : "[...]") : (empty ? "{}" : "{...}");
  return simdjson::SUCCESS;
}

error_code EventTextReader::Impl::ReadValue(ondemand::value value, int depth, Field* field) {
  ondemand::json_type type;
  if (auto error = value.type().get(type)) return error;
  switch (type) {
    case ondemand::json_type::array:
    case ondemand::json_type::object:
      return ReadNested(value, type == ondemand::json_type::array, depth, field);
    case ondemand::json_type::string: {
      std::string_view text;
      if (auto error = value.get_string().get(text)) return error;
      if (field != nullptr) *field = {Field::Kind::kString, std::string(text)};
      return simdjson::SUCCESS;
    }
    case ondemand::json_type::number: {
      const std::string_view text = WithoutSpaceBehind(value.raw_json_token());
      if (!IsJsonNumber(text)) return simdjson::NUMBER_ERROR;
      if (field != nullptr) *field = {Field::Kind::kNumber, std::string(text)};
      return simdjson::SUCCESS;
    }
    case ondemand::json_type::boolean: {
      bool is_true;
      if (auto error = value.get_bool().get(is_true)) return error;
      if (field != nullptr) *field = {Field::Kind::kOther, is_true ? "true" : "false"};
      return simdjson::SUCCESS;
    }
    case ondemand::json_type::null: {
      bool is_null;
      if (auto error = value.is_null().get(is_null)) return error;
      if (!is_null) return simdjson::N_ATOM_ERROR;
      if (field != nullptr) *field = {Field::Kind::kOther, "null"};
      return simdjson::SUCCESS;
    }
    default:
      return simdjson::TAPE_ERROR;
  }
}

TextSpan EventTextReader::Impl::MemberSpan(size_t key_begin, size_t value_end) const {
  const size_t next = record.find_first_not_of(" \t\r\n", value_end);
  if (next != std::string_view::npos && record[next] == ',') return {key_begin, next + 1};
  const size_t before = record.find_last_not_of(" \t\r\n", key_begin - 1);
  return {record[before] == ',' ? before : key_begin, value_end};
}

error_code EventTextReader::Impl::ReadMergedIds(ondemand::value value, EventText* text) {
  ondemand::json_type type;
  if (auto error = value.type().get(type)) return error;
  if (type != ondemand::json_type::array) return ReadValue(value, /*depth=*/3, nullptr);
  ondemand::array array;
  if (auto error = value.get_array().get(array)) return error;
  size_t ids = 0;
  for (auto element : array) {
    ondemand::value child;
    if (auto error = element.get(child)) return error;
    if (auto error = ReadValue(child, /*depth=*/4, nullptr)) return error;
    ++ids;
  }
  text->has_merged_ids = ids == 2;
  return simdjson::SUCCESS;
}

error_code EventTextReader::Impl::ReadProperties(ondemand::object properties, EventText* text) {
  for (auto member : properties) {
    ondemand::raw_json_string raw_key;
    if (auto error = member.key().get(raw_key)) return error;
    const size_t key_begin = Offset(raw_key.raw()) - 1;
    std::string_view key;
    if (auto error = member.unescaped_key().get(key)) return error;
    ondemand::value value;
    if (auto error = member.value().get(value)) return error;
    ++text->property_count;
    const std::string_view token = WithoutSpaceBehind(value.raw_json_token());
    const TextSpan span{Offset(token.data()), Offset(token.data()) + token.size()};
    Field* const field = text->FieldOf(key);
    Field ignore;
    if (field == &text->time) {
      text->splices.time_begin = static_cast<uint32_t>(span.begin);
      text->splices.time_end = static_cast<uint32_t>(span.end);
    } else if (field == &text->distinct_id) {
      text->distinct_id_value = span;
    } else if (key == "ip" && token != "{" && token != "[") {
      text->ip_member = MemberSpan(key_begin, span.end);
    }
    text->splices.NoteServerProperty(key);
    if (key == "$distinct_ids") {
      if (auto error = ReadMergedIds(value, text)) return error;
    } else if (auto error = ReadValue(value, /*depth=*/3, key == "$ignore" ? &ignore : field)) {
      return error;
    }
    if (key == "$ignore") text->ignored = SaysYes(ignore);
    if (wrong_byte != kNowhere) {
      NoteWrong(StrCat("properties.", key), Offset(document.current_location().value_unsafe()));
    }
  }
  return simdjson::SUCCESS;
}

error_code EventTextReader::Impl::ReadDocument(std::string_view record, size_t wrong,
                                               EventText* text) {
  this->record = record;
  begin = record.data();
  is_object = false;
  wrong_byte = wrong;
  wrong_name.clear();
  const simdjson::padded_string_view padded(record.data(), record.size(),
                                            record.size() + ByteBuffer::kPadding);
  if (auto error = parser.iterate(padded).get(document)) return error;
  ondemand::json_type type;
  if (auto error = document.type().get(type)) return error;
  is_object = type == ondemand::json_type::object;
  if (!is_object) return simdjson::INCORRECT_TYPE;
  ondemand::object object;
  if (auto error = document.get_object().get(object)) return error;
  for (auto member : object) {
    std::string_view key;
    if (auto error = member.unescaped_key().get(key)) return error;
    ondemand::value value;
    if (auto error = member.value().get(value)) return error;
    ondemand::json_type kind;
    if (auto error = value.type().get(kind)) return error;
    if (key == "properties" && kind == ondemand::json_type::object) {
      ondemand::object properties;
      if (auto error = value.get_object().get(properties)) return error;
      *text = {.event = std::move(text->event)};  // the last one counts
      text->has_properties = true;
      if (auto error = ReadProperties(properties, text)) return error;
      const char* behind;
      if (auto error = document.current_location().get(behind)) return error;
      const std::string_view before = record.substr(0, Offset(behind));
      text->splices.properties_end = static_cast<uint32_t>(before.rfind('}'));
    } else if (auto error =
                   ReadValue(value, /*depth=*/2, key == "event" ? &text->event : nullptr)) {
      return error;
    }
    if (wrong_byte != kNowhere) {
      const char* behind = record.data() + record.size();
      if (document.current_location().get(behind)) behind = record.data() + record.size();
      NoteWrong(key, Offset(behind));
    }
  }
  return document.at_end() ? simdjson::SUCCESS : simdjson::TRAILING_CONTENT;
}

EventTextReader::EventTextReader() : impl_(std::make_unique<Impl>()) {}
EventTextReader::~EventTextReader() = default;

EventTextReader::Result EventTextReader::Read(std::string_view record, EventText* text,
                                              std::string* detail) {
  *text = {};
  if (record.empty()) {
    *detail = "it is empty";
    return Result::kNotJson;
  }
  const error_code error = impl_->ReadDocument(record, kNowhere, text);
  if (error == simdjson::SUCCESS) return Result::kOk;
  if (error == simdjson::UTF8_ERROR) {
    ByteBuffer repaired;
    size_t first = kNowhere;
    for (size_t i = 0; i < record.size();) {
      const size_t length = CharacterLength(record, i);
      if (length == 0 && first == kNowhere) first = i;
      repaired.Append(length == 0 ? std::string_view("?") : record.substr(i, length));
      i += length == 0 ? 1 : length;
    }
    (void)impl_->ReadDocument(repaired.view(), first, text);
    *detail = impl_->wrong_name;
    return Result::kNotUtf8;
  }
  if (error == simdjson::INCORRECT_TYPE && !impl_->is_object) return Result::kNotAnObject;
  *detail = error == simdjson::DEPTH_ERROR
                ? StrCat("it is nested more than ", kMaxEventDepth, " levels deep")
                : std::string(simdjson::error_message(error));
  return Result::kNotJson;
}

}  // namespace millrace::sandbox
