#include "connectors/firestore/document_json.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "base/strings.h"
#include "base/utf8.h"

namespace millrace::firestore {

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", time, absl::UTCTimeZone());
}

Json TextValue(std::string_view text) { return {{"stringValue", ToValidUtf8(text)}}; }
Json IntegerValue(uint64_t number) { return {{"integerValue", StrCat(number)}}; }

Json WriteJson(const std::string& name, Json fields, bool first, absl::Time updated) {
  Json expected = first ? Json{{"exists", false}} : Json{{"updateTime", TimeText(updated)}};
  return {{"update", {{"name", name}, {"fields", std::move(fields)}}},
          {"currentDocument", std::move(expected)}};
}

Json EqualFilter(const char* field, std::string_view text) {
  return {{"fieldFilter",
           {{"field", {{"fieldPath", field}}}, {"op", "EQUAL"}, {"value", TextValue(text)}}}};
}

absl::Status Unexpected(std::string_view what) {
  return absl::DataLossError(StrCat("the answer of Firestore is not what its API gives: ", what));
}

absl::StatusOr<Json> ParseResponse(std::string_view body) {
  Json reply = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (reply.is_discarded()) return Unexpected("it is not JSON");
  return reply;
}

const Json* Member(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

std::string TextAt(const Json& object, const char* key) {
  const Json* text = Member(object, key);
  return text != nullptr && text->is_string() ? text->get<std::string>() : "";
}

absl::StatusOr<absl::Time> TimeAt(const Json& object, const char* key) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, TextAt(object, key), &time, &error)) {
    return Unexpected(StrCat("no ", key));
  }
  return time;
}

std::string FieldReader::Text(const char* name) {
  const Json* value = Value(name, "stringValue");
  if (value != nullptr && value->is_string()) return value->get<std::string>();
  Miss(name);
  return "";
}

uint64_t FieldReader::Number(const char* name) {
  const Json* value = Value(name, "integerValue");
  uint64_t number = 0;
  if (value == nullptr || !value->is_string() ||
      !absl::SimpleAtoi(value->get_ref<const std::string&>(), &number)) {
    Miss(name);
  }
  return number;
}

const Json* FieldReader::Value(const char* name, const char* kind) const {
  const Json* field = fields_ == nullptr ? nullptr : Member(*fields_, name);
  return field == nullptr ? nullptr : Member(*field, kind);
}

void FieldReader::Miss(const char* name) {
  if (status_.ok()) {
    status_ = absl::DataLossError(StrCat("a document has no ", name, " as Millrace writes it"));
  }
}

}  // namespace millrace::firestore
