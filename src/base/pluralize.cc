#include "base/pluralize.h"

#include "base/strings.h"

namespace millrace {

std::string WithCommas(uint64_t number) {
  std::string digits = std::to_string(number);
  for (size_t place = digits.size(); place > 3; place -= 3) digits.insert(place - 3, 1, ',');
  return digits;
}

std::string Pluralize(uint64_t number, std::string_view one, std::string_view many) {
  if (number == 1) return StrCat("1 ", one);
  return StrCat(WithCommas(number), " ", many.empty() ? one : many, many.empty() ? "s" : "");
}

}  // namespace millrace
