#include "data_files/path_template.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/time/civil_time.h"
#include "base/strings.h"

namespace millrace::data_files {
namespace {

constexpr int64_t kDay = 24 * 60 * 60;
// Months and years have no fixed length: these say which of them is meant.
constexpr int64_t kMonth = 28 * kDay, kYear = 365 * kDay;
constexpr char kNull[] = "__HIVE_DEFAULT_PARTITION__";
constexpr char kNullFolder[] = "no_time";  // readers skip folders that begin with '_'

absl::Status Invalid(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(StrCat("path=", text, ": ", why));
}

// The largest multiple of `unit` up to `value`.
int64_t FloorTo(int64_t value, int64_t unit) {
  const int64_t rest = value % unit;
  return value - (rest < 0 ? rest + unit : rest);
}

// Takes `digits` digits from the front of `text`.
bool TakeNumber(std::string_view& text, size_t digits, int64_t& number) {
  if (text.size() < digits) return false;
  number = 0;
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return false;
    number = 10 * number + (c - '0');
  }
  text.remove_prefix(digits);
  return true;
}

bool TakeText(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

}  // namespace

absl::StatusOr<PathTemplate> PathTemplate::Parse(std::string_view text) {
  struct Name {
    std::string_view name;
    Token token;
    int64_t unit;
  };
  constexpr std::array<Name, 7> kNames = {{{"date", Token::kDate, kDay},
                                           {"year", Token::kYear, kYear},
                                           {"month", Token::kMonth, kMonth},
                                           {"day", Token::kDay, kDay},
                                           {"hour", Token::kHour, 60 * 60},
                                           {"minute", Token::kMinute, 60},
                                           {"second", Token::kSecond, 1}}};
  PathTemplate result;
  result.text_ = text;
  while (text.ends_with('/')) text.remove_suffix(1);
  if (text.empty()) return result;
  for (const absl::string_view part : absl::StrSplit(ToAbsl(text), '/')) {
    if (part.empty() || part == "." || part == ".." || part.front() == '.' || part.front() == '_') {
      return Invalid(text, "a folder is empty, or begins with '.' or '_', which readers skip");
    }
  }
  std::array<bool, 8> has = {};
  for (std::string_view rest = text; !rest.empty();) {
    const size_t open = rest.find_first_of("{}");
    if (open != 0) result.pieces_.push_back({Token::kText, std::string(rest.substr(0, open))});
    if (open == std::string_view::npos) break;
    const size_t close = rest.find('}', open);
    const std::string_view name =
        close == std::string_view::npos ? "" : rest.substr(open + 1, close - open - 1);
    const auto known = std::find_if(kNames.begin(), kNames.end(),
                                    [name](const Name& one) { return one.name == name; });
    if (rest[open] == '}' || known == kNames.end()) {
      return Invalid(text,
                     "it may have {date}, {year}, {month}, {day}, {hour}, {minute} and {second}");
    }
    result.pieces_.push_back({known->token, ""});
    result.unit_ = result.unit_ == 0 ? known->unit : std::min(result.unit_, known->unit);
    has[static_cast<size_t>(known->token)] = true;
    rest.remove_prefix(close + 1);
  }
  const auto has_token = [&](Token token) { return has[static_cast<size_t>(token)]; };
  const bool has_day =
      has_token(Token::kDate) ||
      (has_token(Token::kYear) && has_token(Token::kMonth) && has_token(Token::kDay));
  const bool is_ambiguous = (result.unit_ < kDay && result.unit_ != 0 && !has_day) ||
                            (has_token(Token::kDay) && !has_token(Token::kMonth)) ||
                            (has_token(Token::kMonth) && !has_token(Token::kYear)) ||
                            (has_token(Token::kMinute) && !has_token(Token::kHour)) ||
                            (has_token(Token::kSecond) && !has_token(Token::kMinute));
  if (is_ambiguous) {
    return Invalid(text, "each part of a time needs the larger ones: {hour} needs {date}");
  }
  return result;
}

PathTemplate::Partition PathTemplate::PartitionOf(std::optional<int64_t> micros) const {
  if (unit_ == 0) return 0;
  if (!micros) return kNoTime;
  const int64_t seconds = FloorTo(*micros, 1'000'000) / 1'000'000;
  if (unit_ < kMonth) return FloorTo(seconds, unit_);
  constexpr absl::CivilSecond kEpoch(1970, 1, 1);
  const absl::CivilMonth month(kEpoch + seconds);
  return absl::CivilSecond(unit_ == kYear ? absl::CivilMonth(month.year(), 1) : month) - kEpoch;
}

std::string PathTemplate::FolderOf(Partition partition) const {
  const absl::CivilSecond time =
      absl::CivilSecond(1970, 1, 1) + (partition == kNoTime ? 0 : partition);
  std::string folder;
  for (const Piece& piece : pieces_) {
    if (piece.token != Token::kText && partition == kNoTime) {
      folder += folder.empty() || folder.ends_with('/') ? kNullFolder : kNull;
      continue;
    }
    switch (piece.token) {
      case Token::kText:
        folder += piece.text;
        break;
      case Token::kDate:
        absl::StrAppendFormat(&folder, "%04d-%02d-%02d", time.year(), time.month(), time.day());
        break;
      case Token::kYear:
        absl::StrAppendFormat(&folder, "%04d", time.year());
        break;
      case Token::kMonth:
        absl::StrAppendFormat(&folder, "%02d", time.month());
        break;
      case Token::kDay:
        absl::StrAppendFormat(&folder, "%02d", time.day());
        break;
      case Token::kHour:
        absl::StrAppendFormat(&folder, "%02d", time.hour());
        break;
      case Token::kMinute:
        absl::StrAppendFormat(&folder, "%02d", time.minute());
        break;
      case Token::kSecond:
        absl::StrAppendFormat(&folder, "%02d", time.second());
        break;
    }
  }
  return folder.empty() ? folder : folder + "/";
}

std::optional<PathTemplate::Days> PathTemplate::DaysOf(std::string_view folder) const {
  int64_t year = 0, month = 0, day = 0, ignored = 0;
  bool has_time = false, has_no_time = false;
  for (const Piece& piece : pieces_) {
    if (piece.token == Token::kText) {
      if (!TakeText(folder, piece.text)) return std::nullopt;
      continue;
    }
    has_time = true;
    if (TakeText(folder, kNull) || TakeText(folder, kNullFolder)) {
      has_no_time = true;
      continue;
    }
    const bool is_year = piece.token == Token::kYear || piece.token == Token::kDate;
    int64_t& first = is_year                        ? year
                     : piece.token == Token::kMonth ? month
                     : piece.token == Token::kDay   ? day
                                                    : ignored;
    if (!TakeNumber(folder, is_year ? 4 : 2, first)) return std::nullopt;
    if (piece.token != Token::kDate) continue;
    const bool is_date = TakeText(folder, "-") && TakeNumber(folder, 2, month) &&
                         TakeText(folder, "-") && TakeNumber(folder, 2, day);
    if (!is_date) return std::nullopt;
  }
  if (folder != "/" || !has_time) return std::nullopt;
  if (has_no_time) return Days();
  if (year < 1 || month > 12 || day > 31) return std::nullopt;
  const absl::CivilDay first(year, std::max<int64_t>(month, 1), std::max<int64_t>(day, 1));
  const absl::CivilDay end = day > 0     ? first + 1
                             : month > 0 ? absl::CivilDay(absl::CivilMonth(first) + 1)
                                         : absl::CivilDay(absl::CivilYear(first) + 1);
  constexpr absl::CivilDay kEpoch(1970, 1, 1);
  return Days{.first = first - kEpoch, .last = end - kEpoch - 1};
}

}  // namespace millrace::data_files
