#include "destinations/open_destination.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace millrace {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class OpenDestinationTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<Destination>> Open(std::string_view uri) {
    return OpenDestination(uri, setup_);
  }
  std::string Error(std::string_view uri) {
    const auto opened = Open(uri);
    EXPECT_TRUE(absl::IsInvalidArgument(opened.status())) << uri;
    return std::string(ToStd(opened.status().message()));
  }

  bool asked_ = false;
  const DestinationSetup setup_{
      .environment = [](std::string_view) { return std::nullopt; },
      .mixpanel = [this]() -> absl::StatusOr<mixpanel::DestinationOptions> {
        asked_ = true;
        mixpanel::DestinationOptions options{.project_id = "1"};
        options.endpoints.ingestion = "https://flags";
        options.credentials.token = "t";
        return options;
      }};
};

TEST_F(OpenDestinationTest, MixpanelIsWhatTheFlagsSay) {
  const auto opened = Open("mixpanel");
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ((*opened)->LedgerName(RecordType::kEvent), "mixpanel:https://flags:1:events");
  EXPECT_EQ((*opened)->label(), "mixpanel:1");
  EXPECT_TRUE((*opened)->CheckConfig(RecordType::kUser).ok());
}

TEST_F(OpenDestinationTest, OptionsReplaceTheFlags) {
  const auto opened = Open("mixpanel:?project_id=2&region=eu");
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ((*opened)->LedgerName(RecordType::kGroup),
            "mixpanel:https://api-eu.mixpanel.com:2:groups");
}

TEST_F(OpenDestinationTest, OtherDestinationsNeedNoMixpanel) {
  ASSERT_TRUE(Open("null:").ok());
  EXPECT_FALSE(asked_);
}

TEST_F(OpenDestinationTest, TopicsAreOpenedWithoutAConnection) {
  const auto opened = Open("pubsub://p/good?form=flat");
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ((*opened)->label(), "pubsub://p/good");
  EXPECT_EQ((*opened)->LedgerName(RecordType::kEvent), "pubsub://p/good:events");
  EXPECT_TRUE((*opened)->CheckConfig(RecordType::kGroup).ok());
  RunOptions options;
  (*opened)->AdaptOptions(options);
  EXPECT_GT(options.max_writes, 1);

  const auto events = Open("pubsub://p?events=clicks&ordering=distinct_id");
  ASSERT_TRUE(events.ok()) << events.status();
  EXPECT_TRUE((*events)->CheckConfig(RecordType::kEvent).ok());
  EXPECT_TRUE(absl::IsInvalidArgument((*events)->CheckConfig(RecordType::kUser)));
  EXPECT_EQ((*events)->NewSink(RecordType::kUser), nullptr);
  EXPECT_EQ((*events)->DropNames(), std::vector<std::string>{"topic projects/p/topics/clicks"});
  // Only then is the order kept.
  (*events)->AdaptOptions(options);
  EXPECT_EQ(options.max_writes, 1);
  EXPECT_FALSE(asked_);
}

TEST_F(OpenDestinationTest, FoldersAreLakes) {
  for (const char* uri : {"lake/", "./lake", "/data/lake?format=ndjson.gz", "gs://b/lake",
                          "s3://b/lake/?path=dt={date}", "az://account/c/lake"}) {
    const auto opened = Open(uri);
    ASSERT_TRUE(opened.ok()) << uri << opened.status();
    EXPECT_TRUE((*opened)->LedgerName(RecordType::kEvent).starts_with("lake:")) << uri;
    EXPECT_NE((*opened)->staging(RecordType::kEvent), nullptr) << uri;
    EXPECT_EQ((*opened)->NewSink(RecordType::kEvent), nullptr) << uri;
  }
  EXPECT_TRUE(absl::IsInvalidArgument((*Open("l/?table=e"))->CheckConfig(RecordType::kUser)));
  EXPECT_EQ((*Open("gs://b/l?table=e"))->label(), "gs://b/l/e");
  EXPECT_THAT(Error("lake/?format=orc"), HasSubstr("destination a lake: format is parquet"));
  EXPECT_THAT(Error("lake"), HasSubstr("unknown destination \"lake\""));
  EXPECT_THAT(Error("ftp://b/lake"), HasSubstr("unknown destination"));
  EXPECT_FALSE(asked_);
}

TEST_F(OpenDestinationTest, IcebergTablesAreStaged) {
  for (const char* uri : {"iceberg:tables", "iceberg:s3://b/t?partition=hour",
                          "iceberg:https://c.example/api?namespace=n"}) {
    const auto opened = Open(uri);
    ASSERT_TRUE(opened.ok()) << uri << opened.status();
    EXPECT_TRUE((*opened)->LedgerName(RecordType::kEvent).starts_with("iceberg:")) << uri;
    EXPECT_NE((*opened)->staging(RecordType::kEvent), nullptr) << uri;
    EXPECT_EQ((*opened)->NewSink(RecordType::kEvent), nullptr) << uri;
  }
  EXPECT_TRUE(
      absl::IsInvalidArgument((*Open("iceberg:t?table=e"))->CheckConfig(RecordType::kUser)));
  EXPECT_EQ((*Open("iceberg:gs://b/l?table=e"))->label(), "iceberg:gs://b/l/e");
  EXPECT_EQ((*Open("iceberg:https://c?namespace=n&table=e"))->label(), "iceberg:https://c/n.e");
  EXPECT_THAT(Error("iceberg:t?format=orc"), HasSubstr("destination iceberg: "));
}

