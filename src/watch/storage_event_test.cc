#include "watch/storage_event.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/escaping.h"
#include "base/json_writer.h"
#include "base/strings.h"

namespace millrace::watch {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Headers = std::map<std::string, std::string>;

absl::StatusOr<StorageEvents> Parse(std::string_view body, const Headers& headers = {}) {
  return ParseStorageEvents(
      [&](std::string_view name) -> std::string_view {
        const auto found = headers.find(std::string(name));
        return found == headers.end() ? std::string_view() : found->second;
      },
      body);
}

std::string Quoted(std::string_view text) {
  std::string json;
  AppendJsonString(json, text);
  return json;
}

// An object of the JSON API, as notifications carry it.
constexpr char kGcsObject[] = R"({
  "kind": "storage#object",
  "id": "my-bucket/events/day=01/part 0.parquet/1713928381988123",
  "selfLink": "https://www.googleapis.com/storage/v1/b/my-bucket/o/events%2Fday=01%2Fpart%200.parquet",
  "name": "events/day=01/part 0.parquet",
  "bucket": "my-bucket",
  "generation": "1713928381988123",
  "metageneration": "1",
  "contentType": "application/octet-stream",
  "timeCreated": "2024-04-24T03:13:01.995Z",
  "updated": "2024-04-24T03:13:05.000Z",
  "storageClass": "STANDARD",
  "size": "70123456",
  "md5Hash": "7Qdih1MuhjZehB6Sv8UNjA==",
  "crc32c": "yZRlqg==",
  "etag": "CJvA1q+v2oUDEAE="
})";

constexpr char kS3Records[] = R"({"Records": [{
  "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-west-1",
  "eventTime": "2024-04-24T03:13:01.988Z", "eventName": "ObjectCreated:Put",
  "userIdentity": {"principalId": "AIDAJDPLRKLG7UEXAMPLE"},
  "requestParameters": {"sourceIPAddress": "127.0.0.1"},
  "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyUVURIY8"},
  "s3": {"s3SchemaVersion": "1.0", "configurationId": "all",
         "bucket": {"name": "my-bucket", "ownerIdentity": {"principalId": "A3NL1KOZZKExample"},
                    "arn": "arn:aws:s3:::my-bucket"},
         "object": {"key": "events/day%3D01/part+0%2B1.ndjson", "size": 1024,
                    "eTag": "d41d8cd98f00b204e9800998ecf8427e",
                    "versionId": "096fKKXTRTtl3on89fVO.nfljtsv6qko",
                    "sequencer": "0055AED6DCD90281E5"}}}]})";

constexpr char kGridEvent[] = R"({
  "topic": "/subscriptions/1/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/acct",
  "subject": "/blobServices/default/containers/events/blobs/day=01/part 0.csv",
  "eventType": "Microsoft.Storage.BlobCreated",
  "eventTime": "2024-04-24T03:13:01.9881234Z",
  "id": "831e1650-001e-001b-66ab-eeb76e069631",
  "data": {"api": "PutBlockList", "clientRequestId": "6d79dbfb", "requestId": "831e1650",
           "eTag": "0x8D4BCC2E4835CD0", "contentType": "text/csv", "contentLength": 524288,
           "blobType": "BlockBlob",
           "url": "https://acct.blob.core.windows.net/events/day=01/part%200.csv",
           "sequencer": "00000000000004420000000000028963",
           "storageDiagnostics": {"batchId": "b68529f3"}},
  "dataVersion": "", "metadataVersion": "1"})";

constexpr char kGcsUri[] = "gs://my-bucket/events/day=01/part 0.parquet";
constexpr char kS3Uri[] = "s3://my-bucket/events/day=01/part 0+1.ndjson";
constexpr char kAzureUri[] = "az://events/day=01/part 0.csv";

struct Form {
  std::string name;
  std::string body;
  Headers headers;
  std::string uri;
  std::string version;
};

std::string PubsubMessage(std::string_view type = "OBJECT_FINALIZE") {
  return StrCat(R"({"data": ")", absl::Base64Escape(kGcsObject), R"(",
    "attributes": {"notificationConfig": "projects/_/buckets/my-bucket/notificationConfigs/3",
      "eventType": ")",
                type, R"(", "payloadFormat": "JSON_API_V1", "bucketId": "my-bucket",
      "objectId": "events/day=01/part 0.parquet", "objectGeneration": "1713928381988123",
      "eventTime": "2024-04-24T03:13:01.988123Z"},
    "messageId": "2070443601311540", "message_id": "2070443601311540",
    "publishTime": "2024-04-24T03:13:02.100Z", "publish_time": "2024-04-24T03:13:02.100Z"})");
}

