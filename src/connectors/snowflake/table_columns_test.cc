#include "connectors/snowflake/table_columns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace millrace::snowflake {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Row = std::vector<std::optional<std::string>>;

// A column as INFORMATION_SCHEMA has it.
Row Found(std::string name, std::string type, std::string nullable = "YES",
          std::optional<std::string> by_default = std::nullopt,
          std::optional<std::string> scale = std::nullopt,
          std::optional<std::string> precision = std::nullopt) {
  return {std::move(name),       std::move(type),  std::move(nullable),
          std::move(by_default), std::move(scale), std::move(precision)};
}

class TableColumnsTest : public testing::Test {
 protected:
  TableColumnsTest() {
    for (const char* name : {"TOKEN", "DISTINCT_ID", "IP", "OPERATION"}) {
      found_.push_back(Found(name, "TEXT"));
    }
    found_.push_back(Found("INSERT_TIME", "TIMESTAMP_LTZ", "NO", std::nullopt, std::nullopt, "0"));
    found_.push_back(Found("PROPERTIES", "VARIANT"));
  }
  std::vector<std::string> Problems(std::vector<std::string> columns = {}) {
    const TableForm form = *TableForm::Make(RecordType::kUser, std::move(columns));
    std::vector<std::string> problems;
    for (const TableProblem& problem : FindProblems(found_, ColumnsOf(form), "T")) {
      problems.push_back(problem.message + ": " + problem.remedy +
                         (problem.is_missing_extra ? " (extra)" : ""));
    }
    return problems;
  }

  SqlRows found_;
};

TEST_F(TableColumnsTest, ATableOfTheFormHasNoProblems) {
  EXPECT_THAT(Problems(), IsEmpty());
  found_.push_back(Found("MINE", "TEXT"));
  found_.push_back(Found("LOADED", "TEXT", "NO", "CURRENT_USER()"));
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(TableColumnsTest, MissingColumnsAreNamedWithTheirStatement) {
  EXPECT_THAT(Problems({"plan", "born:time"}),
              ElementsAre(HasSubstr("ALTER TABLE T ADD COLUMN \"PLAN\" VARCHAR (extra)"),
                          HasSubstr("ALTER TABLE T ADD COLUMN \"BORN\" TIMESTAMP_NTZ(6) (extra)")));
  found_.erase(found_.begin());
  EXPECT_THAT(Problems(), ElementsAre("T has no column \"TOKEN\": "
                                      "ALTER TABLE T ADD COLUMN \"TOKEN\" VARCHAR"));
}

TEST_F(TableColumnsTest, TypesThatDoNotTakeTheValues) {
  found_.push_back(Found("AGE", "NUMBER", "YES", std::nullopt, "2"));
  EXPECT_THAT(Problems({"age:integer"}), ElementsAre(HasSubstr("\"AGE\" of T is NUMBER")));
  found_.back() = Found("AGE", "NUMBER", "YES", std::nullopt, "0");
  EXPECT_THAT(Problems({"age:integer"}), IsEmpty());
  EXPECT_THAT(Problems({"age:number"}), ElementsAre(HasSubstr("not FLOAT")));
  found_.back() =
      Found("BORN", "TIMESTAMP_NTZ", "YES", std::nullopt, std::nullopt, std::string("2"));
  EXPECT_THAT(Problems({"born:time"}), ElementsAre(HasSubstr("keeps 2 digits of a second, not 3")));
}

TEST_F(TableColumnsTest, OtherColumnsThatHaveToBeFilled) {
  found_.push_back(Found("MINE", "TEXT", "NO"));
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("ALTER COLUMN \"MINE\" DROP NOT NULL")));
}

}  // namespace
}  // namespace millrace::snowflake
