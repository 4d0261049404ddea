#include "connectors/lake/lake_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/strings.h"

namespace millrace::lake {
namespace {

using testing::HasSubstr;

LakeSpec MustParse(const std::string& uri) {
  const auto spec = LakeSpec::Parse(uri);
  EXPECT_TRUE(spec.ok()) << uri << ": " << spec.status();
  return spec.ok() ? *spec : LakeSpec();
}

std::string Error(const std::string& uri) {
  const auto spec = LakeSpec::Parse(uri);
  EXPECT_TRUE(absl::IsInvalidArgument(spec.status())) << uri;
  return spec.status().ToString();
}

TEST(LakeSpec, HasDefaults) {
  const LakeSpec spec = MustParse("gs://b/lake");
  EXPECT_EQ(spec.root, "gs://b/lake/");
  EXPECT_EQ(spec.layout.format, data_files::FileFormat::kParquet);
  EXPECT_EQ(spec.layout.form, Form::kTable);
  EXPECT_EQ(spec.layout.path.text(), "dt={date}");
  EXPECT_FALSE(spec.layout.by_arrival);
  EXPECT_EQ(spec.folders.at(RecordType::kEvent), "events/");
  EXPECT_EQ(spec.folders.at(RecordType::kGroup), "groups/");
}

TEST(LakeSpec, ReadsEachParameter) {
  const LakeSpec spec = MustParse(
      "s3://b/a//?format=ndjson.zst&form=table&table=clicks&users=people&columns=a,b:integer&"
      "path={year}/{month}&time=arrival&file_size=16&age=90s");
  EXPECT_EQ(spec.root, "s3://b/a/");
  EXPECT_EQ(spec.layout.format, data_files::FileFormat::kNdjsonZst);
  EXPECT_EQ(spec.layout.form, Form::kTable);
  EXPECT_EQ(spec.folders.at(RecordType::kEvent), "clicks/");
  EXPECT_EQ(spec.folders.at(RecordType::kUser), "people/");
  EXPECT_EQ(spec.folders.count(RecordType::kGroup), 0u);
  EXPECT_THAT(spec.extra_columns, testing::ElementsAre("a", "b:integer"));
  EXPECT_TRUE(spec.layout.by_arrival);
  EXPECT_EQ(spec.layout.file_bytes, size_t{16} << 20);
  EXPECT_EQ(spec.age, absl::Seconds(90));
  EXPECT_EQ(MustParse("/lake/?format=ndjson.gz").layout.form, Form::kFlat);
}

TEST(LakeSpec, OnePlaceHasOneNameInTheLedger) {
  const std::string here = std::filesystem::current_path().string();
  for (const std::string& uri : {std::string("lake/"), std::string("./lake"), here + "/x/../lake//",
                                 "file://" + here + "/lake?format=ndjson.gz"}) {
    EXPECT_EQ(MustParse(uri).LedgerName(RecordType::kEvent), StrCat("lake:", here, "/lake/events/"))
        << uri;
  }
  EXPECT_EQ(MustParse("gs://b/?events=e").LedgerName(RecordType::kEvent), "lake:gs://b/e/");
}

TEST(LakeSpec, SaysWhatIsWrong) {
  EXPECT_THAT(Error(""), HasSubstr("name a folder"));
  EXPECT_THAT(Error("/l/?format=csv"), HasSubstr("parquet, ndjson.gz or ndjson.zst"));
  EXPECT_THAT(Error("/l/?form=wide"), HasSubstr("table, raw or flat"));
  EXPECT_THAT(Error("/l/?form=raw"), HasSubstr("for raw or flat records use"));
  EXPECT_THAT(Error("/l/?format=ndjson.gz&columns=a"), HasSubstr("needs form=table"));
  EXPECT_THAT(Error("/l/?columns=a:colour"), HasSubstr("columns="));
  EXPECT_THAT(Error("/l/?table=a&events=b"), HasSubstr("give one of them"));
  EXPECT_THAT(Error("/l/?events=a&users=a"), HasSubstr("two types of record"));
  EXPECT_THAT(Error("/l/?events=a&users=a/b"), HasSubstr("overlap"));
  for (const char* folder : {"_a", ".a", "a//b", "", "..", "a/_b"}) {
    EXPECT_THAT(Error(StrCat("/l/?table=", folder)), HasSubstr("readers skip"));
  }
  EXPECT_THAT(Error("/l/?time=now"), HasSubstr("event or arrival"));
  EXPECT_THAT(Error("/l/?file_size=0"), HasSubstr("from 1 to 4096"));
  EXPECT_THAT(Error("/l/?age=-1s"), HasSubstr("30s"));
  EXPECT_THAT(Error("/l/?colour=red"), HasSubstr("colour"));
}

}  // namespace
}  // namespace millrace::lake
