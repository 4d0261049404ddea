#include "plan/cost_estimate.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/numbers.h"
#include "base/strings.h"

namespace millrace {
namespace {

double AmountOf(const Amounts& amounts, const BilledUnit& unit) {
  switch (unit.by) {
    case BilledBy::kRecords:
      return amounts.events / unit.size;
    case BilledBy::kBytes:
      return (unit.min_record_bytes > 0 ? amounts.padded_bytes : amounts.bytes) / unit.size;
    case BilledBy::kGzipBytes:
      return amounts.gzip_bytes / unit.size;
    case BilledBy::kRequests:
      return std::ceil(amounts.requests) / unit.size;
  }
  return 0;
}

}  // namespace

absl::StatusOr<Prices> ParsePrices(const std::vector<std::string>& texts) {
  Prices prices;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    double price = 0;
    if (equals == std::string::npos || equals == 0 ||
        !absl::SimpleAtod(text.substr(equals + 1), &price) || !std::isfinite(price) || price < 0) {
      return absl::InvalidArgumentError(
          StrCat("--price ", text, ": write NAME=DOLLARS, such as bigquery_write=0.025"));
    }
    if (!prices.emplace(text.substr(0, equals), price).second) {
      return absl::InvalidArgumentError(
          StrCat("--price ", text.substr(0, equals), " is given twice"));
    }
  }
  return prices;
}

absl::StatusOr<std::vector<CostLine>> EstimateCosts(const Amounts& amounts,
                                                    const std::vector<BilledUnit>& units,
                                                    const Prices& prices) {
  std::string known;
  std::vector<CostLine> lines;
  for (const BilledUnit& unit : units) {
    StrAppend(&known, known.empty() ? "" : ", ", unit.name);
    const auto given = prices.find(unit.name);
    lines.push_back({.name = std::string(unit.name),
                     .unit = std::string(unit.unit),
                     .amount = AmountOf(amounts, unit),
                     .price = given == prices.end() ? unit.price : given->second,
                     .price_given = given != prices.end(),
                     .assumes = std::string(unit.assumes)});
  }
  for (const auto& [name, price] : prices) {
    if (std::any_of(lines.begin(), lines.end(),
                    [&name = name](const CostLine& line) { return line.name == name; })) {
      continue;
    }
    return absl::InvalidArgumentError(
        StrCat("--price ", name, ": this destination has no such price; ",
               known.empty() ? "it has none" : StrCat("it has ", known)));
  }
  return lines;
}

}  // namespace millrace
