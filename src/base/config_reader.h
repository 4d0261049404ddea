// Reads a JSON config and reports all of its problems at once.
#ifndef MILLRACE_BASE_CONFIG_READER_H_
#define MILLRACE_BASE_CONFIG_READER_H_

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace millrace {

// The problems, in the order they were found.
class ConfigProblems {
 public:
  void Add(std::string_view where, std::string_view what);
  bool empty() const { return problems_.empty(); }
  size_t size() const { return problems_.size(); }
  // InvalidArgument with one problem a line, or ok if there are none. `path` names the file;
  // empty: the problems name theirs.
  absl::Status ToStatus(std::string_view path) const;

 private:
  std::vector<std::string> problems_;
};

// Parses `text`, in which // and /* */ comments are allowed. InvalidArgument, with `path` and, if
// possible, line and column, if it is not JSON, is above 4 MB, is nested too deep, or has a key
// twice in an object.
absl::StatusOr<nlohmann::json> ParseConfigText(std::string_view text, std::string_view path);

// The members of one JSON object. A member of the wrong type is a problem, and counts as absent.
class ConfigObject {
 public:
  // `object` and `problems` must outlive the reader. If `object` is not an object, that is a
  // problem, and it counts as empty.
  ConfigObject(const nlohmann::json& object, std::string where, ConfigProblems& problems);

  bool Has(std::string_view key);
  // Of any type; null if absent.
  const nlohmann::json* Member(std::string_view key) { return Find(key); }
  std::optional<std::string> Text(std::string_view key);
  bool Flag(std::string_view key);  // false if absent
  const nlohmann::json* Array(std::string_view key);
  // An array of non-empty strings; an empty array is also a problem, unless `may_be_empty`.
  std::vector<std::string> Texts(std::string_view key, bool may_be_empty = false);

  // The index of the string at `key` among `words`; nullopt if absent. Other strings are problems.
  std::optional<size_t> Word(std::string_view key, const std::vector<std::string_view>& words);

  // Adds the problem `what` with the member `key`.
  void Problem(std::string_view key, std::string_view what);
  // Members that were never read are problems: call it last.
  void RejectUnknownKeys();

  const std::string& where() const { return where_; }
  ConfigProblems& problems() { return problems_; }

 private:
  const nlohmann::json* Find(std::string_view key);

  const nlohmann::json& object_;
  const std::string where_;
  ConfigProblems& problems_;
  std::vector<std::string> known_;
};

}  // namespace millrace

#endif  // MILLRACE_BASE_CONFIG_READER_H_
