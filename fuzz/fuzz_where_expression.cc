// Segmentation expressions: any text is one or is rejected; its value is the same each time; X and
// `not (X)` are never both true, and `(X)` is X.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/strings.h"
#include "require.h"
#include "sandbox/where_expression.h"

namespace millrace::sandbox {
namespace {

using Json = nlohmann::json;

// Properties of every type, whatever their names are.
Json ValueOf(ValuesOf of, std::string_view name) {
  static const Json kValues = Json::parse(
      R"([1, -2.5, 9007199254740993, "text", "12", "2023-11-14T00:00:00", "", true, false, null,
          [1, "a", [true]], {"a": 1}])");
  const size_t index = (name.size() + static_cast<size_t>(of)) % (kValues.size() + 1);
  return index == kValues.size() ? WhereExpression::Undefined() : kValues[index];
}

std::string Show(const absl::StatusOr<Json>& value) {
  if (!value.ok()) return std::string(value.status().message());
  if (value->is_discarded()) return "undefined";
  return value->dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool IsTrue(const WhereExpression& expression) {
  const absl::StatusOr<bool> is_true = expression.IsTrue(ValueOf);
  return is_true.ok() && *is_true;
}

}  // namespace
}  // namespace millrace::sandbox

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  using namespace millrace::sandbox;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<WhereExpression> parsed = WhereExpression::Parse(text);
  if (!parsed.ok()) {
    Require(absl::IsInvalidArgument(parsed.status()));
    return 0;
  }
  const std::string value = Show(parsed->Evaluate(ValueOf));
  Require(value == Show(parsed->Evaluate(ValueOf)));
  const absl::StatusOr<WhereExpression> same = WhereExpression::Parse(StrCat("(", text, ")"));
  // One level more may be too deep, and two characters more too long.
  if (same.ok()) Require(Show(same->Evaluate(ValueOf)) == value);
  const absl::StatusOr<WhereExpression> negated =
      WhereExpression::Parse(StrCat("not (", text, ")"));
  if (negated.ok()) Require(!(IsTrue(*parsed) && IsTrue(*negated)));
  return 0;
}
