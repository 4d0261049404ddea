#include "base/config_reader.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/nearest_name.h"
#include "base/strings.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxConfigBytes = 4 << 20;
constexpr int kMaxConfigDepth = 16;
constexpr size_t kMaxProblems = 50;

// Receives the parse events; keeps the first problem beyond syntax.
class StructureCheck {
 public:
  bool OnEvent(int depth, Json::parse_event_t event, const Json& parsed) {
    if (depth > kMaxConfigDepth && wrong_.empty()) {
      wrong_ = StrCat("is nested deeper than ", kMaxConfigDepth, " levels");
    }
    if (event == Json::parse_event_t::object_start) keys_.emplace_back();
    if (event == Json::parse_event_t::object_end) keys_.pop_back();
    if (event == Json::parse_event_t::key) {
      const std::string& key = parsed.get_ref<const std::string&>();
      if (!keys_.back().insert(key).second && wrong_.empty()) {
        wrong_ = StrCat("has the key \"", Shorten(key, 60), "\" twice in one object; remove one");
      }
    }
    return depth <= kMaxConfigDepth;
  }

  const std::string& wrong() const { return wrong_; }

 private:
  std::vector<std::set<std::string>> keys_;  // one set per open object
  std::string wrong_;
};

std::string_view TypeName(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return "null";
    case Json::value_t::object:
      return "an object";
    case Json::value_t::array:
      return "a list";
    case Json::value_t::string:
      return "a string";
    case Json::value_t::boolean:
      return "true or false";
    default:
      return "a number";
  }
}

}  // namespace

void ConfigProblems::Add(std::string_view where, std::string_view what) {
  problems_.push_back(where.empty() ? std::string(what) : StrCat(where, ": ", what));
}

absl::Status ConfigProblems::ToStatus(std::string_view path) const {
  if (problems_.empty()) return absl::OkStatus();
  const std::string prefix = path.empty() ? "" : StrCat(path, ": ");
  if (problems_.size() == 1) return absl::InvalidArgumentError(prefix + problems_.front());
  std::string message = StrCat(prefix, problems_.size(), " problems:");
  const size_t shown = std::min(problems_.size(), kMaxProblems);
  for (size_t i = 0; i < shown; ++i) StrAppend(&message, "\n  ", problems_[i]);
  if (shown < problems_.size()) {
    StrAppend(&message, "\n  and ", problems_.size() - shown, " more");
  }
  return absl::InvalidArgumentError(message);
}

absl::StatusOr<nlohmann::json> ParseConfigText(std::string_view text, std::string_view path) {
  const auto refuse = [path](std::string_view why) {
    return absl::InvalidArgumentError(StrCat(path, ": ", why));
  };
  if (text.size() > kMaxConfigBytes) {
    return refuse(
        StrCat("is larger than ", kMaxConfigBytes >> 20, " MB; split it into several files"));
  }
  StructureCheck check;
  try {
    Json json = Json::parse(
        text.begin(), text.end(),
        [&](int depth, Json::parse_event_t event, Json& parsed) {
          return check.OnEvent(depth, event, parsed);
        },
        /*allow_exceptions=*/true, /*ignore_comments=*/true);
    if (!check.wrong().empty()) return refuse(check.wrong());
    return json;
  } catch (const Json::exception& error) {
    const std::string_view message = error.what();  // "[json.exception.parse_error.101] ..."
    const size_t bracket = message.find("] ");
    const std::string_view plain =
        bracket == std::string_view::npos ? message : message.substr(bracket + 2);
    return refuse(StrCat("is not JSON: ", Shorten(plain, 300)));
  }
}

ConfigObject::ConfigObject(const Json& object, std::string where, ConfigProblems& problems)
    : object_(object), where_(std::move(where)), problems_(problems) {
  if (!object.is_object()) {
    problems_.Add(where_, StrCat("is ", TypeName(object), "; write an object { ... }"));
  }
}

const Json* ConfigObject::Find(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  if (!object_.is_object()) return nullptr;
  const auto found = object_.find(std::string(key));
  return found == object_.end() ? nullptr : &*found;
}

bool ConfigObject::Has(std::string_view key) { return Find(key) != nullptr; }

std::optional<std::string> ConfigObject::Text(std::string_view key) {
  const Json* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return value->get<std::string>();
  Problem(key, StrCat("is ", TypeName(*value), "; write a string in quotes"));
  return std::nullopt;
}

bool ConfigObject::Flag(std::string_view key) {
  const Json* value = Find(key);
  if (value == nullptr) return false;
  if (value->is_boolean()) return value->get<bool>();
  Problem(key, StrCat("is ", TypeName(*value), "; write true or false (without quotes)"));
  return false;
}

const Json* ConfigObject::Array(std::string_view key) {
  const Json* value = Find(key);
  if (value == nullptr || value->is_array()) return value;
  Problem(key, StrCat("is ", TypeName(*value), "; write a list [ ... ]"));
  return nullptr;
}

std::vector<std::string> ConfigObject::Texts(std::string_view key, bool may_be_empty) {
  std::vector<std::string> texts;
  const Json* array = Array(key);
  if (array == nullptr) return texts;
  for (const Json& element : *array) {
    if (element.is_string() && !element.get_ref<const std::string&>().empty()) {
      texts.push_back(element.get<std::string>());
    } else {
      Problem(key, "has an item that is not a non-empty string in quotes");
    }
  }
  if (array->empty() && !may_be_empty)
    Problem(key, "is an empty list; add an item or leave the key out");
  return texts;
}

std::optional<size_t> ConfigObject::Word(std::string_view key,
                                         const std::vector<std::string_view>& words) {
  const std::optional<std::string> text = Text(key);
  if (!text) return std::nullopt;
  const auto found = std::find(words.begin(), words.end(), *text);
  if (found != words.end()) return static_cast<size_t>(found - words.begin());
  Problem(key, StrCat("\"", Shorten(*text, 60), "\" is not known", Suggestion(*text, words)));
  return std::nullopt;
}

void ConfigObject::Problem(std::string_view key, std::string_view what) {
  problems_.Add(where_, StrCat(key, ": ", what));
}

void ConfigObject::RejectUnknownKeys() {
  if (!object_.is_object()) return;
  const std::vector<std::string_view> known(known_.begin(), known_.end());
  for (const auto& [key, value] : object_.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    problems_.Add(where_, StrCat("unknown key \"", Shorten(key, 60), "\"", Suggestion(key, known)));
  }
}

}  // namespace millrace
