// The options in a URI's query: "scheme://host/path?name=value&name=value".
#ifndef MILLRACE_BASE_URI_QUERY_H_
#define MILLRACE_BASE_URI_QUERY_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace millrace {

// Whoever reads an option takes it out; what is left at the end is unknown, or for somebody else.
class UriQuery {
 public:
  // InvalidArgument if `uri` has a '#', or an option has no '=', is there twice, or has a '%' that
  // two hex digits do not follow. Errors name the option and never its value.
  static absl::StatusOr<UriQuery> Parse(std::string_view uri);

  // What precedes the '?'.
  const std::string& head() const { return head_; }
  // The value of the option, decoded; nullopt if it is not there.
  std::optional<std::string> Take(std::string_view name);
  // The same, split at ','; empty if it is not there.
  std::vector<std::string> TakeList(std::string_view name);
  // True for "true", false for "false" and absent; else InvalidArgument.
  absl::StatusOr<bool> TakeFlag(std::string_view name);

  // The options that were not taken, with '?' and as they were written; "" if none is left.
  std::string Rest() const;
  // InvalidArgument if an option is left; it lists `known`.
  absl::Status CheckAllTaken(std::string_view known) const;

 private:
  struct Option {
    std::string name;
    std::string value;  // decoded
    std::string text;   // as written
  };
  std::string head_;
  std::vector<Option> options_;
};

}  // namespace millrace

#endif  // MILLRACE_BASE_URI_QUERY_H_