TEST_F(OpenDestinationTest, ADestinationMayHaveGoogleCredentialsOfItsOwn) {
  for (const char* uri : {"pubsub://p/good?form=flat&credentials_file=/none/key.json",
                          "bigquery://p/d?credentials_file=/none/key.json",
                          "gs://b/lake?credentials_file=/none/key.json"}) {
    const auto opened = Open(uri);
    EXPECT_THAT(ToStd(opened.status().message()), HasSubstr("/none/key.json")) << uri;
  }
  EXPECT_THAT(Error("s3://b/lake?credentials_file=/none/key.json"), HasSubstr("credentials_file"));
  EXPECT_THAT(Error("pubsub://p/good?credentials_file="), HasSubstr("name a file"));
}

TEST_F(OpenDestinationTest, RedshiftHasACursorAndConnectsLater) {
  const auto destination = Open("redshift://work/dev/s?table=e&region=eu-west-1");
  ASSERT_TRUE(destination.ok()) << destination.status();
  EXPECT_EQ((*destination)->label(), "redshift://work/dev/s/e");
  EXPECT_EQ((*destination)->LedgerName(RecordType::kEvent), "redshift://work.eu-west-1/dev/s.e");
  EXPECT_TRUE((*destination)->CheckConfig(RecordType::kEvent).ok());
  EXPECT_FALSE((*destination)->CheckConfig(RecordType::kUser).ok());
  EXPECT_NE((*destination)->cursor(RecordType::kEvent), nullptr);
  EXPECT_NE((*destination)->NewSink(RecordType::kEvent), nullptr);
  const auto server = Open("redshift://u@h:5439/dev/s");
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_TRUE((*server)->CheckConfig(RecordType::kUser).ok());
}

TEST_F(OpenDestinationTest, BigqueryIsStagedAndConnectsLater) {
  const auto opened = Open("bigquery://p/d?table=e&age=10s");
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ((*opened)->label(), "bigquery://p/d/e");
  EXPECT_EQ((*opened)->LedgerName(RecordType::kEvent), "bigquery://p/d/e");
  EXPECT_NE((*opened)->staging(RecordType::kEvent), nullptr);
  EXPECT_EQ((*opened)->NewSink(RecordType::kEvent), nullptr);
  EXPECT_EQ((*opened)->staging(RecordType::kUser), nullptr);
  EXPECT_TRUE(absl::IsInvalidArgument((*opened)->CheckConfig(RecordType::kUser)));
  EXPECT_EQ((*opened)->DropNames(),
            (std::vector<std::string>{"the table p.d.e", "the view p.d.e_deduped"}));
  RunOptions options;
  (*opened)->AdaptOptions(options);
  EXPECT_EQ(options.commit.age, absl::Seconds(10));
  EXPECT_EQ(options.commit.linger, absl::Seconds(1));

  const auto loads = Open("bigquery://p/d?table=e&bucket=gs://b/x");
  ASSERT_TRUE(loads.ok()) << loads.status();
  EXPECT_EQ((*loads)->LedgerName(RecordType::kEvent), "bigquery://p/d/e");
  EXPECT_NE((*loads)->staging(RecordType::kEvent), nullptr);
  EXPECT_EQ((*loads)->NewSink(RecordType::kEvent), nullptr);
  (*loads)->AdaptOptions(options);
  EXPECT_EQ(options.commit.age, absl::Minutes(2));
  EXPECT_EQ(options.commit.linger, absl::Seconds(1));

  const auto direct = Open("bigquery://p/d?table=e&method=insert_all");
  ASSERT_TRUE(direct.ok()) << direct.status();
  EXPECT_EQ((*direct)->staging(RecordType::kEvent), nullptr);
  EXPECT_NE((*direct)->NewSink(RecordType::kEvent), nullptr);

  const DestinationSetup half{
      .environment = [](std::string_view name) -> std::optional<std::string> {
        if (name == "BIGQUERY_EMULATOR_HOST") return "127.0.0.1:9";
        return std::nullopt;
      },
      .mixpanel = setup_.mixpanel};
  EXPECT_THAT(std::string(ToStd(OpenDestination("bigquery://p/d", half).status().message())),
              HasSubstr("set both BIGQUERY_EMULATOR_HOST and BIGQUERY_STORAGE_EMULATOR_HOST"));
}

TEST_F(OpenDestinationTest, ErrorsSayWhatToWrite) {
  EXPECT_THAT(Error("mixpanell"),
              AllOf(HasSubstr("unknown destination \"mixpanell\""),
                    HasSubstr("mixpanel, null:, postgres://"), HasSubstr("--destinations")));
  EXPECT_THAT(Error("postgres://user:hidden@host/db"),
              AllOf(HasSubstr("destination postgres: "), Not(HasSubstr("hidden"))));
  EXPECT_THAT(Error("mixpanel://hidden@host"),
              AllOf(HasSubstr("write mixpanel, with options after"), Not(HasSubstr("hidden"))));
  EXPECT_THAT(Error("null:x"), HasSubstr("write null"));
  EXPECT_THAT(Error(""), HasSubstr("unknown destination"));
  EXPECT_THAT(Error("mixpanel:?projekt=1"), HasSubstr("unknown option \"projekt\""));
  for (const char* uri :
       {"ftp://u:hidden@host/", "u:hidden@host/db", "mixpanel?hidden", "lake#hidden", "%3Ahidden@h",
        "mixpanel:?region=eu#hidden", "postgres://h/d?table=t#hidden", "postgres://u:a#hidden@h/d",
        "pubsub://u:hidden@h/topic", "pubsub://p/topic?events=hidden",
        "pubsub://p?events=hid-hidden?", "pubsub:hidden", "bigquery://u:hidden@h/d",
        "bigquery://p/d?key=hidden", "bigquery://p/hidden-?", "bigquery:hidden"}) {
    EXPECT_THAT(Error(uri), Not(HasSubstr("hidden"))) << uri;
  }
}

}  // namespace
}  // namespace millrace