std::string PubsubPush(std::string_view type = "OBJECT_FINALIZE") {
  return StrCat(R"({"message": )", PubsubMessage(type),
                R"(, "subscription": "projects/p/subscriptions/s", "deliveryAttempt": 1})");
}

std::string Sqs(std::string_view body) {
  return StrCat(R"({"Records": [{"messageId": "059f36b4", "receiptHandle": "AQEBwJ", "body": )",
                Quoted(body), R"(, "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {}, "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:1:q", "awsRegion": "eu-west-1"}]})");
}

std::string SnsRecord(std::string_view message) {
  return StrCat(R"({"Records": [{"EventVersion": "1.0", "EventSource": "aws:sns", "Sns": {
                "Type": "Notification", "MessageId": "95df01b4", "Subject": "Amazon S3 Notification",
                "Message": )",
                Quoted(message), "}}]}");
}

std::string SnsDelivery(std::string_view message) {
  return StrCat(R"({"Type": "Notification", "MessageId": "22b80b92", "TopicArn": "arn:aws:sns:x",
                "Subject": "Amazon S3 Notification", "Message": )",
                Quoted(message),
                R"(, "Timestamp": "2024-04-24T03:13:02.000Z", "SignatureVersion": "1"})");
}

std::vector<Form> Forms() {
  constexpr char kGeneration[] = "1713928381988123";
  constexpr char kS3Version[] = "096fKKXTRTtl3on89fVO.nfljtsv6qko";
  const Headers gcs = {{"ce-specversion", "1.0"},
                       {"ce-id", "1"},
                       {"ce-type", "google.cloud.storage.object.v1.finalized"},
                       {"ce-source", "//storage.googleapis.com/projects/_/buckets/my-bucket"},
                       {"ce-subject", "objects/events/day=01/part 0.parquet"},
                       {"ce-time", "2024-04-24T03:13:01.995Z"}};
  const std::string structured = StrCat(
      R"({"specversion": "1.0", "id": "1", "type": "google.cloud.storage.object.v1.finalized",
          "source": "//storage.googleapis.com/projects/_/buckets/my-bucket",
          "subject": "objects/events/day=01/part 0.parquet", "time": "2024-04-24T03:13:01.995Z",)");
  return {
      {"GcsBinary", kGcsObject, gcs, kGcsUri, kGeneration},
      {"GcsBinaryWithoutBody", "", gcs, kGcsUri, ""},
      {"GcsStructured",
       StrCat(structured, "\"data\": ", kGcsObject, "}"),
       {},
       kGcsUri,
       kGeneration},
      {"GcsStructuredBase64",
       StrCat(structured, "\"data_base64\": \"", absl::Base64Escape(kGcsObject), "\"}"),
       {},
       kGcsUri,
       kGeneration},
      {"GcsBatched",
       StrCat("[", structured, "\"data\": ", kGcsObject, "}]"),
       {},
       kGcsUri,
       kGeneration},
      {"GcsBare", kGcsObject, {}, kGcsUri, kGeneration},
      {"FunctionsGen1",
       StrCat(R"({"context": {"eventId": "1", "timestamp": "2024-04-24T03:13:01.995Z",
               "eventType": "google.storage.object.finalize",
               "resource": {"service": "storage.googleapis.com"}}, "data": )",
              kGcsObject, "}"),
       {},
       kGcsUri,
       kGeneration},
      {"PubsubPush", PubsubPush(), {}, kGcsUri, kGeneration},
      {"PubsubByEventarc",
       StrCat(R"({"message": )", PubsubMessage(), "}"),
       {{"ce-type", "google.cloud.pubsub.topic.v1.messagePublished"},
        {"ce-source", "//pubsub.googleapis.com/projects/p/topics/t"}},
       kGcsUri,
       kGeneration},
      {"S3Records", kS3Records, {}, kS3Uri, kS3Version},
      {"S3InSqs", Sqs(kS3Records), {}, kS3Uri, kS3Version},
      {"S3InSns", SnsRecord(kS3Records), {}, kS3Uri, kS3Version},
      {"S3InSnsInSqs", Sqs(SnsDelivery(kS3Records)), {}, kS3Uri, kS3Version},
      {"S3BySnsDelivery", SnsDelivery(kS3Records), {}, kS3Uri, kS3Version},
      {"S3ByEventBridge",
       R"({"version": "0", "id": "17793124", "detail-type": "Object Created", "source": "aws.s3",
           "account": "1", "time": "2024-04-24T03:13:01Z", "region": "eu-west-1",
           "resources": ["arn:aws:s3:::my-bucket"],
           "detail": {"version": "0", "bucket": {"name": "my-bucket"},
             "object": {"key": "events/day=01/part 0+1.ndjson", "size": 5,
                        "etag": "b1946ac92492d2347c6235b4d2611184", "sequencer": "00617F08299329D189"},
             "request-id": "N4N7GDK58NMKJ12R", "requester": "1", "reason": "PutObject"}})",
       {},
       kS3Uri,
       "b1946ac92492d2347c6235b4d2611184"},
      {"GridSchema", StrCat("[", kGridEvent, "]"), {}, kAzureUri, "0x8D4BCC2E4835CD0"},
      {"GridSchemaOneEvent", kGridEvent, {}, kAzureUri, "0x8D4BCC2E4835CD0"},
      {"GridCloudEvent",
       R"([{"specversion": "1.0", "type": "Microsoft.Storage.BlobCreated", "id": "1",
            "source": "/subscriptions/1/providers/Microsoft.Storage/storageAccounts/acct",
            "subject": "/blobServices/default/containers/events/blobs/day=01/part 0.csv",
            "time": "2024-04-24T03:13:01Z",
            "data": {"api": "PutBlob", "eTag": "0x8D", "contentLength": 1,
                     "url": "https://acct.blob.core.windows.net/events/day=01/part%200.csv"}}])",
       {},
       kAzureUri,
       "0x8D"},
      {"GridBinaryWithUrlOnly",
       R"({"api": "FlushWithClose", "eTag": "0x8D",
           "url": "https://acct.blob.core.windows.net/events/day=01/part%200.csv"})",
       {{"ce-type", "Microsoft.Storage.BlobCreated"}},
       kAzureUri,
       "0x8D"},
  };
}

