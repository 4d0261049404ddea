#include "formats/csv_reader.h"

#include <random>
#include <string>

#include "formats/testing/rows.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace millrace {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

std::vector<std::string> Rows(std::string text, ReadOptions options = {.type = FileType::kCsv}) {
  ReadResult result = ReadRows(std::move(text), options);
  EXPECT_TRUE(result.status.ok()) << result.status;
  return result.rows;
}

TEST(CsvTest, CellsAreTextUnderTheNamesOfTheHeader) {
  EXPECT_THAT(Rows("a,b,c\n1,x y,2.50\n-1,é,\"q\"\n"),
              ElementsAre(R"(a="1" b="x y" c="2.50")", R"(a="-1" b="é" c="q")"));
  EXPECT_THAT(Rows("a,b\r\n1,2\r\n\r\n3,4"), ElementsAre(R"(a="1" b="2")", R"(a="3" b="4")"));
  EXPECT_THAT(Rows("\n\na,b\n\n1,2\n\n\n"), ElementsAre(R"(a="1" b="2")"));
  EXPECT_THAT(Rows("\xef\xbb\xbf\"a\",b\n1,2\n"), ElementsAre(R"(a="1" b="2")"));
  EXPECT_THAT(Rows("a\n1\n2\n"), ElementsAre(R"(a="1")", R"(a="2")"));
  EXPECT_THAT(Rows("a,b\n"), IsEmpty());
  EXPECT_THAT(Rows(""), IsEmpty());
}

