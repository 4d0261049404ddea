#include "stores/gcs_responses.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

constexpr size_t kLongestPlainError = 1000;

// A text member, or "".
std::string Text(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

absl::StatusOr<ListedKey> ReadObject(const Json& item) {
  ListedKey key;
  if (item.is_object()) {
    key.key = Text(item, "name");
    key.version = Text(item, "generation");
  }
  if (key.key.empty() || key.version.empty() ||
      !absl::SimpleAtoi(Text(item, "size"), &key.size)) {  // 64-bit numbers are strings here
    return absl::UnavailableError("the object's metadata is not a valid GCS response");
  }
  return key;
}

}  // namespace

absl::StatusOr<ListedKey> ParseGcsObject(std::string_view json) {
  return ReadObject(Json::parse(json, nullptr, /*allow_exceptions=*/false));
}

absl::StatusOr<ListPage> ParseGcsListing(std::string_view json) {
  const Json answer = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  const auto broken = [] {
    return absl::UnavailableError("the listing is not a valid GCS response");
  };
  if (!answer.is_object()) return broken();
  ListPage page;
  page.next_token = Text(answer, "nextPageToken");
  const auto items = answer.find("items");
  if (items == answer.end()) return page;
  if (!items->is_array()) return broken();
  page.keys.reserve(items->size());
  for (const Json& item : *items) {
    ASSIGN_OR_RETURN(ListedKey key, ReadObject(item));
    page.keys.push_back(std::move(key));
  }
  return page;
}

absl::StatusOr<GcsRewrite> ParseGcsRewrite(std::string_view json) {
  const Json answer = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  GcsRewrite rewrite;
  if (answer.is_object()) {
    const auto done = answer.find("done");
    rewrite.done = done != answer.end() && done->is_boolean() && done->get<bool>();
    rewrite.token = Text(answer, "rewriteToken");
  }
  if (!rewrite.done && rewrite.token.empty()) {
    return absl::UnavailableError("the state of the copy is not a valid GCS response");
  }
  return rewrite;
}

CloudError ParseGcsError(const HttpResponse& response) {
  CloudError error{.http_status = response.status};
  const Json answer = Json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  const Json* inner = nullptr;
  if (answer.is_object()) {
    if (const auto found = answer.find("error"); found != answer.end()) inner = &*found;
  }
  if (inner == nullptr || !inner->is_object()) {
    error.message = response.body.substr(0, kLongestPlainError);
    return error;
  }
  error.message = Text(*inner, "message");
  const auto errors = inner->find("errors");
  if (errors != inner->end() && errors->is_array() && !errors->empty() &&
      errors->front().is_object()) {
    error.code = Text(errors->front(), "reason");
  }
  return error;
}

}  // namespace millrace
