// JSON of Firestore's REST API: values of fields, and members of responses, which are not trusted.
#ifndef MILLRACE_CONNECTORS_FIRESTORE_DOCUMENT_JSON_H_
#define MILLRACE_CONNECTORS_FIRESTORE_DOCUMENT_JSON_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace millrace::firestore {

using Json = nlohmann::json;

// Requests.
std::string TimeText(absl::Time time);
Json TextValue(std::string_view text);  // U+FFFD for what is not UTF-8
Json IntegerValue(uint64_t number);
// The write of `fields` at `name`: the first one, or only if its updateTime is still `updated`.
Json WriteJson(const std::string& name, Json fields, bool first, absl::Time updated);
// A filter of documents whose `field` is `text`.
Json EqualFilter(const char* field, std::string_view text);

// Responses. DataLoss: it is not what the API gives.
absl::Status Unexpected(std::string_view what);
absl::StatusOr<Json> ParseResponse(std::string_view body);
const Json* Member(const Json& object, const char* key);  // null: there is none
std::string TextAt(const Json& object, const char* key);  // "": there is none
absl::StatusOr<absl::Time> TimeAt(const Json& object, const char* key);

// Reads members of "fields"; the first that is missing stays as the status.
class FieldReader {
 public:
  explicit FieldReader(const Json* fields) : fields_(fields) {}

  std::string Text(const char* name);
  uint64_t Number(const char* name);
  bool Has(const char* name) const {
    return fields_ != nullptr && Member(*fields_, name) != nullptr;
  }
  const absl::Status& status() const { return status_; }

 private:
  const Json* Value(const char* name, const char* kind) const;
  void Miss(const char* name);

  const Json* const fields_;
  absl::Status status_;
};

}  // namespace millrace::firestore

#endif  // MILLRACE_CONNECTORS_FIRESTORE_DOCUMENT_JSON_H_
