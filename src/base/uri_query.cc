#include "base/uri_query.h"

#include <algorithm>

#include "absl/strings/str_split.h"
#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace {
absl::StatusOr<UriQuery> UriQuery::Parse(std::string_view uri) {
  if (uri.find('#') != std::string_view::npos) {
    return absl::InvalidArgumentError("it has a '#': write %23");
  }
  UriQuery query;
  const size_t mark = uri.find('?');
  query.head_ = uri.substr(0, mark);
  if (mark == std::string_view::npos || mark + 1 == uri.size()) return query;
  for (const auto part : absl::StrSplit(ToAbsl(uri.substr(mark + 1)), '&')) {
    const std::string_view text = ToStd(part);
    const size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    // It may be the rest of a password.
    if (equals == std::string_view::npos || name.empty()) {
      return absl::InvalidArgumentError("what follows a '?' or '&' is no option: write name=value");
    }
    std::optional<std::string> value = UrlDecodeStrictly(text.substr(equals + 1));
    if (!value) {
      return absl::InvalidArgumentError(StrCat("the value of the option \"", name,
                                               "\" has a '%' that two hex digits do not follow"));
    }
    const bool twice = std::any_of(query.options_.begin(), query.options_.end(),
                                   [&](const Option& other) { return other.name == name; });
    if (twice) {
      return absl::InvalidArgumentError(StrCat("the option \"", name, "\" is given twice"));
    }
    query.options_.push_back({std::string(name), *std::move(value), std::string(text)});
  }
  return query;
}

std::optional<std::string> UriQuery::Take(std::string_view name) {
  const auto found = std::find_if(options_.begin(), options_.end(),
                                  [&](const Option& option) { return option.name == name; });
  if (found == options_.end()) return std::nullopt;
  std::string value = std::move(found->value);
  options_.erase(found);
  return value;
}

std::vector<std::string> UriQuery::TakeList(std::string_view name) {
  const std::optional<std::string> value = Take(name);
  if (!value) return {};
  return absl::StrSplit(*value, ',');
}

absl::StatusOr<bool> UriQuery::TakeFlag(std::string_view name) {
  const std::optional<std::string> value = Take(name);
  if (!value || *value == "false") return false;
  if (*value == "true") return true;
  return absl::InvalidArgumentError(StrCat("the option \"", name, "\" is true or false"));
}

std::string UriQuery::Rest() const {
  std::string rest;
  for (const Option& option : options_) StrAppend(&rest, rest.empty() ? "?" : "&", option.text);
  return rest;
}

absl::Status UriQuery::CheckAllTaken(std::string_view known) const {
  if (options_.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("unknown option \"", options_.front().name, "\"; the options are ", known));
}

}  // namespace millrace
