// testdata/views_DIALECT.sql are the queries of the views; MILLRACE_UPDATE_GOLDEN writes them. What
// the queries return is tested with servers, in tests/integration.
#include "records/view_sql.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "base/strings.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TableForm Form(RecordType type, std::vector<std::string> columns = {}) {
  auto form = TableForm::Make(type, std::move(columns));
  EXPECT_TRUE(form.ok()) << form.status();
  return *std::move(form);
}

std::string AllQueries(SqlDialect dialect, std::string_view schema) {
  std::string text;
  for (const RecordType type : kAllRecordTypes) {
    const std::optional<std::string> query =
        ViewQuery(dialect, Form(type), StrCat(schema, PluralOf(type)));
    StrAppend(&text, "-- ", ViewName(type, PluralOf(type)), "\n", query.value_or("-- none"), ";\n");
  }
  return text;
}

void ExpectGolden(std::string_view name, const std::string& text) {
  const std::string path = StrCat(MILLRACE_SOURCE_DIR, "/src/records/testdata/", name);
  if (std::getenv("MILLRACE_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << text;
  std::ifstream file(path);
  const std::string golden{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(text, golden);
}

TEST(ViewName, SaysWhatTheRowsAre) {
  EXPECT_EQ(ViewName(RecordType::kEvent, "events"), "events_deduped");
  EXPECT_EQ(ViewName(RecordType::kUser, "people"), "people_current");
  EXPECT_EQ(ViewName(RecordType::kGroup, "groups"), "groups_current");
}

TEST(ViewQuery, OfPostgresIsAsInItsFile) {
  ExpectGolden("views_postgres.sql", AllQueries(SqlDialect::kPostgres, "public."));
}

TEST(ViewQuery, NoPlaceholderIsLeft) {
  for (const RecordType type : kAllRecordTypes) {
    const auto query = ViewQuery(SqlDialect::kPostgres, Form(type, {"plan"}), "t");
    ASSERT_TRUE(query);
    for (const std::string_view name :
         {"{table}", "{ids}", "{object}", "{unset_name}", "{reserved}"}) {
      EXPECT_THAT(*query, Not(HasSubstr(std::string(name))));
    }
  }
}

TEST(ViewQuery, QuotesNames) {
  EXPECT_THAT(*ViewQuery(SqlDialect::kPostgres, Form(RecordType::kEvent, {"a\"b"}), "t"),
              HasSubstr("\"a\"\"b\""));
  EXPECT_THAT(*ViewQuery(SqlDialect::kPostgres, Form(RecordType::kUser, {"it's \\"}), "t"),
              HasSubstr("E'it''s \\\\'"));
}

}  // namespace
}  // namespace millrace
