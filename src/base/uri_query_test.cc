#include "base/uri_query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/percent_encoding.h"
#include "base/strings.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(UriQueryTest, OptionsAreTakenOnce) {
  auto query = UriQuery::Parse("postgres://h/d?table=a%2Eb&list=x,y&on=true&sslmode=require");
  ASSERT_TRUE(query.ok()) << query.status();
  EXPECT_EQ(query->head(), "postgres://h/d");
  EXPECT_EQ(query->Take("table"), "a.b");
  EXPECT_EQ(query->Take("table"), std::nullopt);
  EXPECT_THAT(query->TakeList("list"), ElementsAre("x", "y"));
  EXPECT_THAT(query->TakeList("list"), ElementsAre());
  EXPECT_TRUE(*query->TakeFlag("on"));
  EXPECT_FALSE(*query->TakeFlag("on"));
  EXPECT_EQ(query->Rest(), "?sslmode=require");
  EXPECT_THAT(std::string(query->CheckAllTaken("a and b").message()),
              HasSubstr("unknown option \"sslmode\"; the options are a and b"));
  EXPECT_EQ(query->Take("sslmode"), "require");
  EXPECT_TRUE(query->CheckAllTaken("").ok());
  EXPECT_EQ(query->Rest(), "");
}

TEST(UriQueryTest, WithoutOptions) {
  for (const char* uri : {"mixpanel", "mixpanel?", "null:"}) {
    const auto query = UriQuery::Parse(uri);
    ASSERT_TRUE(query.ok()) << uri;
    EXPECT_TRUE(query->CheckAllTaken("").ok()) << uri;
  }
}

TEST(UriQueryTest, ErrorsNameTheOptionAndNotItsValue) {
  for (const char* query :
       {"?zz", "?secret=%4", "?secret=a%zzb", "?secret=1&secret=2", "?=x", "?a=b#zz"}) {
    const auto parsed = UriQuery::Parse(StrCat("x:", query));
    EXPECT_TRUE(absl::IsInvalidArgument(parsed.status())) << query;
    EXPECT_THAT(std::string(parsed.status().message()), Not(HasSubstr("zz"))) << query;
  }
}

TEST(UriQueryTest, EncodedTextIsReadBack) {
  const std::string text = "a b&c=d?e%f,g/ä";
  auto query = UriQuery::Parse(StrCat("x:?t=", UrlEncode(text)));
  ASSERT_TRUE(query.ok()) << query.status();
  EXPECT_EQ(query->Take("t"), text);
}

}  // namespace
}  // namespace millrace
