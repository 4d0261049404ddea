#include "cli/flag_value.h"

#include <cstdint>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/strings.h"

namespace millrace::cli {
namespace {

std::string Written(int64_t number) { return std::to_string(number); }
std::string Written(double number) { return absl::StrFormat("%.15g", number); }
std::string Written(absl::Duration duration) { return absl::FormatDuration(duration); }

bool Parse(const std::string& text, int64_t* out) { return absl::SimpleAtoi(text, out); }
bool Parse(const std::string& text, double* out) { return absl::SimpleAtod(text, out); }
// As Abseil, and a number of days: "5d".
bool Parse(const std::string& text, absl::Duration* out) {
  double days;
  if (text.ends_with('d') && absl::SimpleAtod(text.substr(0, text.size() - 1), &days)) {
    *out = days * absl::Hours(24);
    return true;
  }
  return absl::ParseDuration(text, out);
}

struct Assigner {
  const Flag& flag;
  const std::string& text;

  std::string Invalid() const {
    return flag.secret ? "its value is not valid"
                       : StrCat("'", text, "' is not a valid ", flag.value);
  }
  std::string operator()(bool* out) const { return absl::SimpleAtob(text, out) ? "" : Invalid(); }
  std::string operator()(std::string* out) const {
    *out = text;
    return "";
  }
  std::string operator()(std::vector<std::string>* out) const {
    *out = absl::StrSplit(text, ',', absl::SkipEmpty());
    return "";
  }
  template <typename Number>
  std::string operator()(const Ranged<Number>& range) const {
    Number number;
    if (!Parse(text, &number)) return Invalid();
    if (!(number >= range.min && number <= range.max)) {
      return StrCat(text, " is out of range: give ", RangeOf(range));
    }
    *range.target = number;
    return "";
  }
};

struct Writer {
  std::string operator()(const bool* yes) const { return *yes ? "true" : "false"; }
  std::string operator()(const std::string* text) const { return *text; }
  std::string operator()(const std::vector<std::string>* list) const {
    return absl::StrJoin(*list, ",");
  }
  template <typename Number>
  std::string operator()(const Ranged<Number>& range) const {
    const Number number = *range.target;
    return number >= range.min && number <= range.max ? Written(number) : "";
  }
};

}  // namespace

std::string SetFlag(const Flag& flag, const std::string& text) {
  return std::visit(Assigner{flag, text}, flag.target);
}

std::string ValueOf(const Flag& flag) { return std::visit(Writer{}, flag.target); }

bool IsList(const Flag& flag) {
  return std::holds_alternative<std::vector<std::string>*>(flag.target);
}

bool IsText(const Flag& flag) {
  return !std::holds_alternative<bool*>(flag.target) &&
         !std::holds_alternative<Ranged<int64_t>>(flag.target) &&
         !std::holds_alternative<Ranged<double>>(flag.target);
}

std::string RangeOf(const FlagTarget& target) {
  struct Visitor {
    std::string operator()(const bool*) const { return ""; }
    std::string operator()(const std::string*) const { return ""; }
    std::string operator()(const std::vector<std::string>*) const { return ""; }
    std::string operator()(const Ranged<absl::Duration>& range) const {
      if (range.max == absl::InfiniteDuration()) return StrCat("at least ", Written(range.min));
      return StrCat(Written(range.min), " to ", Written(range.max));
    }
    std::string operator()(const Ranged<int64_t>& range) const {
      if (range.max == INT64_MAX) return StrCat("at least ", range.min);
      return StrCat(range.min, " to ", range.max);
    }
    std::string operator()(const Ranged<double>& range) const {
      return StrCat(Written(range.min), " to ", Written(range.max));
    }
  };
  return std::visit(Visitor{}, target);
}

}  // namespace millrace::cli
