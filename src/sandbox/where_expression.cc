#include "sandbox/where_expression.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/time/civil_time.h"
#include "base/json_writer.h"
#include "base/status.h"
#include "base/strings.h"
#include "sandbox/where_node_internal.h"

namespace millrace::sandbox {
namespace {

using Json = nlohmann::json;
using Node = WhereExpression::Node;

bool IsDefined(const Json& value) { return !value.is_discarded(); }

// Numbers of all kinds have one type.
bool IsSameType(const Json& a, const Json& b) {
  return (a.is_number() && b.is_number()) || a.type() == b.type();
}

bool IsEqual(const Json& a, const Json& b) {
  if (!IsSameType(a, b)) return false;
  return !IsDefined(a) || a == b;
}

Json Truth(bool value) { return value; }

Json Finite(double value) {
  return std::isfinite(value) ? Json(value) : WhereExpression::Undefined();
}

Json Arithmetic(WhereOp op, const Json& a, const Json& b) {
  if (op == WhereOp::kAdd && a.is_string() && b.is_string()) {
    return a.get<std::string>() + b.get<std::string>();
  }
  if (!a.is_number() || !b.is_number()) return WhereExpression::Undefined();
  const double x = a.get<double>();
  const double y = b.get<double>();
  switch (op) {
    case WhereOp::kAdd:
      return Finite(x + y);
    case WhereOp::kSubtract:
      return Finite(x - y);
    case WhereOp::kMultiply:
      return Finite(x * y);
    case WhereOp::kDivide:
      return Finite(x / y);
    default:
      return Finite(std::fmod(x, y));
  }
}

Json Order(WhereOp op, const Json& a, const Json& b) {
  const bool comparable = (a.is_number() && b.is_number()) || (a.is_string() && b.is_string());
  if (!comparable) return WhereExpression::Undefined();
  switch (op) {
    case WhereOp::kLess:
      return Truth(a < b);
    case WhereOp::kLessOrEqual:
      return Truth(a <= b);
    case WhereOp::kGreater:
      return Truth(a > b);
    default:
      return Truth(a >= b);
  }
}

Json In(const Json& a, const Json& b) {
  if (b.is_array()) {
    return Truth(std::any_of(b.begin(), b.end(), [&](const Json& e) { return IsEqual(a, e); }));
  }
  if (!a.is_string() || !b.is_string()) return WhereExpression::Undefined();
  return Truth(b.get_ref<const std::string&>().find(a.get_ref<const std::string&>()) !=
               std::string::npos);
}

Json Affix(WhereOp op, const Json& a, const Json& b) {
  if (!a.is_string() || !b.is_string()) return WhereExpression::Undefined();
  const auto& text = a.get_ref<const std::string&>();
  const auto& part = b.get_ref<const std::string&>();
  return Truth(op == WhereOp::kHasPrefix ? text.starts_with(part) : text.ends_with(part));
}

Json ToText(const Json& value) {
  if (value.is_string() || value.is_null() || !IsDefined(value)) return value;
  if (value.is_number_float()) {
    ByteBuffer digits;  // 12, not 12.0
    AppendJsonDouble(digits, value.get<double>());
    return std::string(digits.view());
  }
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json ToNumber(const Json& value) {
  if (value.is_number()) return value;
  if (value.is_boolean()) return value.get<bool>() ? 1.0 : 0.0;
  double number = 0;
  if (value.is_string() && absl::SimpleAtod(value.get<std::string>(), &number)) {
    return Finite(number);
  }
  return WhereExpression::Undefined();
}

Json ToBoolean(const Json& value) {
  if (value.is_boolean()) return value;
  if (value.is_number()) return Truth(value.get<double>() != 0);
  if (value.is_string()) return Truth(!value.get<std::string>().empty() && value != "false");
  return Truth(value.is_structured());
}

Json ToDatetime(const Json& value) {
  if (value.is_number()) return value;
  absl::CivilSecond second;
  if (!value.is_string() || !absl::ParseLenientCivilTime(value.get<std::string>(), &second)) {
    return WhereExpression::Undefined();
  }
  return second - absl::CivilSecond(1970, 1, 1);
}

Json Rounded(WhereOp op, const Json& value) {
  if (!value.is_number()) return WhereExpression::Undefined();
  const double number = value.get<double>();
  if (op == WhereOp::kFloor) return std::floor(number);
  return op == WhereOp::kCeil ? std::ceil(number) : std::round(number);
}

Json Unary(WhereOp op, const Json& value) {
  switch (op) {
    case WhereOp::kNegate:
      return value.is_number() ? Json(-value.get<double>()) : WhereExpression::Undefined();
    case WhereOp::kNot:
      if (!IsDefined(value)) return true;
      return value.is_boolean() ? Json(!value.get<bool>()) : WhereExpression::Undefined();
    case WhereOp::kDefined:
      return Truth(IsDefined(value));
    case WhereOp::kString:
      return ToText(value);
    case WhereOp::kNumber:
      return ToNumber(value);
    case WhereOp::kBoolean:
      return ToBoolean(value);
    case WhereOp::kDatetime:
      return ToDatetime(value);
    default:
      return Rounded(op, value);
  }
}

Json Binary(WhereOp op, const Json& a, const Json& b) {
  switch (op) {
    case WhereOp::kEqual:
      return Truth(IsEqual(a, b));
    case WhereOp::kNotEqual:
      return Truth(!IsEqual(a, b));
    case WhereOp::kLess:
    case WhereOp::kLessOrEqual:
    case WhereOp::kGreater:
    case WhereOp::kGreaterOrEqual:
      return Order(op, a, b);
    case WhereOp::kIn:
      return In(a, b);
    case WhereOp::kHasPrefix:
    case WhereOp::kHasSuffix:
      return Affix(op, a, b);
    default:
      return Arithmetic(op, a, b);
  }
}

class Evaluator {
 public:
  explicit Evaluator(WhereExpression::Lookup lookup) : lookup_(lookup) {}

  absl::StatusOr<Json> Value(const Node& node) {
    switch (node.op) {
      case WhereOp::kLiteral:
        return node.value;
      case WhereOp::kName:
        return lookup_(node.of, node.text);
      case WhereOp::kElement:
        return Element(node.text);
      case WhereOp::kList:
        return List(node);
      case WhereOp::kAnd:
      case WhereOp::kOr:
        return Logical(node);
      case WhereOp::kAny:
        return Any(node);
      default:
        break;
    }
    ASSIGN_OR_RETURN(const Json a, Value(*node.operands[0]));
    if (node.operands.size() == 1) return Unary(node.op, a);
    ASSIGN_OR_RETURN(const Json b, Value(*node.operands[1]));
    return Binary(node.op, a, b);
  }

 private:
  Json Element(std::string_view name) const {
    for (auto at = elements_.rbegin(); at != elements_.rend(); ++at) {
      if (at->first == name) return *at->second;
    }
    return WhereExpression::Undefined();
  }

  absl::StatusOr<Json> List(const Node& node) {
    Json list = Json::array();
    for (const auto& operand : node.operands) {
      ASSIGN_OR_RETURN(Json element, Value(*operand));
      if (IsDefined(element)) list.push_back(std::move(element));
    }
    return list;
  }

  absl::StatusOr<Json> Logical(const Node& node) {
    bool value = false;
    for (const auto& operand : node.operands) {
      ASSIGN_OR_RETURN(const Json side, Value(*operand));
      if (IsDefined(side) && !side.is_boolean()) {
        return absl::InvalidArgumentError(StrCat("invalid expression: an operand of ",
                                                 node.op == WhereOp::kAnd ? "and" : "or", " is a ",
                                                 side.type_name(), ", not a boolean"));
      }
      value = IsDefined(side) && side.get<bool>();
      if (value == (node.op == WhereOp::kOr)) break;
    }
    return value;
  }

  absl::StatusOr<Json> Any(const Node& node) {
    ASSIGN_OR_RETURN(const Json list, Value(*node.operands[0]));
    if (!list.is_array()) return WhereExpression::Undefined();
    for (const Json& element : list) {
      elements_.emplace_back(node.text, &element);
      const absl::StatusOr<Json> found = Value(*node.operands[1]);
      elements_.pop_back();
      if (!found.ok()) return found;
      if (*found == true) return true;
    }
    return false;
  }

  const WhereExpression::Lookup lookup_;
  std::vector<std::pair<std::string_view, const Json*>> elements_;
};

}  // namespace

absl::StatusOr<WhereExpression> WhereExpression::Parse(std::string_view text) {
  ASSIGN_OR_RETURN(std::unique_ptr<Node> root, ParseWhere(text));
  return WhereExpression(std::move(root));
}

Json WhereExpression::Undefined() { return Json(Json::value_t::discarded); }

absl::StatusOr<Json> WhereExpression::Evaluate(Lookup lookup) const {
  return Evaluator(lookup).Value(*root_);
}

absl::StatusOr<bool> WhereExpression::IsTrue(Lookup lookup) const {
  ASSIGN_OR_RETURN(const Json value, Evaluate(lookup));
  return value.is_boolean() && value.get<bool>();
}

}  // namespace millrace::sandbox
