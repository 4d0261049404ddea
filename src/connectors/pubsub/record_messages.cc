#include "connectors/pubsub/record_messages.h"

#include <map>
#include <string>
#include <utility>

#include "base/event_identity.h"
#include "base/hash.h"
#include "base/strings.h"
#include "connectors/pubsub/message.h"
#include "connectors/pubsub/pubsub.pb.h"

namespace millrace::pubsub {
namespace {

namespace wire = google::pubsub::v1;

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kNdjson = "application/x-ndjson";
// Never less than what the message needs beside its lines: framing, and the attributes that are not
// of the record, with theirs.
constexpr size_t kMessageBytes = 128;
constexpr size_t kAttributeBytes = 32;  // the framing of one, and its name

void SetAttribute(wire::PubsubMessage& message, const char* name, std::string_view value) {
  (*message.mutable_attributes())[name].assign(value.data(), value.size());
}

RefusedRow Refuse(std::string_view code, std::string_view field, std::string message) {
  return {.code = std::string(code), .field = std::string(field), .message = std::move(message)};
}

}  // namespace

RecordMessages::RecordMessages(const MessageOptions& options, const PublishPlan::Limits& request)
    : options_(options),
      request_(request),
      parses_(options.ordered ||
              (options.attributes && !options.batches && options.type == RecordType::kEvent)),
      parser_(options.type),
      flat_writer_(options.type),
      event_(options.type, "event"),
      insert_id_(options.type, "insert_id"),
      distinct_id_(options.type, "distinct_id"),
      user_id_(options.type, "user_id"),
      device_id_(options.type, "device_id"),
      group_id_(options.type, "group_id") {}

void RecordMessages::Prepare(const Batch& batch) {
  batch_ = &batch;
  flat_.clear();
  texts_.clear();
  refused_.clear();
  rows_.assign(batch.rows(), Row());
  lanes_.assign(options_.ordered ? kKeyLanes : 0, Lane());
  open_ = {.messages = 0};
  for (size_t number = 0; number < batch.rows(); ++number) {
    Row& row = rows_[number];
    if (std::optional<RefusedRow> why = PrepareRow(batch, number, row)) {
      why->row = number;
      refused_.push_back(*std::move(why));
      continue;
    }
    AddToLane(row, {.row = number,
                    .messages = row.line_count,
                    .bytes = static_cast<uint32_t>(WireBytes(row))});
  }
}

std::optional<RefusedRow> RecordMessages::PrepareRow(const Batch& batch, size_t number, Row& row) {
  constexpr std::string_view kInvalid = "invalid_record";
  if (parses_) {
    if (const absl::Status parsed = parser_.Parse(batch.row(number)); !parsed.ok()) {
      return Refuse(kInvalid, "", std::string(ToStd(parsed.message())));
    }
    FindTexts(row);
  }
  if (options_.form == Form::kFlat) {
    row.lines.begin = flat_.size();
    const absl::StatusOr<size_t> lines = flat_writer_.Append(batch.row(number), flat_);
    if (!lines.ok()) return Refuse(kInvalid, "", std::string(ToStd(lines.status().message())));
    row.lines.end = flat_.size();
    row.line_count = static_cast<uint32_t>(*lines);
  } else {
    row.lines = {batch.start(number), batch.row_ends[number]};
  }
  for (const auto& [name, slice] :
       {std::pair("event", row.event), std::pair("insert_id", row.insert_id)}) {
    const size_t bytes = slice.end - slice.begin;
    if (bytes <= kMaxAttributeValueBytes) continue;
    return Refuse("attribute_too_large", name,
                  StrCat("the attribute ", name, " would have ", bytes, " bytes; Pub/Sub takes ",
                         kMaxAttributeValueBytes, " (attributes=none sends the record without)"));
  }
  if (const size_t bytes = row.key.end - row.key.begin; bytes > kMaxOrderingKeyBytes) {
    return Refuse("ordering_key_too_large",
                  options_.type == RecordType::kGroup ? "$group_id" : "distinct_id",
                  StrCat("the ordering key would have ", bytes, " bytes; Pub/Sub takes ",
                         kMaxOrderingKeyBytes));
  }
  if (const size_t bytes = WireBytes(row); bytes > kMaxRequestBytes) {
    return Refuse(
        "message_too_large", "",
        StrCat("the message would have ", bytes, " bytes; at most ", kMaxRequestBytes, " go in"));
  }
  return std::nullopt;
}

void RecordMessages::FindTexts(Row& row) {
  if (options_.attributes && !options_.batches) {
    row.event = Keep(event_.Find(parser_));
    row.insert_id = Keep(insert_id_.Find(parser_));
  }
  if (options_.ordered) row.key = Keep(FindKey());
}

RecordMessages::Slice RecordMessages::Keep(std::string_view text) {
  const size_t begin = texts_.size();
  texts_.Append(text);
  return {begin, texts_.size()};
}

std::string_view RecordMessages::FindKey() {
  if (options_.type == RecordType::kGroup) return group_id_.Find(parser_);
  const std::string_view distinct_id = distinct_id_.Find(parser_);
  if (!distinct_id.empty()) return distinct_id;
  key_ = ResolveDistinctId("", user_id_.Find(parser_), device_id_.Find(parser_));
  return key_;
}

size_t RecordMessages::WireBytes(const Row& row) const {
  const size_t texts = row.event.end - row.event.begin + row.insert_id.end - row.insert_id.begin +
                       row.key.end - row.key.begin + 3 * kAttributeBytes;
  return row.lines.end - row.lines.begin + row.line_count * (texts + kMessageBytes);
}

void RecordMessages::AddToLane(const Row& row, const SizedRow& sized) {
  if (!row.key.empty()) {
    lanes_[HashBytes(Text(row.key)).low % kKeyLanes].push_back(sized);
    return;
  }
  open_.messages += sized.messages;
  open_.bytes += sized.bytes;
  const bool is_open = open_.messages > sized.messages;
  if (!is_open || open_.messages > request_.messages || open_.bytes > request_.bytes) {
    lanes_.emplace_back();
    open_ = sized;
  }
  lanes_.back().push_back(sized);
}

std::string_view RecordMessages::Lines(const Row& row) const {
  const ByteBuffer& bytes = options_.form == Form::kFlat ? flat_ : batch_->bytes;
  return bytes.view(row.lines.begin, row.lines.end);
}

void RecordMessages::AppendTo(wire::PublishRequest& request,
                              absl::Span<const SizedRow> rows) const {
  if (options_.batches) return AppendBatches(request, rows);
  for (const SizedRow& row : rows) AppendMessages(request, rows_[row.row]);
}

void RecordMessages::AppendMessages(wire::PublishRequest& request, const Row& row) const {
  std::string_view lines = Lines(row);
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(line.size() + 1);
    wire::PubsubMessage& message = *request.add_messages();
    message.set_data(line.data(), line.size());
    const std::string_view key = Text(row.key);
    if (!key.empty()) message.set_ordering_key(key.data(), key.size());
    if (!options_.attributes) continue;
    SetAttribute(message, "record_type", NameOf(options_.type));
    SetAttribute(message, "content_type", kJson);
    if (!row.event.empty()) SetAttribute(message, "event", Text(row.event));
    if (!row.insert_id.empty()) SetAttribute(message, "insert_id", Text(row.insert_id));
  }
}

void RecordMessages::AppendBatches(wire::PublishRequest& request,
                                   absl::Span<const SizedRow> rows) const {
  struct OneBatch {
    wire::PubsubMessage* message = nullptr;
    size_t records = 0;
  };
  std::map<std::string_view, OneBatch> batches;  // by key
  for (const SizedRow& sized : rows) {
    const Row& row = rows_[sized.row];
    const std::string_view key = Text(row.key);
    OneBatch& batch = batches[key];
    if (batch.message == nullptr) {
      batch.message = request.add_messages();
      if (!key.empty()) batch.message->set_ordering_key(key.data(), key.size());
    }
    const std::string_view lines = Lines(row);
    batch.message->mutable_data()->append(lines.data(), lines.size());
    batch.records += row.line_count;
  }
  if (!options_.attributes) return;
  for (const auto& [key, batch] : batches) {
    SetAttribute(*batch.message, "record_type", NameOf(options_.type));
    SetAttribute(*batch.message, "content_type", kNdjson);
    SetAttribute(*batch.message, "records", StrCat(batch.records));
  }
}

}  // namespace millrace::pubsub
