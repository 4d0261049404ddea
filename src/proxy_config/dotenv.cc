#include "proxy_config/dotenv.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "base/strings.h"

namespace millrace::proxy_config {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;
constexpr size_t kMaxNameBytes = 256;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool IsBlank(char c) { return c == ' ' || c == '\t'; }
bool IsLineEnd(char c) { return c == '\n' || c == '\r'; }
bool IsNameCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '-';
}

class DotenvParser {
 public:
  DotenvParser(std::string_view text, std::string_view path, ConfigProblems& problems,
               std::vector<std::string>& warnings)
      : rest_(text), path_(path), problems_(problems), warnings_(warnings) {}

  std::vector<DotenvVariable> Parse() {
    if (rest_.starts_with(kByteOrderMark)) rest_.remove_prefix(kByteOrderMark.size());
    while (!rest_.empty()) ParseLine();
    return std::move(variables_);
  }

 private:
  char Peek() const { return rest_.empty() ? '\n' : rest_.front(); }
  void Take(size_t bytes) {
    line_ += static_cast<size_t>(std::count(rest_.begin(), rest_.begin() + bytes, '\n'));
    rest_.remove_prefix(bytes);
  }
  void SkipBlanks() {
    while (!rest_.empty() && IsBlank(rest_.front())) rest_.remove_prefix(1);
  }
  void SkipLine() { Take(std::min(rest_.find('\n'), rest_.size() - 1) + 1); }
  void Refuse(size_t line, std::string_view what) {
    problems_.Add(StrCat(path_, ": line ", line), what);
  }

  void ParseLine() {
    const size_t line = line_;
    SkipBlanks();
    if (Peek() == '#' || IsLineEnd(Peek())) {
      if (!rest_.empty()) SkipLine();
      return;
    }
    std::string_view name = TakeName();
    if (name == "export" && IsBlank(Peek())) {
      SkipBlanks();
      name = TakeName();
    }
    SkipBlanks();
    const bool is_name =
        !name.empty() && name.size() <= kMaxNameBytes &&
        (absl::ascii_isalpha(static_cast<unsigned char>(name[0])) || name[0] == '_');
    if (!is_name || Peek() != '=') {
      Refuse(line, "is no variable; write NAME=value, NAME=\"value\" or # comment");
      if (!rest_.empty()) SkipLine();
      return;
    }
    rest_.remove_prefix(1);
    SkipBlanks();
    const char quote = Peek();
    const bool is_quoted = quote == '"' || quote == '\'' || quote == '`';
    std::optional<std::string> value = is_quoted ? TakeQuoted(quote) : TakePlain();
    if (!value) {
      Refuse(line, StrCat(name, ": its quote is not closed; write ", std::string(1, quote),
                          " at the end of the value"));
      rest_ = {};
      return;
    }
    if (value->find('\0') != std::string::npos) {
      Refuse(line, StrCat(name, ": has a zero byte, which no variable can have"));
      return;
    }
    const auto [first, is_new] =
        lines_.emplace(absl::AsciiStrToLower(ToAbsl(name)), std::pair(std::string(name), line));
    if (!is_new) {
      warnings_.push_back(StrCat(path_, ": line ", line, ": ", name, " is set in line ",
                                 first->second.second, " too, as ", first->second.first,
                                 ": the last value counts"));
    }
    variables_.push_back({std::string(name), *std::move(value)});
    SkipBlanks();
    if (Peek() != '#' && !IsLineEnd(Peek())) {
      Refuse(line, StrCat(name, ": has text after the closing quote; quote all of the value"));
    }
    if (!rest_.empty()) SkipLine();
  }

  std::string_view TakeName() {
    size_t end = 0;
    while (end < rest_.size() && IsNameCharacter(rest_[end])) ++end;
    const std::string_view name = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return name;
  }

  std::string TakePlain() {
    const size_t end = std::min(rest_.find_first_of("#\r\n"), rest_.size());
    const std::string_view value = TrimBlanks(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return std::string(value);
  }

  std::optional<std::string> TakeQuoted(char quote) {
    std::string value;
    for (size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == quote) {
        Take(i + 1);
        return value;
      }
      if (rest_[i] == '\r' && i + 1 < rest_.size() && rest_[i + 1] == '\n') continue;
      if (quote == '"' && rest_[i] == '\\' && i + 1 < rest_.size()) {
        value += Unescape(rest_[++i]);
      } else {
        value += rest_[i];
      }
    }
    return std::nullopt;
  }

  static std::string Unescape(char c) {
    if (c == 'n') return "\n";
    if (c == 'r') return "\r";
    if (c == 't') return "\t";
    if (c == '"' || c == '\\') return {c};
    return {'\\', c};
  }

  std::string_view rest_;
  const std::string_view path_;
  ConfigProblems& problems_;
  std::vector<std::string>& warnings_;
  std::map<std::string, std::pair<std::string, size_t>> lines_;  // by name in lower case
  size_t line_ = 1;
  std::vector<DotenvVariable> variables_;
};

}  // namespace

std::vector<DotenvVariable> ParseDotenv(std::string_view text, std::string_view path,
                                        ConfigProblems& problems,
                                        std::vector<std::string>& warnings) {
  if (text.size() > kMaxFileBytes) {
    problems.Add(path, "is larger than 1 MB; is it a file of environment variables?");
    return {};
  }
  return DotenvParser(text, path, problems, warnings).Parse();
}

Environment AddVariables(Environment environment, std::vector<DotenvVariable> variables) {
  std::reverse(variables.begin(), variables.end());
  return [environment = std::move(environment),
          variables = std::move(variables)](std::string_view name) -> std::optional<std::string> {
    if (std::optional<std::string> value = environment(name)) return value;
    for (const DotenvVariable& variable : variables) {
      if (!absl::EqualsIgnoreCase(variable.name, ToAbsl(name))) continue;
      return variable.value.empty() ? std::nullopt : std::optional(variable.value);
    }
    return std::nullopt;
  };
}

}  // namespace millrace::proxy_config
