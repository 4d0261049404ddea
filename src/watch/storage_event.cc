#include "watch/storage_event.h"

#include "absl/strings/escaping.h"
#include "base/status.h"
#include "base/strings.h"
#include "watch/event_json_internal.h"

namespace millrace::watch {
namespace {

constexpr int kMaxEnvelopes = 4;  // SQS in SNS in S3 is three

constexpr std::string_view kGcsFinalized = "google.cloud.storage.object.v1.finalized";
constexpr std::string_view kPubsubPublished = "google.cloud.pubsub.topic.v1.messagePublished";
constexpr std::string_view kBlobCreated = "Microsoft.Storage.BlobCreated";
constexpr std::string_view kGridValidation = "Microsoft.EventGrid.SubscriptionValidationEvent";

struct Envelope {
  std::string type, source, subject;
  absl::Time time = absl::InfinitePast();
};

// The object resource, with bucket and name from the envelope if it has none.
Json WithNames(Json data, std::string_view source, std::string_view subject) {
  static constexpr std::string_view kObjects = "objects/";
  if (data.is_null()) data = Json::object();
  if (!data.is_object()) return data;
  if (!data.contains("bucket") && source.rfind('/') != std::string_view::npos) {
    data["bucket"] = std::string(source.substr(source.rfind('/') + 1));
  }
  if (!data.contains("name") && subject.starts_with(kObjects)) {
    data["name"] = std::string(subject.substr(kObjects.size()));
  }
  return data;
}

class Reader {
 public:
  explicit Reader(StorageEvents& events) : events_(events) {}

  absl::Status ReadText(std::string_view text, int envelopes) {
    if (envelopes > kMaxEnvelopes) {
      return absl::InvalidArgumentError("too many envelopes within each other");
    }
    ASSIGN_OR_RETURN(const Json json, ParseEventJson(text));
    if (!json.is_array()) return Read(json, envelopes);
    for (const Json& event : json) RETURN_IF_ERROR(Read(event, envelopes));
    return absl::OkStatus();
  }

  // The data of a CloudEvent or of an event of Event Grid.
  absl::Status ReadEvent(const Envelope& envelope, const Json& data) {
    if (envelope.type == kGcsFinalized) {
      return AddGcsResource(WithNames(data, envelope.source, envelope.subject), events_);
    }
    if (envelope.type == kBlobCreated) {
      return AddAzureBlob(data, envelope.subject, envelope.time, events_);
    }
    if (envelope.type == kPubsubPublished)
      return AddPubsubMessage(Member(data, "message"), events_);
    if (envelope.type == kGridValidation) {
      events_.validation_code = Text(data, "validationCode");
      if (!events_.validation_code.empty()) return absl::OkStatus();
      return absl::InvalidArgumentError("the validation request has no validationCode");
    }
    ++events_.others;
    return absl::OkStatus();
  }

 private:
  absl::Status Read(const Json& json, int envelopes) {
    if (Has(json, "specversion")) return ReadCloudEvent(json);
    if (Has(json, "Records")) return ReadRecords(Member(json, "Records"), envelopes);
    if (Has(json, "detail-type")) return AddS3BridgeEvent(json, events_);
    if (Has(json, "eventType") && Has(json, "data")) {
      return ReadEvent(
          {Text(json, "eventType"), "", Text(json, "subject"), EventTime(Text(json, "eventTime"))},
          Member(json, "data"));
    }
    if (Member(json, "message").is_object()) {
      return AddPubsubMessage(Member(json, "message"), events_);
    }
    if (Has(json, "Type") && Has(json, "Message")) return ReadSns(json, envelopes);
    if (Member(json, "context").is_object()) return ReadFunctionsEvent(json);
    if (Has(json, "bucket") && Has(json, "name")) return AddGcsResource(json, events_);
    if (Text(json, "Event") == "s3:TestEvent") {
      ++events_.others;
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(
        "the body is not a storage event: expected a CloudEvent, a Pub/Sub push message, a Cloud "
        "Storage object, S3 records, or Event Grid events");
  }

  absl::Status ReadCloudEvent(const Json& json) {
    const Envelope envelope{Text(json, "type"), Text(json, "source"), Text(json, "subject"),
                            EventTime(Text(json, "time"))};
    if (!Has(json, "data_base64")) return ReadEvent(envelope, Member(json, "data"));
    std::string data;
    if (!absl::Base64Unescape(Text(json, "data_base64"), &data)) {
      return absl::InvalidArgumentError("data_base64 of the CloudEvent is not base64");
    }
    ASSIGN_OR_RETURN(const Json parsed, ParseEventJson(data));
    return ReadEvent(envelope, parsed);
  }

  absl::Status ReadRecords(const Json& records, int envelopes) {
    if (!records.is_array()) return absl::InvalidArgumentError("Records is not an array");
    for (const Json& record : records) {
      if (Text(record, "eventSource") == "aws:sqs") {
        RETURN_IF_ERROR(ReadText(Text(record, "body"), envelopes + 1));
      } else if (Text(record, "EventSource") == "aws:sns") {
        RETURN_IF_ERROR(ReadText(Text(Member(record, "Sns"), "Message"), envelopes + 1));
      } else {
        RETURN_IF_ERROR(AddS3Record(record, events_));
      }
    }
    return absl::OkStatus();
  }

  absl::Status ReadSns(const Json& json, int envelopes) {
    const std::string type = Text(json, "Type");
    if (type == "Notification") return ReadText(Text(json, "Message"), envelopes + 1);
    ++events_.others;
    if (type == "SubscriptionConfirmation") events_.confirmation_url = Text(json, "SubscribeURL");
    return absl::OkStatus();
  }

  absl::Status ReadFunctionsEvent(const Json& json) {
    const Json& context = Member(json, "context");
    if (Text(context, "eventType") == "google.storage.object.finalize") {
      return AddGcsResource(Member(json, "data"), events_);
    }
    ++events_.others;
    return absl::OkStatus();
  }

  StorageEvents& events_;
};

}  // namespace

absl::StatusOr<StorageEvents> ParseStorageEvents(const HeaderLookup& header,
                                                 std::string_view body) {
  StorageEvents events;
  Reader reader(events);
  const Envelope envelope{std::string(header("ce-type")), std::string(header("ce-source")),
                          std::string(header("ce-subject")),
                          EventTime(std::string(header("ce-time")))};
  if (envelope.type.empty()) {
    RETURN_IF_ERROR(reader.ReadText(body, 1));
    return events;
  }
  Json data;
  if (!body.empty()) {
    ASSIGN_OR_RETURN(data, ParseEventJson(body));
  }
  RETURN_IF_ERROR(reader.ReadEvent(envelope, data));
  return events;
}

}  // namespace millrace::watch
