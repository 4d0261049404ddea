// Records to the messages of a topic (docs/connectors/pubsub.md, "Messages").
#ifndef MILLRACE_CONNECTORS_PUBSUB_RECORD_MESSAGES_H_
#define MILLRACE_CONNECTORS_PUBSUB_RECORD_MESSAGES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "base/batch.h"
#include "base/byte_buffer.h"
#include "base/record_type.h"
#include "connectors/pubsub/publish_plan.h"
#include "pipeline/sink.h"
#include "records/column_finder.h"
#include "records/flat_writer.h"
#include "records/form.h"
#include "records/record_parser.h"

namespace google::pubsub::v1 {
class PublishRequest;
class PubsubMessage;
}  // namespace google::pubsub::v1

namespace millrace::pubsub {

// The lanes of rows with ordering keys.
inline constexpr size_t kKeyLanes = 16;

struct MessageOptions {
  RecordType type = RecordType::kEvent;
  Form form = Form::kRaw;  // or kFlat
  // A message has all lines of one request that have its ordering key. Else it has one line.
  bool batches = false;
  // Messages have an ordering key: the distinct_id of the record, or the id of the group.
  bool ordered = false;
  bool attributes = true;
};

// One thread at a time; keeps its buffers.
class RecordMessages {
 public:
  // `request`: the limits of the requests that lanes are made for.
  RecordMessages(const MessageOptions& options, const PublishPlan::Limits& request);

  // Prepares the rows of `batch`, which must not change until the next call.
  void Prepare(const Batch& batch);

  // Rows that no message can hold, ascending: "invalid_record", "message_too_large",
  // "attribute_too_large", "ordering_key_too_large".
  std::vector<RefusedRow> TakeRefused() { return std::move(refused_); }
  // The others. Rows with the same ordering key are in one lane, in their order. A lane of rows
  // without a key is one request.
  std::vector<Lane> TakeLanes() { return std::move(lanes_); }

  // Adds the messages of `rows`.
  void AppendTo(google::pubsub::v1::PublishRequest& request, absl::Span<const SizedRow> rows) const;

 private:
  struct Slice {
    size_t begin = 0;
    size_t end = 0;
    bool empty() const { return begin == end; }
  };
  struct Row {
    Slice lines;  // of the batch in the raw form, of flat_ in the other; each ends with '\n'
    uint32_t line_count = 1;
    Slice event;  // this and the next: of texts_
    Slice insert_id;
    Slice key;
  };

  std::optional<RefusedRow> PrepareRow(const Batch& batch, size_t number, Row& row);
  void FindTexts(Row& row);
  Slice Keep(std::string_view text);
  std::string_view FindKey();
  size_t WireBytes(const Row& row) const;
  void AddToLane(const Row& row, const SizedRow& sized);

  std::string_view Lines(const Row& row) const;
  std::string_view Text(Slice slice) const { return texts_.view(slice.begin, slice.end); }
  void AppendMessages(google::pubsub::v1::PublishRequest& request, const Row& row) const;
  void AppendBatches(google::pubsub::v1::PublishRequest& request,
                     absl::Span<const SizedRow> rows) const;

  const MessageOptions options_;
  const PublishPlan::Limits request_;
  const bool parses_;
  RecordParser parser_;
  FlatWriter flat_writer_;
  ColumnFinder event_;
  ColumnFinder insert_id_;
  ColumnFinder distinct_id_;
  ColumnFinder user_id_;
  ColumnFinder device_id_;
  ColumnFinder group_id_;
  const Batch* batch_ = nullptr;
  ByteBuffer flat_;
  ByteBuffer texts_;
  std::string key_;
  std::vector<Row> rows_;  // by their numbers in the batch
  std::vector<RefusedRow> refused_;
  std::vector<Lane> lanes_;
  SizedRow open_;  // the size of the last lane, if it has rows without a key; messages is 0 if not
};

}  // namespace millrace::pubsub

#endif  // MILLRACE_CONNECTORS_PUBSUB_RECORD_MESSAGES_H_
