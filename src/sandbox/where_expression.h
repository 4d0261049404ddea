// Mixpanel's segmentation expressions (mixpanel.com: segmentation expressions): the `where` of
// exports and queries, and the selectors of JQL.
//
//   properties["x"], user["x"], event["$time"]      values of the record
//   "text" 'text' 12.5 true false [1, "a"]          literals
//   - not * / % + - in == != < <= > >= and or       from the strongest to the weakest, except that
//                                                   `not` is weaker than comparisons
//   defined(X) floor(X) round(X) ceil(X) string(X) number(X) boolean(X)
//   datetime(X)             seconds since 1970, of "YYYY-MM-DD", "YYYY-MM-DDThh:mm:ss" or a number
//   has_prefix(X, Y) has_suffix(X, Y)               of texts
//   any(NAME, LIST, X)                              whether X is true for an element, called NAME
//
// Values are texts, numbers, booleans, null, lists, objects and undefined. Types are not converted:
//   - * / % need numbers, + two numbers or two texts, an order two numbers or two texts, `in` two
//     texts (a part of the other) or a list on the right; else the result is undefined.
//   == is false for different types; != is its opposite.
//   `and` and `or` take undefined as false and fail for other values that are not booleans.
//   `not` of undefined is true, and of other values that are not booleans undefined.
//   Division by zero and a cast that fails are undefined. boolean() is false for "", "false", 0,
//   null and undefined.
#ifndef MILLRACE_SANDBOX_WHERE_EXPRESSION_H_
#define MILLRACE_SANDBOX_WHERE_EXPRESSION_H_

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

namespace millrace::sandbox {

enum class ValuesOf { kProperties, kUser, kEvent };

// Immutable; copies share it.
class WhereExpression {
 public:
  // At most 16 KiB, nested at most 64 levels. InvalidArgument, with the position, if it is not an
  // expression.
  static absl::StatusOr<WhereExpression> Parse(std::string_view text);

  // The value of that name, or Undefined().
  using Lookup = absl::FunctionRef<nlohmann::json(ValuesOf, std::string_view name)>;
  static nlohmann::json Undefined();

  // Whether the value is `true`. InvalidArgument: `and` or `or` of a wrong type.
  absl::StatusOr<bool> IsTrue(Lookup lookup) const;
  // InvalidArgument as above.
  absl::StatusOr<nlohmann::json> Evaluate(Lookup lookup) const;

  struct Node;

 private:
  explicit WhereExpression(std::shared_ptr<const Node> root) : root_(std::move(root)) {}
  std::shared_ptr<const Node> root_;
};

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_WHERE_EXPRESSION_H_
