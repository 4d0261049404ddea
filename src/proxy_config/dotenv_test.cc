#include "proxy_config/dotenv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace millrace::proxy_config {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// "NAME=value" of each variable; the problems, if there are any.
std::vector<std::string> Read(std::string_view text) {
  ConfigProblems problems;
  std::vector<std::string> read, warnings;
  for (const DotenvVariable& variable : ParseDotenv(text, ".env", problems, warnings)) {
    read.push_back(StrCat(variable.name, "=", variable.value));
  }
  if (!problems.empty()) read.emplace_back(ToStd(problems.ToStatus("").message()));
  read.insert(read.end(), warnings.begin(), warnings.end());
  return read;
}

TEST(DotenvTest, ReadsNamesAndValues) {
  EXPECT_THAT(Read("A=1\n  B = two words \t\nexport C=3\nexport=4\n_d.e-f=\n"),
              ElementsAre("A=1", "B=two words", "C=3", "export=4", "_d.e-f="));
  EXPECT_THAT(Read("A=1\r\nB=\"x\"\r\n"), ElementsAre("A=1", "B=x"));
  EXPECT_THAT(Read("\xEF\xBB\xBF"
                   "A=1"),
              ElementsAre("A=1"));
  EXPECT_THAT(Read(""), IsEmpty());
  EXPECT_THAT(Read("\n\n  \n# A=1\n  # B=2"), IsEmpty());
}

TEST(DotenvTest, ANameTwiceIsAWarning) {
  EXPECT_THAT(Read("A=1\nB=2\na=3\n"),
              ElementsAre("A=1", "B=2", "a=3",
                          ".env: line 3: a is set in line 1 too, as A: the last value counts"));
}

TEST(DotenvTest, QuotesKeepWhatIsInThem) {
  EXPECT_THAT(Read("A='a # b\\n'\nB=`c \"d\" 'e'`\nC=\" f \" # comment\nD=\"\"\n"),
              ElementsAre("A=a # b\\n", "B=c \"d\" 'e'", "C= f ", "D="));
  EXPECT_THAT(Read("KEY=\"-----BEGIN\\nx\\n-----END\\n\"\nB=1"),
              ElementsAre("KEY=-----BEGIN\nx\n-----END\n", "B=1"));
  EXPECT_THAT(Read("KEY=\"-----BEGIN\nx\r\n-----END\"\nB='2\n3'"),
              ElementsAre("KEY=-----BEGIN\nx\n-----END", "B=2\n3"));
  EXPECT_THAT(Read(R"(A="\"\\\r\t\$\x")"), ElementsAre("A=\"\\\r\t\\$\\x"));
}

TEST(DotenvTest, PlainValuesEndAtAComment) {
  EXPECT_THAT(Read("A=1 # one\nB=2#two\nC=#\nD=a'b\"c\nE=$HOME ${A}\nF=x=y"),
              ElementsAre("A=1", "B=2", "C=", "D=a'b\"c", "E=$HOME ${A}", "F=x=y"));
}

TEST(DotenvTest, NamesAllProblemsAtOnceAndNoValue) {
  EXPECT_THAT(Read("A=1\nhidden\n1B=hidden\nC='hidden' hidden\nD=2\n=hidden\nE=\"hidden\n"),
              ElementsAre("A=1", "C=hidden", "D=2",
                          AllOf(HasSubstr("5 problems"), HasSubstr(".env: line 2: is no variable"),
                                HasSubstr(".env: line 3: is no variable"),
                                HasSubstr(".env: line 4: C: has text after the closing quote"),
                                HasSubstr(".env: line 6: is no variable"),
                                HasSubstr(".env: line 7: E: its quote is not closed"),
                                Not(HasSubstr("hidden")))));
  EXPECT_THAT(Read(std::string("A=x\0y\nB=1", 9)),
              ElementsAre("B=1", HasSubstr("line 1: A: has a zero byte")));
  EXPECT_THAT(Read(std::string(2 << 20, '#')), ElementsAre(HasSubstr("larger than 1 MB")));
}

TEST(DotenvTest, LinesAreCountedThroughQuotedValues) {
  EXPECT_THAT(Read("A='1\n2\n3'\n?\n"),
              ElementsAre("A=1\n2\n3", HasSubstr(".env: line 4: is no variable")));
}

TEST(DotenvTest, TheProcessWinsAndNamesHaveAnyCase) {
  const Environment process = [](std::string_view name) -> std::optional<std::string> {
    return name == "PORT" ? std::optional<std::string>("1") : std::nullopt;
  };
  const Environment both =
      AddVariables(process, {{"PORT", "2"}, {"s3_bucket", "a"}, {"S3_BUCKET", "b"}, {"EMPTY", ""}});
  EXPECT_EQ(both("PORT"), "1");
  EXPECT_EQ(both("s3_bucket"), "b") << "the last one counts";
  EXPECT_EQ(both("S3_Bucket"), "b");
  EXPECT_EQ(both("EMPTY"), std::nullopt);
  EXPECT_EQ(both("OTHER"), std::nullopt);
}

}  // namespace
}  // namespace millrace::proxy_config