class StorageEventForms : public testing::TestWithParam<Form> {};

TEST_P(StorageEventForms, NameTheirObject) {
  const auto events = Parse(GetParam().body, GetParam().headers);
  ASSERT_TRUE(events.ok()) << events.status();
  ASSERT_THAT(events->objects, SizeIs(1));
  EXPECT_EQ(events->objects[0].uri, GetParam().uri);
  EXPECT_EQ(events->objects[0].version, GetParam().version);
  EXPECT_EQ(events->others, 0u);
}

// A truncated body is rejected or names fewer objects; it never crashes.
TEST_P(StorageEventForms, TruncatedBodiesAreRejected) {
  const std::string& body = GetParam().body;
  for (size_t size = 1; size + 1 < body.size(); size += 7) {
    EXPECT_FALSE(Parse(body.substr(0, size), GetParam().headers).ok()) << size;
  }
}

INSTANTIATE_TEST_SUITE_P(All, StorageEventForms, testing::ValuesIn(Forms()),
                         [](const auto& info) { return info.param.name; });

TEST(StorageEvent, SaysWhenTheObjectWasWritten) {
  const auto written = [](const absl::StatusOr<StorageEvents>& events) {
    return absl::FormatTime(absl::RFC3339_full, events->objects.at(0).written, absl::UTCTimeZone());
  };
  EXPECT_EQ(written(Parse(kGcsObject)), "2024-04-24T03:13:01.995+00:00");
  EXPECT_EQ(written(Parse(PubsubPush())), "2024-04-24T03:13:01.988123+00:00");
  EXPECT_EQ(written(Parse(kS3Records)), "2024-04-24T03:13:01.988+00:00");
  EXPECT_EQ(written(Parse(kGridEvent)), "2024-04-24T03:13:01.9881234+00:00");
  EXPECT_EQ(
      Parse(R"({"bucket": "b", "name": "n", "timeCreated": "yesterday"})")->objects[0].written,
      absl::InfinitePast());
}

TEST(StorageEvent, OtherEventsAreCounted) {
  for (const std::string& body :
       {PubsubPush("OBJECT_DELETE"), PubsubPush("OBJECT_METADATA_UPDATE"),
        std::string(R"({"message": {"data": "aGVsbG8=", "messageId": "1"}})"),
        std::string(R"({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"})"),
        std::string(R"({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectRemoved:Delete",
                         "s3": {"bucket": {"name": "b"}, "object": {"key": "k"}}}]})"),
        std::string(R"({"detail-type": "Object Deleted", "source": "aws.s3", "detail": {}})"),
        std::string(R"({"specversion": "1.0", "data": {},
                        "type": "google.cloud.storage.object.v1.deleted"})"),
        std::string(R"([{"eventType": "Microsoft.Storage.BlobDeleted", "data": {}}])"),
        std::string(R"([{"eventType": "Microsoft.Storage.BlobCreated", "subject": "x",
                         "data": {"api": "CreateFile", "contentLength": 0}}])")}) {
    const auto events = Parse(body);
    ASSERT_TRUE(events.ok()) << events.status() << " " << body;
    EXPECT_THAT(events->objects, IsEmpty()) << body;
    EXPECT_EQ(events->others, 1u) << body;
  }
}

