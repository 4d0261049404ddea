// The statements are tested in tests/integration/postgres_sink_test.cc.
#include "connectors/postgres/cursor_tables.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace millrace::postgres {
namespace {

TEST(CursorTablesTest, TheConfigIsNoPartOfAnObject) {
  const LedgerKey key{"o", "v", "c", "d"};
  EXPECT_EQ(ObjectHash(key), ObjectHash({"o", "v", "other", "d"}));
  EXPECT_NE(ObjectHash(key), ObjectHash({"o", "v", "c", "e"}));
  EXPECT_NE(ObjectHash({"a", "bc", "c", "d"}), ObjectHash({"ab", "c", "c", "d"}));
}

TEST(CursorTablesTest, TextsAreQuoted) {
  const CursorTables tables("a\"b");
  EXPECT_EQ(tables.writers(), "\"a\"\"b\".\"millrace_writers\"");
  const std::string sql = tables.ClaimSql({"it's", "1", "c\\", "d"}, "w'");
  EXPECT_NE(sql.find("'it''s', '1', 'd', E'c\\\\', 'w'''"), std::string::npos) << sql;
}

}  // namespace
}  // namespace millrace::postgres
