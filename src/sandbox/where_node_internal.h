// The tree of an expression.
#ifndef MILLRACE_SANDBOX_WHERE_NODE_INTERNAL_H_
#define MILLRACE_SANDBOX_WHERE_NODE_INTERNAL_H_

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sandbox/where_expression.h"

namespace millrace::sandbox {

enum class WhereOp {
  kLiteral,  // value
  kList,     // of the operands
  kName,     // text, of `of`
  kElement,  // text: a name that any() gave
  kNegate,
  kNot,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kRemainder,
  kEqual,
  kNotEqual,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kIn,
  kAnd,
  kOr,
  kDefined,
  kFloor,
  kRound,
  kCeil,
  kString,
  kNumber,
  kBoolean,
  kDatetime,
  kHasPrefix,
  kHasSuffix,
  kAny,  // text: the name; operands: the list and the expression
};

struct WhereExpression::Node {
  WhereOp op = WhereOp::kLiteral;
  nlohmann::json value;
  std::string text;
  ValuesOf of = ValuesOf::kProperties;
  std::vector<std::unique_ptr<const Node>> operands;
};

// InvalidArgument, with the position.
absl::StatusOr<std::unique_ptr<WhereExpression::Node>> ParseWhere(std::string_view text);

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_WHERE_NODE_INTERNAL_H_
