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

TEST(OpenRowsTest, TellsTypesByContent) {
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

TEST(OpenRowsTest, RefusesWhatItCannotRead) {
  EXPECT_THAT(Failure("hello\nworld\n", FileType::kAuto), HasSubstr("neither JSON nor CSV"));
  EXPECT_THAT(Failure(std::string("a,b\0c", 5), FileType::kAuto), HasSubstr("binary data"));
  EXPECT_THAT(Failure("PK\x03\x04....", FileType::kCsv), HasSubstr("a ZIP archive"));
  EXPECT_THAT(Failure("Obj\x01....", FileType::kAuto), HasSubstr("an Avro file"));
  EXPECT_THAT(Failure("\xff\xfe"
                      "a\0,\0",
                      FileType::kAuto),
              HasSubstr("UTF-16"));
  EXPECT_THAT(Failure(Gzip("PAR1...."), FileType::kAuto), HasSubstr("decompress it first"));
}

TEST(OpenRowsTest, SaysWhenTheContentIsNotWhatWasAskedFor) {
  EXPECT_THAT(Failure(Gzip("{\"a\":1}"), FileType::kParquet),
              AllOf(HasSubstr("given as PARQUET"), HasSubstr("gzip-compressed JSON")));
  EXPECT_THAT(Failure("", FileType::kParquet), HasSubstr("the content is empty"));
  EXPECT_THAT(Failure("PAR1........", FileType::kNdjson), HasSubstr("the content is Parquet"));
  EXPECT_THAT(Failure("a,b\n1,2\n", FileType::kNdjson), HasSubstr("delimited text (CSV)"));
  EXPECT_THAT(Failure("{\"a\":1}\n", FileType::kCsv), HasSubstr("the content is JSON"));
  EXPECT_THAT(Failure("a,b\n1,2\n", FileType::kTsv), HasSubstr("delimited text (CSV)"));
}

TEST(OpenRowsTest, NdjsonWithABrokenFirstLineIsStillNdjson) {
  EXPECT_THAT(ReadRows("garbage\n{\"a\":1}\n", {.type = FileType::kNdjson}).rows, SizeIs(2));
}

TEST(OpenRowsTest, GivesTheRowsBeforeACutAndThenTheError) {
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

TEST(OpenRowsTest, GoesOnInsideCompressedText) {
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
