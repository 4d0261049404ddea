#include "connectors/mixpanel/json_array_rows.h"

#include <gmock/gmock.h>

#include <vector>

#include "base/status.h"
#include "base/strings.h"

namespace millrace::mixpanel {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// The rows of a body that arrives in pieces of `size` bytes.
absl::StatusOr<std::vector<std::string>> Split(std::string_view body, size_t size = 1000,
                                               size_t max = 100) {
  std::vector<std::string> rows;
  JsonArrayRows split(
      [&](std::string_view row) {
        rows.emplace_back(row);
        return absl::OkStatus();
      },
      max);
  for (; !body.empty(); body.remove_prefix(std::min(size, body.size()))) {
    RETURN_IF_ERROR(split.Push(body.substr(0, size)));
  }
  RETURN_IF_ERROR(split.Finish());
  return rows;
}

constexpr std::string_view kBody =
    " [ {\"a\" : [1, {\"b\":\"]},[\\\"\\\\\"}],\n\"c\":\"x y\"},\r\n2 , \"te,xt\", null,[[]]]\n";

TEST(JsonArrayRowsTest, SplitsAtAnyByte) {
  for (size_t size = 1; size <= kBody.size(); ++size) {
    EXPECT_THAT(*Split(kBody, size), ElementsAre(R"({"a":[1,{"b":"]},[\"\\"}],"c":"x y"})", "2",
                                                 "\"te,xt\"", "null", "[[]]"));
  }
  EXPECT_THAT(*Split("[]"), IsEmpty());
}

TEST(JsonArrayRowsTest, NoticesEveryCut) {
  for (size_t size = 0; size + 2 < kBody.size(); ++size) {
    EXPECT_TRUE(absl::IsUnavailable(Split(kBody.substr(0, size)).status())) << size;
  }
}

TEST(JsonArrayRowsTest, RefusesWhatIsNoArray) {
  for (const std::string_view body :
       {"{}", "1", "[1]2", "[,1]", "[1,]", "[1,,2]", "[\"a\nb\"]", "[1}", "[1]]", "<html>"}) {
    EXPECT_TRUE(absl::IsUnavailable(Split(body).status())) << body;
  }
}

TEST(JsonArrayRowsTest, RefusesLongRows) {
  const std::string row(100, '1');
  EXPECT_TRUE(Split(StrCat("[", row, "]")).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(Split(StrCat("[", row, "1]")).status()));
}

}  // namespace
}  // namespace millrace::mixpanel
