#include "formats/row_reader.h"

#include <cstdlib>
#include <string>

#include "formats/testing/rows.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/gzip_encoder.h"

namespace millrace {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

std::string Gzip(std::string_view plain) {
  GzipEncoder encoder;
  ByteBuffer out;
  encoder.Encode(plain, &out);
  return std::string(out.view());
}

std::string Failure(std::string bytes, FileType type) {
  const ReadResult result = ReadRows(std::move(bytes), {.type = type});
  EXPECT_EQ(result.status.code(), absl::StatusCode::kInvalidArgument) << result.status;
  return std::string(result.status.message());
}

FileType TypeOf(std::string bytes) {
  auto reader = OpenRows(std::make_shared<MemoryObject>(std::move(bytes)), {});
  EXPECT_TRUE(reader.ok()) << reader.status();
  return reader.ok() ? (*reader)->type() : FileType::kAuto;
}

TEST(OpenRowsTest, DetectsTypesByContent) {
  EXPECT_EQ(TypeOf("{\"a\":1}\n"), FileType::kNdjson);
  EXPECT_EQ(TypeOf("\n [{\"a\":1}]"), FileType::kNdjson);
  EXPECT_EQ(TypeOf(Gzip("{}")), FileType::kNdjson);
  EXPECT_EQ(TypeOf("{ "), FileType::kNdjson);
  EXPECT_EQ(TypeOf("a,b\n1,2\n"), FileType::kCsv);
  EXPECT_EQ(TypeOf("a;b\n1;2\n"), FileType::kCsv);
  EXPECT_EQ(TypeOf(Gzip("a\tb\n1\t2\n")), FileType::kTsv);
  EXPECT_EQ(TypeOf("[id],[name]\n1,2\n"), FileType::kCsv);
  EXPECT_EQ(TypeOf(""), FileType::kNdjson);
}

TEST(OpenRowsTest, RejectsUnsupportedContent) {
  EXPECT_THAT(Failure("hello\nworld\n", FileType::kAuto), HasSubstr("neither JSON nor CSV"));
  EXPECT_THAT(Failure(std::string("a,b\0c", 5), FileType::kAuto),
              AllOf(HasSubstr("binary data"), HasSubstr("\"file_type\""), HasSubstr(".csv")));
  EXPECT_THAT(Failure("PK\x03\x04....", FileType::kCsv), HasSubstr("a ZIP archive"));
  EXPECT_THAT(Failure("Obj\x01....", FileType::kAuto), HasSubstr("an Avro file"));
  EXPECT_THAT(Failure("\xff\xfe"
                      "a\0,\0",
                      FileType::kAuto),
              HasSubstr("UTF-16"));
  EXPECT_THAT(Failure(Gzip(std::string("PAR1\x15\x04\0\0", 8)), FileType::kAuto),
              HasSubstr("inside its gzip compression it is a Parquet file (decompress it first)"));
  EXPECT_THAT(Failure(Gzip("{}"), FileType::kCsv),
              HasSubstr("inside its gzip compression the content is JSON"));
}

TEST(OpenRowsTest, NamesNoEntryKeysWithoutAnEntry) {
  const ReadResult text = ReadRows("hello\n", {.has_entry = false});
  EXPECT_THAT(std::string(text.status.message()),
              AllOf(HasSubstr("end the object's name in .ndjson"), Not(HasSubstr("file_type"))));
  const ReadResult page = ReadRows("<html>\n", {.has_entry = false});
  EXPECT_THAT(std::string(page.status.message()),
              AllOf(HasSubstr("XML or HTML"), Not(HasSubstr("file_type"))));
}

// An object of that name.
class NamedObject : public MemoryObject {
 public:
  NamedObject(std::string bytes, std::string uri)
      : MemoryObject(std::move(bytes)), info_{std::move(uri), MemoryObject::info().size, "1"} {}
  const ObjectInfo& info() const override { return info_; }