TEST(StorageEvent, SeveralObjectsInOneRequest) {
  const auto events = Parse(StrCat("[", kGridEvent, ",", kGridEvent, "]"));
  ASSERT_TRUE(events.ok());
  EXPECT_THAT(events->objects, SizeIs(2));
}

TEST(StorageEvent, HandshakesAreSeen) {
  const auto grid = Parse(R"([{"id": "2d1781af", "topic": "/subscriptions/1", "subject": "",
      "data": {"validationCode": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6",
               "validationUrl": "https://rp-eastus2.eventgrid.azure.net:553/eventsubscriptions/x"},
      "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
      "eventTime": "2024-01-25T22:12:19.4556811Z", "metadataVersion": "1", "dataVersion": "1"}])");
  ASSERT_TRUE(grid.ok()) << grid.status();
  EXPECT_EQ(grid->validation_code, "512d38b6-c7b8-40c8-89fe-f46f9e9622b6");
  const auto sns = Parse(R"({"Type": "SubscriptionConfirmation", "MessageId": "165545c9",
      "Token": "2336412f37", "TopicArn": "arn:aws:sns:x", "Message": "You have chosen ...",
      "SubscribeURL": "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription"})");
  ASSERT_TRUE(sns.ok()) << sns.status();
  EXPECT_EQ(sns->confirmation_url,
            "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription");
}

TEST(StorageEvent, RejectsOtherBodiesWithAReason) {
  const auto error = [](std::string_view body, const Headers& headers = {}) {
    return std::string(Parse(body, headers).status().message());
  };
  EXPECT_THAT(error(""), HasSubstr("not valid JSON"));
  EXPECT_THAT(error("{"), HasSubstr("not valid JSON"));
  EXPECT_THAT(error("7"), HasSubstr("not a storage event"));
  EXPECT_THAT(error("{}"), HasSubstr("not a storage event"));
  EXPECT_THAT(error(R"({"bucket": "b", "name": ""})"), HasSubstr("names no object"));
  EXPECT_THAT(error(R"({"bucket": "../b", "name": "x"})"), HasSubstr("names no object"));
  EXPECT_THAT(error(R"({"bucket": "b/c", "name": "x"})"), HasSubstr("names no object"));
  EXPECT_THAT(error(R"({"bucket": "b", "name": "a\u0000b"})"), HasSubstr("names no object"));
  EXPECT_THAT(error(StrCat(R"({"bucket": "b", "name": ")", std::string(1025, 'x'), "\"}")),
              HasSubstr("names no object"));
  EXPECT_THAT(error(R"({"Records": 7})"), HasSubstr("not an array"));
  EXPECT_THAT(error(R"({"message": {"data": "no base64!"}})"), HasSubstr("base64"));
  EXPECT_THAT(
      error(R"({"message": {"attributes": {"eventType": "OBJECT_FINALIZE", "bucketId": "b1b",
                        "objectId": "k", "objectGeneration": "latest"}}})"),
      HasSubstr("objectGeneration is 'latest'"));
  EXPECT_THAT(error(R"([{"eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
                         "data": {}}])"),
              HasSubstr("validationCode"));
  EXPECT_THAT(error(Sqs(Sqs(Sqs(Sqs(kS3Records))))), HasSubstr("envelopes"));
  EXPECT_THAT(error("x", {{"ce-type", "google.cloud.storage.object.v1.finalized"}}),
              HasSubstr("not valid JSON"));
}

TEST(StorageEvent, SizesAreBounded) {
  EXPECT_FALSE(Parse(std::string(1 << 20, '[')).ok());
  std::string many = "[";
  for (size_t i = 0; i <= kMaxEvents; ++i) many += R"({"bucket": "b", "name": "n"},)";
  many.back() = ']';
  EXPECT_THAT(std::string(Parse(many).status().message()), HasSubstr("more than 1000"));
}

}  // namespace
}  // namespace millrace::watch
