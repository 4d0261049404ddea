// Numbers of things, for people.
#ifndef MILLRACE_BASE_PLURALIZE_H_
#define MILLRACE_BASE_PLURALIZE_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace {

// "1,234,567".
std::string WithCommas(uint64_t number);

// "1 row", "0 rows", "1,234 rows". `many` is for irregular plurals: Pluralize(n, "try", "tries"),
// Pluralize(n, "row is", "rows are").
std::string Pluralize(uint64_t number, std::string_view one, std::string_view many = {});

}  // namespace millrace

#endif  // MILLRACE_BASE_PLURALIZE_H_