 private:
  const ObjectInfo info_;
};

std::vector<std::string> RowsOf(std::string bytes, std::string name,
                                FileType type = FileType::kAuto) {
  auto reader =
      OpenRows(std::make_shared<NamedObject>(std::move(bytes), std::move(name)), {.type = type});
  EXPECT_TRUE(reader.ok()) << reader.status();
  if (!reader.ok()) return {};
  RowsAsText rows;
  DecodeScratch scratch;
  while (const std::unique_ptr<RowChunk> chunk = *(*reader)->Read({})) {
    chunk->ForEachRow(scratch, rows);
  }
  return rows.rows;
}

TEST(OpenRowsTest, MagicNumbersOfPrintableCharactersAreNotEnough) {
  for (const std::string name : {"PARENT_ID", "PAR1", "PARE", "ORCHID", "BZhang", "ORC"}) {
    const std::string text = name + ",b\n1,2\n";
    for (const std::string& bytes : {text, Gzip(text)}) {
      for (const FileType type : {FileType::kAuto, FileType::kCsv}) {
        EXPECT_THAT(ReadRows(bytes, {.type = type}).rows, ElementsAre(name + R"(="1" b="2")"));
      }
    }
  }
  EXPECT_THAT(Failure(std::string("ORC\n\x0b\0\0", 7), FileType::kCsv), HasSubstr("an ORC file"));
  EXPECT_THAT(Failure("BZh91AY&SY\x01\x02", FileType::kAuto), HasSubstr("bzip2"));
  EXPECT_THAT(Failure(Gzip(Gzip("a,b\n")), FileType::kAuto), HasSubstr("it is gzip again"));
}

TEST(OpenRowsTest, ErrorPagesAreNamed) {
  const std::string page =
      "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Access "
      "Denied, sorry</Message></Error>";
  EXPECT_THAT(Failure(page, FileType::kAuto), HasSubstr("AccessDenied: Access Denied, sorry"));
  EXPECT_THAT(Failure(Gzip(page), FileType::kNdjson),
              HasSubstr("AccessDenied: Access Denied, sorry"));
  EXPECT_THAT(Failure("<!DOCTYPE html>\n<html>a,b</html>", FileType::kAuto),
              HasSubstr("XML or HTML"));
  EXPECT_THAT(Failure("\n<html lang=\"en\"><p>a,b", FileType::kAuto), HasSubstr("XML or HTML"));
  EXPECT_THAT(ReadRows("<TICKER>,<DATE>\nX,1\n").rows, ElementsAre(R"(<TICKER>="X" <DATE>="1")"));
}

TEST(OpenRowsTest, AZeroByteAffectsOnlyItsRow) {
  std::string rows;
  for (int i = 0; i < 3; ++i) rows += "{\"a\":" + std::to_string(i) + "}\n";
  const std::string bad("{\"a\":\"x\0y\"}\n", 12);
  for (const std::string& text : {rows + bad + rows, bad + rows + rows}) {
    for (const std::string& bytes : {text, Gzip(text)}) {
      const ReadResult result = ReadRows(bytes);
      EXPECT_TRUE(result.status.ok()) << result.status;
      EXPECT_THAT(result.rows, SizeIs(7));
      EXPECT_THAT(result.bad_raw, SizeIs(1));
    }
  }
  EXPECT_THAT(ReadRows(std::string("a,b\n1,\0\n2,3\n", 12)).rows, SizeIs(2));
}

TEST(OpenRowsTest, TheNameBreaksATie) {
  EXPECT_THAT(RowsOf("a\n1\n", "s3://b/x.csv"), ElementsAre(R"(a="1")"));
  EXPECT_THAT(RowsOf("a\n1\n", "s3://b/x.CSV.GZ"), ElementsAre(R"(a="1")"));
  EXPECT_THAT(RowsOf("hello\n{\"a\":1}\n", "x.jsonl"), SizeIs(2));
  EXPECT_THAT(RowsOf("hello, you\n{\"a\":1}\n", "x.ndjson"), SizeIs(2));
  EXPECT_THAT(RowsOf("a\tb,c\n1\t2,3\n", "x.tsv"), ElementsAre(R"(a="1" b,c="2,3")"));
  EXPECT_THAT(RowsOf("a\tb,c\n1\t2,3\n", "x.txt"), ElementsAre(R"(a	b="1\t2" c="3")"));
  EXPECT_THAT(RowsOf(std::string("a\0,b\n1,2\n", 9), "x.csv"), SizeIs(1));
  // What the content shows is not overruled by a name, and file_type overrules both.
  EXPECT_THAT(RowsOf("{\"a\":1}\n", "x.csv"), ElementsAre("a=1"));
  EXPECT_THAT(RowsOf("a\tb,c\n1\t2,3\n", "x.tsv", FileType::kCsv),
              ElementsAre(R"(a	b="1\t2" c="3")"));
}

TEST(OpenRowsTest, AListOfNumbersNamedJsonIsJson) {
  const auto reader = OpenRows(std::make_shared<NamedObject>("[1,2]\n", "a.json"), {});
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ((*reader)->type(), FileType::kNdjson);
  EXPECT_THAT(RowsOf("[1],[2]\n3,4\n", "a.csv"), SizeIs(1));
}

TEST(OpenRowsTest, LeadingWhiteSpaceHidesNothing) {
  const std::string blank(200'000, '\n');
  EXPECT_THAT(ReadRows(blank + "a,b\n1,2\n").rows, ElementsAre(R"(a="1" b="2")"));
  EXPECT_THAT(ReadRows(Gzip(blank + "{\"a\":1}")).rows, ElementsAre("a=1"));
  EXPECT_THAT(ReadRows(blank).rows, SizeIs(0));
}

TEST(OpenRowsTest, ReturnsAllRowsBeforeDamageInSmallAndLargeObjects) {
  for (const int count : {3, 300, 5'000}) {
    std::string plain;
    for (int i = 0; i < count; ++i) plain += "{\"n\":" + std::to_string(i) + "}\n";
    const ReadResult garbage = ReadRows(Gzip(plain) + "\n");
    EXPECT_EQ(garbage.status.code(), absl::StatusCode::kDataLoss) << garbage.status;
    EXPECT_THAT(garbage.rows, SizeIs(count));
    const ReadResult cut = ReadRows(Gzip(plain).substr(0, Gzip(plain).size() - 4));
    EXPECT_EQ(cut.status.code(), absl::StatusCode::kDataLoss) << cut.status;
    EXPECT_THAT(cut.rows, SizeIs(count));
  }
}

TEST(OpenRowsTest, ReportsContentThatDiffersFromTheRequestedType) {
  EXPECT_THAT(Failure(Gzip("{\"a\":1}"), FileType::kParquet),
              AllOf(HasSubstr("given as PARQUET"),
                    HasSubstr("inside its gzip compression the content is JSON")));
  EXPECT_THAT(Failure("", FileType::kParquet), HasSubstr("the content is empty"));
  EXPECT_THAT(Failure("PAR1\x15\x04......", FileType::kNdjson),
              HasSubstr("the content is Parquet"));
  EXPECT_THAT(Failure("a,b\n1,2\n", FileType::kNdjson), HasSubstr("delimited text (CSV)"));
  EXPECT_THAT(Failure("{\"a\":1}\n", FileType::kCsv), HasSubstr("the content is JSON"));
  EXPECT_THAT(Failure("a,b\n1,2\n", FileType::kTsv), HasSubstr("delimited text (CSV)"));
}

TEST(OpenRowsTest, NdjsonWithABrokenFirstLineIsStillNdjson) {
  EXPECT_THAT(ReadRows("garbage\n{\"a\":1}\n", {.type = FileType::kNdjson}).rows, SizeIs(2));
}

TEST(OpenRowsTest, ReturnsTheRowsBeforeATruncationAndThenTheError) {
  std::string plain;
  for (int i = 0; i < 20'000; ++i) plain += "{\"n\":" + std::to_string(i * 7919 % 10'007) + "}\n";
  const std::string packed = Gzip(plain);
  const ReadResult result = ReadRows(packed.substr(0, packed.size() / 2));
  EXPECT_EQ(result.status.code(), absl::StatusCode::kDataLoss) << result.status;
  EXPECT_THAT(std::string(result.status.message()),
              HasSubstr("cut off at compressed byte " + std::to_string(packed.size() / 2)));
  EXPECT_GT(result.rows.size(), 5000);
  for (size_t i = 0; i < result.rows.size(); ++i) {
    ASSERT_EQ(result.rows[i], "n=" + std::to_string(i * 7919 % 10'007));
  }
}

TEST(OpenRowsTest, ResumesInsideCompressedText) {
  std::string plain;
  for (int i = 0; i < 5000; ++i) plain += "{\"n\":" + std::to_string(i) + "}\n";
  const ReadResult whole = ReadRows(Gzip(plain), {}, {.rows = 1000});
  ASSERT_EQ(whole.positions.size(), 5);
  const ReadResult rest = ReadRows(Gzip(plain), {.from = whole.positions[3]});
  EXPECT_EQ(rest.first_number, 4000);
  EXPECT_THAT(rest.rows, SizeIs(1000));
  EXPECT_EQ(rest.rows[0], "n=4000");
  EXPECT_THAT(ReadRows(Gzip(plain), {.from = {9999, 1 << 20}}).status.code(),
              absl::StatusCode::kOutOfRange);
}

TEST(FileTypeTest, NamesAreReadInAnyCase) {
  for (const FileType type :
       {FileType::kAuto, FileType::kNdjson, FileType::kCsv, FileType::kTsv, FileType::kParquet}) {
    EXPECT_EQ(*ParseFileType(FileTypeName(type)), type);
  }
  EXPECT_EQ(*ParseFileType("json"), FileType::kNdjson);
  EXPECT_EQ(*ParseFileType("Jsonl"), FileType::kNdjson);
  EXPECT_EQ(FileTypeName(FileType::kNdjson), "NDJSON");
  EXPECT_THAT(std::string(ParseFileType("xls").status().message()), HasSubstr("NDJSON, JSON"));
}

// Real data; see the README of the folder for the numbers.
class RealFiles : public testing::Test {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("MILLRACE_TEST_DATA");
    folder_ = folder != nullptr ? folder : MILLRACE_SOURCE_DIR "/../shared/data";
    if (!NewLocalObjectStore()
             ->List(folder_ + "/events", [](const ObjectInfo&) { return absl::OkStatus(); })
             .ok()) {
      GTEST_SKIP() << "no test data in " << folder_;
    }
  }

  std::vector<std::string> Read(const std::string& name) {
    const std::unique_ptr<ObjectStore> store = NewLocalObjectStore();
    RowsAsText rows;
    const absl::Status status = store->List(folder_ + "/" + name, [&](const ObjectInfo& info) {
      ASSIGN_OR_RETURN(std::shared_ptr<ObjectReader> object, store->Open(info));
      ASSIGN_OR_RETURN(const std::unique_ptr<RowReader> reader, OpenRows(object, {}));
      DecodeScratch scratch;
      for (;;) {
        ASSIGN_OR_RETURN(const std::unique_ptr<RowChunk> chunk, reader->Read({}));
        if (chunk == nullptr) break;
        chunk->ForEachRow(scratch, rows);
      }
      EXPECT_EQ(reader->raw_bytes(), info.size);
      return absl::OkStatus();
    });
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_THAT(rows.bad_raw, SizeIs(0));
    return rows.rows;
  }

  std::string folder_;
};

int CountWith(const std::vector<std::string>& rows, const std::string& part) {
  return static_cast<int>(std::count_if(rows.begin(), rows.end(), [&](const std::string& row) {
    return row.find(part) != std::string::npos;
  }));
}

TEST_F(RealFiles, WikipediaEdits) {
  const std::vector<std::string> rows = Read("events/wikipedia_edits_2015-09-12.ndjson.gz");
  EXPECT_THAT(rows, SizeIs(39'244));
  EXPECT_EQ(CountWith(rows, "time=\"2015-09-12T"), 39'199);
}

TEST_F(RealFiles, GithubEvents) {
  const std::vector<std::string> rows = Read("events/github_events_2021-07-21.ndjson.gz");
  EXPECT_THAT(rows, SizeIs(800));
  EXPECT_EQ(CountWith(rows, " type=\"PushEvent\" actor={"), 425);
}

TEST_F(RealFiles, CranDownloads) {
  const std::vector<std::string> rows = Read("events/cran_downloads_2013-06-15.csv.gz");
  EXPECT_THAT(rows, SizeIs(37'459));
  EXPECT_EQ(CountWith(rows, " package=null "), 5);
  EXPECT_EQ(rows.front().substr(0, 33), "date=\"2013-06-15\" time=\"00:18:11\"");
}

TEST_F(RealFiles, ValleyBikeTrips) {
  const std::vector<std::string> rows = Read("trips/valleybike_trips_2018-2020.csv.gz");
  EXPECT_THAT(rows, SizeIs(147'636));
  EXPECT_GT(CountWith(rows, "bike=\"1,219\""), 0);
}

}  // namespace
}  // namespace millrace