TEST(CsvTest, QuotedCellsMayContainAnything) {
  EXPECT_THAT(
      Rows("a,b\n\"x,y\",\"say \"\"hi\"\"\"\n\"1\n2\r\n3\",\"\"\"\"\n\"\",\"\"\"\"\"\"\n"),
      ElementsAre(R"(a="x,y" b="say \"hi\"")", R"(a="1\n2\r\n3" b="\"")", R"(a="" b="\"\"")"));
  EXPECT_THAT(Rows("a,b\n\"x\"\"\",\"y\"\"z\"\n\"1\",2\n"),
              ElementsAre(R"(a="x\"" b="y\"z")", R"(a="1" b="2")"));
}

TEST(CsvTest, QuotesInsidePlainCellsAreText) {
  EXPECT_THAT(Rows("a,b\n5\" pipe,x\n6\",\"y\"\n"),
              ElementsAre(R"(a="5\" pipe" b="x")", R"(a="6\"" b="y")"));
}

// The words that made cells null, "-" for other cells.
class NullWordsAsText : public RowVisitor {
 public:
  void OnRow(const Row& row) override {
    for (const Value& value : row.values) {
      StrAppend(&words, value.is_null() ? StrCat("<", value.text, ">") : std::string("-"));
    }
  }
  void OnBadRow(uint64_t, const absl::Status&, std::string_view) override {}
  std::string words;
};

TEST(CsvTest, ANullCellKeepsItsNullWord) {
  const auto reader = OpenRows(std::make_shared<MemoryObject>("a,b,c,d\nNA,,x,\"NA\"\n"), {});
  ASSERT_TRUE(reader.ok()) << reader.status();
  const auto chunk = (*reader)->Read({});
  ASSERT_TRUE(chunk.ok() && *chunk != nullptr);
  DecodeScratch scratch;
  NullWordsAsText visitor;
  (*chunk)->ForEachRow(scratch, visitor);
  EXPECT_EQ(visitor.words, "<NA><>--");
}

TEST(CsvTest, NullTextsApplyOnlyToUnquotedCells) {
  EXPECT_THAT(Rows("a,b,c,d,e\n,NA,NULL,null,\\N\n\"\",\"NA\",\"NULL\",\"null\",NAN\n"),
              ElementsAre("a=null b=null c=null d=null e=null",
                          R"(a="" b="NA" c="NULL" d="null" e="NAN")"));
  EXPECT_THAT(Rows("a,b,c\nNA,-,\n", {.type = FileType::kCsv, .null_texts = {"-"}}),
              ElementsAre(R"(a="NA" b=null c=null)"));
}

TEST(CsvTest, BadRowsSayWhatIsWrong) {
  EXPECT_THAT(Rows("a,b,c\n1,2\n1,2,3,4\n1,2,3\n"),
              ElementsAre("! expected 3 cells as in the header, found 2",
                          "! expected 3 cells as in the header, found 4", R"(a="1" b="2" c="3")"));
  EXPECT_THAT(Rows("a,b\n\"x\"y,1\n\"x\" ,1\n1,2\n"),
              ElementsAre(HasSubstr("text after the closing quote of cell 1"),
                          HasSubstr("text after the closing quote of cell 1"), R"(a="1" b="2")"));
  EXPECT_THAT(Rows("a,b\n1,caf\xe9\n3,4\n"),
              ElementsAre(AllOf(HasSubstr("not UTF-8: byte 0xE9 at byte 5 of the row"),
                                HasSubstr("Latin-1")),
                          R"(a="3" b="4")"));
}

TEST(CsvTest, AnUnclosedQuoteAffectsOneLine) {
  EXPECT_THAT(Rows("a,b\n1,2\n3,\"x\n4,5\n6,7\n"),
              ElementsAre(R"(a="1" b="2")",
                          AllOf(HasSubstr("the quote that begins cell 2 is not closed"),
                                HasSubstr("the lines after it are read separately")),
                          R"(a="4" b="5")", R"(a="6" b="7")"));
  EXPECT_THAT(
      Rows("a,b\n1,2\n3,\"x"),
      ElementsAre(R"(a="1" b="2")", HasSubstr("the quote that begins cell 2 is not closed")));
}

TEST(CsvTest, ALoneCarriageReturnEndsALine) {
  EXPECT_THAT(Rows("a,b\r1,2\r3,4\r"), ElementsAre(R"(a="1" b="2")", R"(a="3" b="4")"));
  EXPECT_THAT(Rows("a,b\r1,\"x\ry\"\r\r3,4"), ElementsAre(R"(a="1" b="x\ry")", R"(a="3" b="4")"));
  EXPECT_THAT(Rows("a,b\r\n1,2\r3,4\n5,6\r\r\n"),
              ElementsAre(R"(a="1" b="2")", R"(a="3" b="4")", R"(a="5" b="6")"));
  EXPECT_THAT(Rows("a\tb\r1\t\"2\r3\t4", {}), ElementsAre(R"(a="1" b="\"2")", R"(a="3" b="4")"));
  std::string large = "a,b\r";
  for (int i = 0; i < 20'000; ++i) large += std::to_string(i) + ",x\r";
  EXPECT_THAT(Rows(large), SizeIs(20'000));
}

TEST(CsvTest, AMalformedRecordAffectsItsOwnLine) {
  // The quote of the first row closes at that of the third, where text follows.
  EXPECT_THAT(Rows("a,b\n1,\"x\n2,y\n3,\"z\"\n4,w\n"),
              ElementsAre(HasSubstr("the quote that begins cell 2 is not closed"), R"(a="2" b="y")",
                          R"(a="3" b="z")", R"(a="4" b="w")"));
  // Closed well, but the record has more cells than there are columns.
  EXPECT_THAT(
      Rows("a,b\n1,\"x\n2,y\n3,\",z\n"),
      ElementsAre(HasSubstr("is not closed"), R"(a="2" b="y")", HasSubstr("is not closed")));
  EXPECT_THAT(Rows("a,b\n\"x\"y,1\n2,y\n"),
              ElementsAre(HasSubstr("text after the closing quote of cell 1"), R"(a="2" b="y")"));
  // Each is counted by itself.
  std::string text = "a,b\n";
  for (int i = 0; i < 300; ++i) text += std::to_string(i) + (i % 3 == 0 ? ",\"x\n" : ",y\n");
  const std::vector<std::string> rows = Rows(text);
  EXPECT_THAT(rows, SizeIs(300));
  EXPECT_EQ(std::count_if(rows.begin(), rows.end(), [](const auto& r) { return r[0] == '!'; }),
            100);
}

TEST(CsvTest, AWellFormedCellMayHaveManyLines) {
  std::string cell;
  for (int i = 0; i < 5000; ++i) cell += "line " + std::to_string(i) + "\n";
  const std::vector<std::string> rows = Rows("a,b\n1,\"" + cell + "\"\n2,x\n");
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_THAT(rows[0], HasSubstr("line 4999"));
}

TEST(CsvTest, ACellOfMoreThanAHundredLinesIsAWarning) {
  const auto lines = [](int count) {
    std::string cell = "first";
    for (int i = 1; i < count; ++i) cell += "\nx";
    return "\"" + cell + "\"";
  };
  const std::string text = "a,b\n1," + lines(100) + "\n2," + lines(101) + "\n3," + lines(300);
  Warnings warnings;
  EXPECT_THAT(Rows(text, {.type = FileType::kCsv, .warnings = &warnings}), SizeIs(3));
  const std::vector<WarningCount> all = warnings.all();
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_EQ(all[0].first.code, "long_cell");
  EXPECT_EQ(all[0].count, 2u);
  EXPECT_THAT(all[0].first.message, HasSubstr("row 2 has a quoted cell of 101 lines"));

  Warnings strict;
  strict.MakeErrors();
  const ReadResult result = ReadRows(text, {.type = FileType::kCsv, .warnings = &strict});
  EXPECT_THAT(result.rows, SizeIs(1));
  EXPECT_THAT(std::string(result.status.message()), HasSubstr("a quoted cell of 101 lines"));
}

TEST(CsvTest, QuotingIsOptional) {
  EXPECT_THAT(Rows("a,b\n\"1,2\"\n3,\"x\n", {.type = FileType::kCsv, .quote = '\0'}),
              ElementsAre(R"(a="\"1" b="2\"")", R"(a="3" b="\"x")"));
  EXPECT_THAT(Rows("a,b\n'1,2',\"\n", {.type = FileType::kCsv, .quote = '\''}),
              ElementsAre(R"(a="1,2" b="\"")"));
  EXPECT_THAT(Rows("a\tb\n1\t\"x\n2\t\"y\"\n", {}),
              ElementsAre(R"(a="1" b="\"x")", R"(a="2" b="\"y\"")"));
  EXPECT_THAT(Rows("a\tb\n1\t\"x\ny\"\n", {.type = FileType::kTsv, .quote = '"'}),
              ElementsAre(R"(a="1" b="x\ny")"));
}

TEST(CsvTest, ColumnNamesMayBeGivenInOptions) {
  const ReadOptions named{.type = FileType::kCsv, .column_names = {"a", "b"}};
  EXPECT_THAT(Rows("1,2\n3,4\n5\n", named),
              ElementsAre(R"(a="1" b="2")", R"(a="3" b="4")",
                          R"(! expected 2 cells as "columns" of the entry names, found 1)"));
  EXPECT_THAT(Rows("1,5;2,5\n", named), ElementsAre(R"(a="1,5" b="2,5")"));
  EXPECT_THAT(Rows("1\n2\n", {.column_names = {"a"}}), ElementsAre(R"(a="1")", R"(a="2")"));
  EXPECT_THAT(Rows("", named), IsEmpty());
  const ReadResult whole = ReadRows("1,2\n3,4\n5,6\n", named, {.rows = 1});
  ReadOptions rest = named;
  rest.from = whole.positions[0];
  EXPECT_THAT(Rows("1,2\n3,4\n5,6\n", rest), ElementsAre(R"(a="3" b="4")", R"(a="5" b="6")"));
}

TEST(CsvTest, ExcelsSepLineIsHonoured) {
  EXPECT_THAT(Rows("sep=;\na;b\n1,5;2\n", {}), ElementsAre(R"(a="1,5" b="2")"));
  EXPECT_THAT(Rows("\xef\xbb\xbfSEP=^\r\na^b\r\n1^2\r\n", {}), ElementsAre(R"(a="1" b="2")"));
  EXPECT_THAT(Rows("\"sep=,\"\na,b\n1,2\n", {}), ElementsAre(R"(a="1" b="2")"));
  EXPECT_THAT(Rows("sep=\t\na\tb\n1\t\"x\ty\"\n", {}), ElementsAre(R"(a="1" b="x\ty")"));
  EXPECT_THAT(Rows("sep=;,b\n1,2\n"), ElementsAre(R"(sep=;="1" b="2")"));
}

TEST(CsvTest, ASepLineAloneIsAnError) {
  for (const ReadOptions& options : {ReadOptions{}, ReadOptions{.expected_columns = {"time"}},
                                     ReadOptions{.column_names = {"a"}}}) {
    for (const char* text : {"sep=;", "\"sep=;\"\r\n\r\n"}) {
      const ReadResult result = ReadRows(text, options);
      EXPECT_EQ(result.status.code(), absl::StatusCode::kInvalidArgument) << text;
      EXPECT_THAT(std::string(result.status.message()), HasSubstr("the line \"sep=;\""));
    }
  }
  EXPECT_THAT(Rows("sep=;\na;b\n", {}), IsEmpty());
}

TEST(CsvTest, WhiteSpaceAloneIsEmpty) {
  for (const FileType type : {FileType::kCsv, FileType::kTsv}) {
    for (const char* text : {"  \n", "\t\t\n", "\n \n\t\n", "\xef\xbb\xbf \r\n"}) {
      EXPECT_THAT(Rows(text, {.type = type, .expected_columns = {"time"}}), IsEmpty()) << text;
      EXPECT_THAT(Rows(text, {.type = type, .column_names = {"a", "b"}}), IsEmpty()) << text;
    }
  }
}

TEST(CsvTest, QuotesThatAreTextAreExplained) {
  EXPECT_THAT(Rows("a\tb\n1\t\"x\ty\"\n1\t2\t3\n", {}),
              ElementsAre(AllOf(HasSubstr("found 3"), HasSubstr(R"("quote" to "\"")")),
                          "! expected 2 cells as in the header, found 3"));
}

TEST(CsvTest, TheFirstHeaderCellMayHaveSeveralLines) {
  EXPECT_THAT(Rows("\"x\nnote\",b\n1,2\n", {}), ElementsAre("x\nnote=\"1\" b=\"2\""));
  EXPECT_THAT(Rows("\"x\r\n;note\",b\r\n1,2\r\n", {}), ElementsAre("x\r\n;note=\"1\" b=\"2\""));
}

TEST(CsvTest, ALoneHeaderMustMatch) {
  const ReadOptions options{.expected_columns = {"time", "user"}};
  EXPECT_THAT(Rows("user,x\n", options), IsEmpty());
  EXPECT_THAT(Rows("p,q\n1,2\n", options), SizeIs(1));
  const ReadResult other = ReadRows("p,q\n", options);
  EXPECT_EQ(other.status.code(), absl::StatusCode::kInvalidArgument) << other.status;
  EXPECT_THAT(std::string(other.status.message()), HasSubstr("\"time\"), but: p, q;"));
}

TEST(CsvTest, ABadRowIsShownWhole) {
  const std::string row = "1,2," + std::string(100'000, 'y');
  EXPECT_THAT(ReadRows("a,b\n" + row + "\n").bad_raw, ElementsAre(row));
}

TEST(CsvTest, OverlongRowsAreSkippedUnread) {
  const std::string large(kMaxRowBytes, 'x');
  const std::string lines = "1," + std::string(100'000, 'y') + "\n";
  std::string rows;
  while (rows.size() < kMaxRowBytes) rows += lines;
  const std::string text =
      "a,b\n1," + large + "\n3,4\n5,\"" + large + large + "\"\n7,8\n9,\"x\n" + rows;
  for (const size_t bytes : {size_t{1} << 20, size_t{100} << 20}) {
    const ReadResult result = ReadRows(text, {}, {.rows = 1'000'000, .bytes = bytes});
    ASSERT_TRUE(result.status.ok()) << result.status;
    ASSERT_THAT(result.rows, SizeIs(5 + rows.size() / lines.size()));
    EXPECT_THAT(result.rows[0], HasSubstr("longer than 16 MiB"));
    EXPECT_EQ(result.rows[1], R"(a="3" b="4")");
    EXPECT_THAT(result.rows[2], HasSubstr("longer than 16 MiB"));
    EXPECT_EQ(result.rows[3], R"(a="7" b="8")");
    EXPECT_THAT(result.rows[4], HasSubstr("is not closed"));
    EXPECT_THAT(result.rows[5], StartsWith(R"(a="1" b="yyy)"));
    EXPECT_EQ(result.rows.back(), result.rows[5]);
  }
}

TEST(CsvTest, HeaderNamesAreMadeUniqueAndNotEmpty) {
  EXPECT_THAT(Rows("a,,a,\"\",a,a_2\n1,2,3,4,5,6\n"),
              ElementsAre(R"(a="1" column_2="2" a_3="3" column_4="4" a_4="5" a_2="6")"));
}

TEST(CsvTest, ABrokenHeaderIsAnError) {
  EXPECT_THAT(std::string(ReadRows("\"a,b\n1,2\n", {.type = FileType::kCsv}).status.message()),
              AllOf(HasSubstr("reading the header: the quote that begins cell 1 is not closed"),
                    Not(HasSubstr("read separately"))));
  EXPECT_THAT(std::string(ReadRows("caf\xe9,b\n1,2\n", {.type = FileType::kCsv}).status.message()),
              HasSubstr("reading the header: not UTF-8"));
}

TEST(CsvTest, ColumnsAndCellsAreBounded) {
  const ReadResult wide = ReadRows(std::string(10'000, ',') + "\n", {.type = FileType::kCsv});
  EXPECT_EQ(wide.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(wide.status.message()), HasSubstr("10001 columns"));
  EXPECT_THAT(Rows("a,b\n" + std::string(1'000'000, ',') + "\n1,2\n"),
              ElementsAre(HasSubstr("found 1000001"), R"(a="1" b="2")"));
}

TEST(CsvTest, DelimitersAreGuessedFromTheHeader) {
  EXPECT_THAT(Rows("a;b\n1,5;2\n"), ElementsAre(R"(a="1,5" b="2")"));
  EXPECT_THAT(Rows("a|b\n1|2\n"), ElementsAre(R"(a="1" b="2")"));
  EXPECT_THAT(Rows("a\tb\n1\t2\n", {}), ElementsAre(R"(a="1" b="2")"));
  EXPECT_THAT(Rows("a\tb,c\n1\t2\n", {.type = FileType::kTsv}), ElementsAre(R"(a="1" b,c="2")"));
  EXPECT_EQ(GuessDelimiter("\"a;b;c\",d", '"').delimiter, ',');
  EXPECT_EQ(GuessDelimiter("'a,b,c';d", '\'').delimiter, ';');
  EXPECT_EQ(GuessDelimiter("1,5;2,5\n", '"', 2).delimiter, ';');
  EXPECT_EQ(GuessDelimiter("a", '"').delimiter, '\0');
  EXPECT_TRUE(GuessDelimiter("a\tb,c", '"').tab_is_equal);
}

TEST(CsvTest, ColumnsAreKnownUpFront) {
  auto reader = OpenRows(std::make_shared<MemoryObject>("a\tb\n1\t2\n"), {});
  ASSERT_TRUE(reader.ok());
  EXPECT_THAT((*reader)->columns(), ElementsAre("a", "b"));
  EXPECT_EQ((*reader)->type(), FileType::kTsv);
}

TEST(CsvPropertyTest, ChunkSizesDoNotChangeTheRowsAndReadingResumesAtEveryChunkEnd) {
  static const char* const kPieces[] = {"x",    "12",       ",",     "\n",   "\"",    "\"\"",
                                        "\r\n", "NA",       "\"q\"", "\xff", "é",     "\",\"",
                                        "\n\n", "\"a\nb\"", "\r",    "\t",   ",\"x\n"};
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    const bool tsv = round % 4 == 0;
    std::string text = tsv ? "a\tb\n" : "a,b\n";
    for (size_t pieces = random() % 400; pieces > 0; --pieces) {
      text += kPieces[random() % std::size(kPieces)];
    }
    const ReadOptions options{.type = tsv ? FileType::kTsv : FileType::kCsv};
    const ReadResult whole = ReadRows(text, options, {.rows = 1 << 20, .bytes = 1 << 24});
    ASSERT_TRUE(whole.status.ok()) << whole.status;
    const ChunkLimits limits{.rows = 1 + random() % 10, .bytes = 1 + random() % 100};
    const ReadResult parts = ReadRows(text, options, limits);
    ASSERT_TRUE(parts.status.ok()) << parts.status;
    ASSERT_EQ(parts.rows, whole.rows);
    ASSERT_EQ(parts.bad_raw, whole.bad_raw);
    for (const Position& position : parts.positions) {
      const ReadResult rest = ReadRows(text, {.type = options.type, .from = position}, limits);
      ASSERT_TRUE(rest.status.ok()) << rest.status;
      ASSERT_EQ(rest.rows,
                std::vector<std::string>(whole.rows.begin() + static_cast<long>(position.row),
                                         whole.rows.end()));
      ASSERT_TRUE(rest.rows.empty() || rest.first_number == position.row);
    }
  }
}

}  // namespace
}  // namespace millrace
