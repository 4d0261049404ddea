// "Did you mean ...?"
#ifndef MILLRACE_BASE_NEAREST_NAME_H_
#define MILLRACE_BASE_NEAREST_NAME_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/types/span.h"

namespace millrace {

// How many letters have to be added, removed or replaced to make `b` of `a`, ignoring case.
size_t EditDistance(std::string_view a, std::string_view b);

// The name that `typed` was probably meant to be: the one with the fewest edits (a letter added,
// removed or replaced, ignoring case), if these are few for its length. Empty if none is near.
std::string_view NearestName(std::string_view typed, absl::Span<const std::string_view> names);

// "; did you mean \"x\"?" or, if none is near, "; write one of a, b, c".
std::string Suggestion(std::string_view typed, absl::Span<const std::string_view> names);

}  // namespace millrace

#endif  // MILLRACE_BASE_NEAREST_NAME_H_
